"""The file format of conversations, version 1, as a JSON Schema. `docs/conversations.md` explains it in words."""

from __future__ import annotations

from typing import Any, Final

VERSION: Final = 1
MARK: Final = "magistral_conversation"
"""The key that says that a file is a conversation, and which version of the format it has."""

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string"}
_TEXT_OR_NONE: Schema = {"type": ["string", "null"]}
_COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": 10**12}
_NUMBER: Schema = {"type": "number", "minimum": 0}
_NUMBER_OR_NONE: Schema = {"type": ["number", "null"], "minimum": 0}


def _data(required: list[str], **properties: Schema) -> Schema:
    """Return the schema of an object; keys that it does not name are allowed, and left out when it is read."""
    return {"type": "object", "required": required, "properties": properties}


def _list(of: Schema, *, most: int = 10_000) -> Schema:
    return {"type": "array", "items": of, "maxItems": most}


_PART: Schema = {
    "oneOf": [
        _data(["type", "text"], type={"const": "text"}, text=_TEXT),
        _data(["type", "thinking"], type={"const": "thinking"}, thinking=_TEXT, closed={"type": "boolean"}),
        _data(
            ["type", "image_url"],
            type={"const": "image_url"},
            image_url=_data(["url"], url={"type": "string", "pattern": "^(https?://|data:image/)"}),
        ),
    ]
}
_FUNCTION: Schema = _data(["name", "arguments"], name=_TEXT, arguments=_TEXT)
MESSAGE: Schema = _data(
    ["role", "content"],
    role={"enum": ["system", "user", "assistant", "tool"]},
    content=_list(_PART),
    tool_calls=_list(_data(["id", "function"], id=_TEXT, function=_FUNCTION)),
    tool_call_id=_TEXT_OR_NONE,
    name=_TEXT_OR_NONE,
)
_USAGE: Schema = _data(
    ["prompt_tokens", "completion_tokens"],
    prompt_tokens=_COUNT,
    completion_tokens=_COUNT,
    reasoning_tokens={"type": ["integer", "null"], "minimum": 0},
    cost=_NUMBER_OR_NONE,
    at=_NUMBER,
    estimated={"type": "boolean"},
)
REPLY: Schema = _data(
    ["thinking", "answer"],
    thinking=_TEXT,
    answer=_TEXT,
    tool_calls=_list(_data(["id", "name", "arguments"], id=_TEXT, name=_TEXT, arguments=_TEXT, at=_NUMBER)),
    finish_reason={"enum": ["stop", "length", "tool_calls", "content_filter", "interrupted", "budget", "unknown"]},
    complete={"type": "boolean"},
    usage={"oneOf": [{"type": "null"}, _USAGE]},
    seconds=_NUMBER,
    thinking_seconds=_NUMBER_OR_NONE,
    model=_TEXT,
    endpoint=_TEXT,
    request_id=_TEXT_OR_NONE,
    recorded=_TEXT_OR_NONE,
    notices=_list(_data(["code", "text"], code=_TEXT, text=_TEXT, at=_NUMBER)),
)
FAILED: Schema = _data(
    ["kind", "message"], kind=_TEXT, message=_TEXT, hint=_TEXT, request_id=_TEXT_OR_NONE, at=_NUMBER
)  # fmt: skip
SETTINGS: Schema = _data(
    [],
    model=_TEXT_OR_NONE,
    revision=_TEXT_OR_NONE,
    system=_TEXT_OR_NONE,
    instructions=_TEXT_OR_NONE,
    temperature=_NUMBER,
    top_p=_NUMBER,
    max_tokens={"type": ["integer", "null"]},
    seed={"type": ["integer", "null"]},
    stop={"oneOf": [_TEXT_OR_NONE, _list(_TEXT)]},
    keep_thinking={"enum": ["none", "last", "all"]},
)
TURN: Schema = _data(
    ["id", "parent", "asked", "reply"],
    id=_COUNT,
    parent={"type": ["integer", "null"], "minimum": 0},
    asked={**_list(MESSAGE), "minItems": 1},
    reply=REPLY,
    failed={"oneOf": [{"type": "null"}, FAILED]},
    settings=SETTINGS,
)
CONVERSATION: Schema = _data(
    [MARK, "head", "turns"],
    **{MARK: {"const": VERSION}},
    made_by=_TEXT,
    keep_thinking={"enum": ["none", "last", "all", None]},
    on_overflow={"enum": ["error", "trim"]},
    head={"type": ["integer", "null"], "minimum": 0},
    turns=_list(TURN),
)
TURN_OF_CELL: Schema = _data(
    ["asked", "continued"],
    asked=TURN["properties"]["asked"],
    continued={"type": "boolean"},
    reply=REPLY,
    failed=TURN["properties"]["failed"],
    settings=SETTINGS,
)
"""What the metadata of a notebook's cell say of its turn; the reply stands in the cell's output."""
_CELL: Schema = _data(
    ["cell_type", "source"],
    cell_type=_TEXT,
    source={"oneOf": [_TEXT, _list(_TEXT, most=10**6)]},
    metadata={"type": "object"},
    outputs=_list(_data([], data={"type": "object"})),
)
NOTEBOOK: Schema = _data(["nbformat", "cells"], nbformat={"const": 4}, cells=_list(_CELL), metadata={"type": "object"})
