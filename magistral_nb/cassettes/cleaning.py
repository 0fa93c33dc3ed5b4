"""Chunks as they may be kept: without secrets, also one that came in pieces, and without what only this once was so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from magistral_nb.cassettes.format import TimedChunk
from magistral_nb.scrubbing import scrub_data, scrub_pieces

_OF_THIS_CALL: Final = frozenset(
    {"id", "created", "object", "system_fingerprint", "service_tier", "model", "provider", "timings"}
)
"""Fields of a chunk that name the call or the machine; every recording would differ in them and mean the same."""
_OF_THIS_MACHINE: Final = frozenset({"no_gpu_build"})
"""Notices about the computer that recorded."""


def worth_keeping(chunk: dict[str, Any]) -> dict[str, Any] | None:
    """Return what to keep of a chunk, or None: waits and the server's name for the request belong to that one call."""
    note = chunk.get("magistral")
    if not isinstance(note, dict):
        return {name: value for name, value in chunk.items() if name not in _OF_THIS_CALL}
    notice = note.get("notice")
    if isinstance(notice, dict) and notice.get("code") not in _OF_THIS_MACHINE:
        return {"magistral": {"notice": notice}}
    return {"magistral": {"done": True}} if note.get("done") else None


def without_secrets(chunks: Sequence[TimedChunk]) -> list[TimedChunk]:
    """Return chunks without the registered secrets. A model writes a key in pieces: each text is read as a whole."""
    copies = [(at, scrub_data(chunk)) for at, chunk in chunks]
    texts: dict[tuple[object, ...], list[tuple[Any, Any]]] = {}
    for _, chunk in copies:
        for text, holder, place in _texts(chunk, ()):
            texts.setdefault(text, []).append((holder, place))
    for places in texts.values():
        pieces = [holder[place] for holder, place in places]
        for (holder, place), clean in zip(places, scrub_pieces(pieces), strict=True):
            holder[place] = clean
    return copies


def _texts(value: Any, path: tuple[object, ...]) -> Iterator[tuple[tuple[object, ...], Any, Any]]:
    """Yield each text in a chunk: which text it goes on with, and where it stands.

    The pieces of one text stand at the same path in every chunk; in a list they go by their `index` if they have one.
    """
    if isinstance(value, dict):
        for name, part in value.items():
            if isinstance(part, str):
                yield (*path, name), value, name
            else:
                yield from _texts(part, (*path, name))
    elif isinstance(value, list):
        for place, part in enumerate(value):
            if isinstance(part, str):
                yield (*path, "text"), value, place
            else:
                number = part.get("index") if isinstance(part, dict) else None
                yield from _texts(part, (*path, number if isinstance(number, int) else "list"))
