"""A conversation from what a page or a saved notebook holds of a panel. It may be a stranger's: all is checked."""

from __future__ import annotations

import base64
import binascii
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from magistral_nb.client import Client
from magistral_nb.conversations import Conversation
from magistral_nb.conversations.schema import MARK, VERSION
from magistral_nb.errors import ConfigurationError, UnknownEndpointError
from magistral_nb.panel.wire import Data
from magistral_nb.panel.wishes import NO_PROMPT

LONGEST = 64 * 1024 * 1024


def conversation_of(transcript: Mapping[str, Any] | str, client: Client | None) -> Conversation:
    """Return the conversation that a transcript tells. Nothing in it is run.

    Without a client its endpoint is asked, if that is one of the known ones. Raises ConfigurationError.
    """
    data = _data(transcript)
    settings = data.get("settings")
    settings = settings if isinstance(settings, Mapping) else {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "transcript.json"
        path.write_text(json.dumps(_as_saved(data)), "utf-8")  # what reads files checks them, too
        try:
            return Conversation.load(path, client=client or _client(settings.get("endpoint")))
        except ConfigurationError as error:
            message = error.message.replace(str(path), "The transcript")
            raise ConfigurationError(message, hint="Begin a new panel: ChatPanel(client).") from None


def settings_of(transcript: Mapping[str, Any] | str) -> dict[str, Any]:
    """Return the settings of calls that a transcript tells, such as its instructions."""
    found = _data(transcript).get("settings")
    names = ("system", "instructions", "temperature", "top_p", "max_tokens", "seed", "keep_thinking")
    kept = {name: found[name] for name in names if name in found} if isinstance(found, Mapping) else {}
    if "system" in kept and kept["system"] is None:
        kept["system"] = NO_PROMPT
    return {name: value for name, value in kept.items() if value is not None}


def _data(transcript: Mapping[str, Any] | str) -> Mapping[str, Any]:
    if isinstance(transcript, str):
        if len(transcript) > LONGEST:
            raise _no_transcript()
        try:
            text = transcript if transcript.lstrip().startswith("{") else base64.b64decode(transcript, validate=True)
            transcript = json.loads(text)
        except (ValueError, binascii.Error, RecursionError) as error:
            raise _no_transcript() from error
    if not isinstance(transcript, Mapping) or not isinstance(transcript.get("turns"), Sequence):
        raise _no_transcript()
    return transcript


def _as_saved(data: Mapping[str, Any]) -> Data:
    """Return a transcript in the format of saved conversations; turns that were never sent are left out."""
    beside = data.get("beside")
    turns = [*data["turns"], *(beside if isinstance(beside, list) else [])]
    known = [turn for turn in turns if isinstance(turn, Mapping) and isinstance(turn.get("id"), int)]
    known.sort(key=lambda turn: turn["id"])
    ids = {turn["id"] for turn in known}
    line = [turn["id"] for turn in data["turns"] if isinstance(turn, Mapping) and turn.get("id") in ids]
    saved = [_turn(turn, ids) for turn in known]
    return {MARK: VERSION, "head": line[-1] if line else None, "turns": saved}


def _turn(turn: Mapping[str, Any], ids: set[int]) -> Data:
    parent = turn.get("parent")
    text = {"role": "user", "content": [{"type": "text", "text": turn.get("text")}]}
    return {
        "id": turn["id"],
        "parent": parent if parent in ids else None,
        "asked": turn.get("asked") or [text],
        "reply": turn.get("reply") or {"thinking": "", "answer": ""},
        "failed": turn.get("error"),
    }


def _client(endpoint: object) -> Client:
    client = Client(endpoint) if isinstance(endpoint, str) else Client()
    try:
        _ = client.endpoint
    except UnknownEndpointError:  # an address that only the author's code knows
        return Client()
    except ConfigurationError:
        pass
    return client


def _no_transcript() -> ConfigurationError:
    return ConfigurationError(
        "That is no transcript of a panel.", hint="A saved notebook holds one; or begin anew: ChatPanel(client)."
    )
