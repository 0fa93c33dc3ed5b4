"""The HTTP clients behind a transport: made on first use, one for synchronous calls and one for each event loop."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from magistral_nb.errors import ConfigurationError
from magistral_nb.settings import Secret, Unseen
from magistral_nb.transports.addresses import is_loopback
from magistral_nb.transports.bodies import acap, cap
from magistral_nb.transports.clocks import Clocks
from magistral_nb.transports.http_errors import Wire
from magistral_nb.transports.log_scrubbing import scrub_logs
from magistral_nb.transports.tls import trust

if TYPE_CHECKING:
    import httpx2
    import openai

    Client = TypeVar("Client", httpx2.Client, httpx2.AsyncClient)


@dataclass
class Progress:
    """How far a request has come; it decides what a failure means."""

    streaming: bool = False


class HttpClients:
    """Makes `openai` clients that send our key and nothing else of this machine: no organisation, no platform facts."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: Secret | None,
        headers: Mapping[str, str],
        http_client: object | None,
        verify: bool | str | None,
        socket_path: str | None,
    ) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._headers = Unseen(headers)
        self._http_client = http_client
        self._verify = verify
        self._socket_path = socket_path
        self._lock = threading.Lock()
        self._sync: openai.OpenAI | None = None
        self._async: WeakKeyDictionary[asyncio.AbstractEventLoop, openai.AsyncOpenAI] = WeakKeyDictionary()

    def sync(self) -> openai.OpenAI:
        """Return the client for synchronous calls."""
        import httpx2
        import openai

        with self._lock:  # threads may share us, and nobody would ever close a second one
            if self._sync is None:
                own: httpx2.Client | None = self._own(httpx2.Client)
                options = self._http_options()
                transport = None
                if self._socket_path:
                    transport = httpx2.HTTPTransport(uds=self._socket_path, verify=options["verify"])
                client = own or httpx2.Client(transport=transport, event_hooks={"response": [cap]}, **options)
                self._sync = openai.OpenAI(http_client=_clocked(client, own), **self._options())
            return self._sync

    def of_running_loop(self) -> openai.AsyncOpenAI:
        """Return the client for the running event loop: connections belong to the loop they were made on."""
        import httpx2
        import openai

        loop = asyncio.get_running_loop()
        if loop not in self._async:
            own: httpx2.AsyncClient | None = self._own(httpx2.AsyncClient)
            options = self._http_options()
            transport = None
            if self._socket_path:
                transport = httpx2.AsyncHTTPTransport(uds=self._socket_path, verify=options["verify"])
            client = own or httpx2.AsyncClient(transport=transport, event_hooks={"response": [acap]}, **options)
            self._async[loop] = openai.AsyncOpenAI(http_client=_clocked(client, own), **self._options())
        return self._async[loop]

    def request_headers(self) -> dict[str, Any]:
        """Return what each request adds: without a key, no `Authorization` at all."""
        from openai import Omit

        return {} if self._api_key or "authorization" in self._own_names() else {"Authorization": Omit()}

    def close(self) -> None:
        """Close the synchronous client; those of event loops go with their loop."""
        if self._sync:
            self._sync.close()
            self._sync = None

    def __del__(self) -> None:
        self.close()

    async def aclose(self) -> None:
        """Close the synchronous client and that of the running event loop."""
        self.close()
        client = self._async.pop(asyncio.get_running_loop(), None)
        if client:
            await client.close()

    @contextmanager
    def translating(self, wire: Wire, clocks: Clocks | None = None) -> Generator[Progress, None, None]:
        """Turn the errors of the packages below into ours, with the original as the cause."""
        import httpx2
        import openai

        progress = Progress()
        try:
            yield progress
        except (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise wire.translate(error, streaming=progress.streaming, clocks=clocks) from error

    def _own(self, kind: type[Any]) -> Any:
        """Return the user's own client, if there is one. Raises ConfigurationError for one that cannot be used."""
        given = self._http_client
        if given is None or isinstance(given, kind):
            return given
        raise ConfigurationError(
            f"http_client is of the class {type(given).__module__}.{type(given).__qualname__}.",
            hint=f"Here an httpx2.{kind.__name__} is needed: chat and stream want httpx2.Client, achat and astream "
            "httpx2.AsyncClient.",
        )

    def _own_names(self) -> set[str]:
        return {name.lower() for name in self._headers}

    def _http_options(self) -> dict[str, Any]:
        # A proxy variable never catches a server on this machine.
        is_here = bool(self._socket_path) or is_loopback(self._base_url)
        is_encrypted = not is_here or self._base_url.lower().startswith("https:")  # a proxy elsewhere may be encrypted
        return {
            "trust_env": not is_here,
            "verify": trust(self._verify, is_encrypted=is_encrypted, trust_env=not is_here),
        }

    def _options(self) -> dict[str, Any]:
        from openai import Omit

        unsent: dict[str, object] = dict.fromkeys((*_UNSENT_HEADERS, *_names_of_openais_headers()), Omit())
        if self._api_key:  # said outright, or the package would prefer one of its environment's
            unsent = {name: value for name, value in unsent.items() if name.lower() != "authorization"}
            unsent["Authorization"] = f"Bearer {self._api_key.reveal()}"
        own = self._own_names()
        unsent = {name: value for name, value in unsent.items() if name.lower() not in own}
        return {
            "base_url": self._base_url,
            "api_key": self._api_key.reveal() if self._api_key else "none",
            "max_retries": 0,
            "default_headers": {**unsent, **self._headers},
        }


def _clocked(client: Client, own: object) -> Client:
    """Return the client with our clocks in it; one of the user's own is left as it is. Its logs hold no secret."""
    from magistral_nb.transports.clocked_network import put_clocks_into

    scrub_logs()
    if own is None:
        put_clocks_into(client)
    return client


_UNSENT_HEADERS = (
    "OpenAI-Organization", "OpenAI-Project", "X-Stainless-Lang", "X-Stainless-Package-Version", "X-Stainless-OS",
    "X-Stainless-Arch", "X-Stainless-Runtime", "X-Stainless-Runtime-Version", "X-Stainless-Async",
)  # fmt: skip


def _names_of_openais_headers() -> list[str]:
    """Return the headers that the package would take from its own environment variable: they are not for our use."""
    lines = os.environ.get("OPENAI_CUSTOM_HEADERS", "").split("\n")
    return [line.partition(":")[0].strip() for line in lines if ":" in line]
