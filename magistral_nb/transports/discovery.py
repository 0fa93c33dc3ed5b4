"""Which servers answer on this machine, what they are, and which one to ask: `Client("auto")`.

It asks 127.0.0.1 only, past every proxy, follows no redirect, sends no key, reads little and waits little. Whatever
holds a port and is no such server (a web page, another protocol, silence) is passed over.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    import httpx2

PATIENCE: Final = 0.4
"""How long a server may take to list its models, from connecting to the last byte, in seconds."""
PATIENCE_FOR_NAME: Final = 0.2
"""How long it may take to say what it is, where its list does not tell, in seconds."""
MOST_BYTES: Final = 1024 * 1024
"""A longer answer is none of a list of models."""
LONGEST_ID: Final = 200
"""No model has a longer name, in characters."""


@dataclass(frozen=True, slots=True)
class Place:
    """An address on this machine, and the names of the rows whose servers are usually there."""

    base_url: str
    row_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A server that answered.

    row_name : the row that it is known to be; None for a plain OpenAI-compatible server. models : their ids, in the
    server's order. seconds : how long its answer took. needs_key : it tells its models only to those who have a key.
    """

    base_url: str
    row_name: str | None
    models: tuple[str, ...]
    seconds: float
    needs_key: bool = False

    def __str__(self) -> str:
        return f"{self.row_name or 'a server'} at {self.base_url}"


@dataclass(frozen=True, slots=True)
class Pick:
    """The server and the model to ask, and why, in words."""

    found: Found
    model: str
    why: str


def places_of(urls: Iterable[tuple[str, str]]) -> list[Place]:
    """Return the addresses on this machine among pairs of a row's name and a URL, each once, in their order.

    >>> places_of([("vllm", "http://localhost:8000/v1"), ("mine", "http://127.0.0.1:8000/v1/")])
    [Place(base_url='http://127.0.0.1:8000/v1', row_names=('vllm', 'mine'))]
    """
    names: dict[str, list[str]] = {}
    for name, url in urls:
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost"):
            address = f"http://127.0.0.1:{parts.port or 80}{parts.path.rstrip('/')}"
            names.setdefault(address, []).append(name)
    return [Place(address, tuple(dict.fromkeys(there))) for address, there in names.items()]


def find_servers(places: Sequence[Place]) -> list[Found]:
    """Return the servers that answer, in the order of `places`; all are asked at once, so it takes under a second.

    It may be called from anywhere, a running event loop included: the asking has a thread and a loop of its own.
    """
    if not places:
        return []
    with ThreadPoolExecutor(1, thread_name_prefix="magistral_nb_auto") as thread:
        return thread.submit(lambda: asyncio.run(_find(places))).result()


def pick(found: Sequence[Found], wanted: str | None = None) -> Pick | None:
    """Return the server and the model to ask: the `wanted` model, else a Magistral, else the first; None if none is.

    >>> pick([Found("http://127.0.0.1:11434/v1", "ollama", ("qwen3:8b", "magistral:24b"), 0.01)]).why
    'ollama at http://127.0.0.1:11434/v1 serves magistral:24b'
    """
    offers = [(one, model) for one in found for model in one.models if not _NO_CHAT.search(model)]
    matching = [offer for offer in offers if wanted and wanted in (offer[1], offer[1].removesuffix(":latest"))]
    magistral = [offer for offer in offers if "magistral" in offer[1].lower()]
    best = next(iter([*matching, *magistral, *offers]), None)
    if best is None:
        return None
    chosen, model = best
    others = [describe(one) for one in found if one is not chosen]
    why = f"{chosen} serves {model}"
    if wanted and not matching:
        why += f"; none lists {wanted}"
    return Pick(chosen, model, why + (f"; also found: {', '.join(others)}" if others else ""))


def describe(found: Found) -> str:
    """Return what a server is and what it serves, in words."""
    if found.needs_key:
        return f"{found} (wants a key)"
    first = ", ".join(found.models[:_SHOWN])
    more = f" and {len(found.models) - _SHOWN} more" if len(found.models) > _SHOWN else ""
    return f"{found} ({first or 'no model'}{more})"


@dataclass(frozen=True, slots=True)
class _Sign:
    """What tells a kind of server from others. Of `owned_by`, every server says what it is about itself, anywhere.

    server : how its `Server` header begins. field : what only it says about a model. path, says : what else to ask,
    and what is in the answer. These are weaker, and count only where such a server is usually found.
    """

    owned_by: str = ""
    server: str = ""
    field: str = ""
    path: str = ""
    says: bytes = b""


_SIGNS: Final[Mapping[str, _Sign]] = {
    "vllm": _Sign(owned_by="vllm"),
    "sglang": _Sign(owned_by="sglang"),
    "llama-server": _Sign(owned_by="llamacpp", server="llama.cpp"),
    "ollama": _Sign(owned_by="library", path="/api/version", says=b'"version"'),
    "lmstudio": _Sign(owned_by="organization_owner"),
    "mlx": _Sign(server="BaseHTTP/"),
    "transformers-serve": _Sign(field="status"),
    "litellm": _Sign(path="/health/liveliness", says=b"alive"),
}
"""Read in the servers' own sources in November 2026, and seen from real servers of llama.cpp, mlx_lm and LiteLLM."""

_NO_CHAT: Final = re.compile(r"embed|rerank|whisper|\bbge-", re.IGNORECASE)
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    server: str
    body: bytes

    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


async def _find(places: Sequence[Place]) -> list[Found]:
    import ssl

    import httpx2

    # Reading certificates would take longer than all the rest, and http:// needs none.
    async with httpx2.AsyncClient(
        trust_env=False,
        follow_redirects=False,
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "magistral_nb"},
    ) as client:
        found = await asyncio.gather(*(_look_at(client, place) for place in places))
    return [one for one in found if one]


async def _look_at(client: httpx2.AsyncClient, place: Place) -> Found | None:
    began = time.perf_counter()
    answer = await _get(client, f"{place.base_url}/models")
    seconds = time.perf_counter() - began
    if answer is None:
        return None
    listed = answer.json()
    if answer.status in (401, 403) and isinstance(listed, dict):
        return Found(place.base_url, await _name(client, place, answer, []), (), seconds, needs_key=True)
    models = _models_in(listed) if answer.status == 200 else None
    if models is None:
        return None
    name = await _name(client, place, answer, models)
    return Found(place.base_url, name, tuple(model["id"] for model in models), seconds)


async def _get(client: httpx2.AsyncClient, url: str, *, patience: float = PATIENCE) -> _Answer | None:
    """Return a short answer that comes in time; None for all else that can happen at a port."""
    import httpx2

    body = bytearray()
    try:
        async with asyncio.timeout(patience), client.stream("GET", url) as response:
            async for piece in response.aiter_raw():  # as it came: nothing is unpacked
                body += piece
                if len(body) > MOST_BYTES:
                    return None
            return _Answer(response.status_code, response.headers.get("server", ""), bytes(body))
    except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError, ValueError):
        return None


def _models_in(listed: Any) -> list[dict[str, Any]] | None:
    """Return the entries of a list of models, or None if this is no such list."""
    if not isinstance(listed, dict):
        return None
    data = listed.get("data")
    is_empty = not data and listed.get("object") == "list"  # Ollama says null where it has none
    models = [one for one in data if _is_model(one)] if isinstance(data, list) else []
    return models if models or is_empty else None


def _is_model(entry: Any) -> bool:
    """Say whether this is a model with a name that can be shown: no control characters, no endless text."""
    name = entry.get("id") if isinstance(entry, dict) else None
    return isinstance(name, str) and 0 < len(name) <= LONGEST_ID and name.isprintable()


async def _name(
    client: httpx2.AsyncClient, place: Place, answer: _Answer, models: Sequence[Mapping[str, Any]]
) -> str | None:
    """Return the row that this server is known to be."""
    own = [name for name in place.row_names if name not in _SIGNS]
    if own:  # somebody wrote a row for this very address
        return own[0]
    owners = {model.get("owned_by") for model in models if isinstance(model.get("owned_by"), str)}
    for name, sign in _SIGNS.items():
        if sign.owned_by and sign.owned_by in owners:
            return name
    usual = {name: _SIGNS[name] for name in place.row_names}
    for name, sign in usual.items():
        by_server = sign.server and answer.server.startswith(sign.server)
        if by_server or (sign.field and models and sign.field in models[0]):
            return name
    asked = [name for name, sign in usual.items() if sign.path]
    said = await asyncio.gather(*(_says(client, place, _SIGNS[name]) for name in asked))
    return next((name for name, yes in zip(asked, said, strict=True) if yes), None)


async def _says(client: httpx2.AsyncClient, place: Place, sign: _Sign) -> bool:
    answer = await _get(client, urljoin(place.base_url, sign.path), patience=PATIENCE_FOR_NAME)
    return answer is not None and answer.status == 200 and sign.says in answer.body
