"""Turns as plain JSON data, and back. What is read has been checked against the schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from magistral_nb.conversations.schema import SETTINGS
from magistral_nb.conversations.turns import Turn
from magistral_nb.events import Failed
from magistral_nb.messages import Image, Message, Part, Text
from magistral_nb.replies import Reply

Data = dict[str, Any]
PLAIN = str | int | float | bool | None


def turn_data(turn: Turn) -> Data:
    """Return a turn as plain data."""
    return {
        "id": turn.id,
        "parent": turn.parent,
        "asked": [message_data(message) for message in turn.asked],
        "reply": reply_data(turn.reply),
        "failed": failed_data(turn.failed),
        "settings": settings_data(turn.settings),
    }


def turn_of(data: Mapping[str, Any]) -> Turn:
    """Return the turn that data tells of."""
    asked = tuple(Message.from_dict(message) for message in data["asked"])
    settings = settings_data(data.get("settings") or {})
    reply, failed = Reply.from_dict(data["reply"]), failed_of(data.get("failed"))
    return Turn(asked, reply, failed, settings, data["id"], data["parent"])


def message_data(message: Message) -> Data:
    """Return a message in OpenAI's shape, its content always a list of parts."""
    data: Data = {"role": message.role, "content": [_part_data(part) for part in message.parts]}
    if message.tool_calls:
        data["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return data | {name: value for name in ("tool_call_id", "name") if (value := getattr(message, name)) is not None}


def reply_data(reply: Reply) -> Data:
    """Return a reply as plain data; what was parsed from its answer is left out unless it is plain data itself."""
    data = reply.to_dict()
    return data if _is_plain(data["parsed"]) else data | {"parsed": None}


def failed_data(failed: Failed | None) -> Data | None:
    """Return what went wrong as plain data."""
    return failed.to_dict() if failed else None


def failed_of(data: Mapping[str, Any] | None) -> Failed | None:
    """Return what went wrong, as data tells it."""
    if data is None:
        return None
    return Failed(data["kind"], data["message"], data.get("hint", ""), data.get("request_id"), data.get("at", 0.0))


def settings_data(settings: Mapping[str, Any]) -> Data:
    """Return the settings that say how a question was asked. Functions, time limits and other objects are left out."""
    return {name: value for name, value in settings.items() if name in SETTINGS["properties"] and _is_plain(value)}


def _part_data(part: Part) -> Data:
    if isinstance(part, Image):
        return {"type": "image_url", "image_url": {"url": part.url}}
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    return {"type": "thinking", "thinking": part.text, "closed": part.closed}


def _is_plain(value: Any, deepest: int = 20) -> bool:
    if isinstance(value, PLAIN):
        return True
    if deepest and isinstance(value, list):
        return all(_is_plain(part, deepest - 1) for part in value)
    if deepest and isinstance(value, dict):
        return all(isinstance(name, str) and _is_plain(part, deepest - 1) for name, part in value.items())
    return False
