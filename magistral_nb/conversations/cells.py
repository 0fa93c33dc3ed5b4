"""The text of `%%magistral` cells: how a turn is written as one, and what a cell's first line says.

What comes from a conversation never becomes code: a question is the body of a magic, which is sent and not run, and
settings are written as values without the signs that IPython fills in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from magistral_nb.client import Client
from magistral_nb.conversations.turns import Turn
from magistral_nb.endpoints import ENDPOINTS
from magistral_nb.errors import ConfigurationError
from magistral_nb.messages import Message, Text
from magistral_nb.settings import shown_address

_FLAGS = {
    "model": "-m", "system": "-s", "instructions": "-i", "temperature": "-t", "top_p": "--top-p",
    "max_tokens": "--max-tokens", "seed": "--seed", "keep_thinking": "--keep-thinking",
}  # fmt: skip
_CONFIGURED = ("model", "system", "instructions", "temperature", "top_p", "max_tokens", "seed", "keep_thinking")
_MAGIC = re.compile(r"\s*%%magistral(?=[ \t]|\n|$)(?P<line>[^\n]*)\n?")
_GOES_ON = re.compile(r"(?<!\S)(?:-[qR]*c[qR]*|--c(?:o|on|ont\w*)?)(?!\S)")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_BARE = re.compile(r"[A-Za-z0-9_.:/@+][A-Za-z0-9_.:/@+-]*")
_CONTINUE = re.compile(r"^[ \t]*%magistral[ \t]+continue[ \t]+(on|off)[ \t]*$", re.MULTILINE)


def cell_of(turn: Turn, *, first: bool) -> str | None:
    """Return the cell that asks a turn's question, or None for one that no cell can ask, such as one with a picture."""
    question = plain_question(turn.asked, first=first)
    if question is None or not question.strip():
        return None
    options = [_option(flag, turn.settings[name]) for name, flag in _FLAGS.items() if name in turn.settings]
    words = ["%%magistral", *([] if first else ["-c"]), *(option for option in options if option)]
    return f"{' '.join(words)}\n{question}"


def plain_question(asked: tuple[Message, ...], *, first: bool) -> str | None:
    """Return the text of a question that is nothing but text; a system message may stand before the first."""
    said = asked[1:] if first and asked[0].role == "system" else asked
    is_plain = len(said) == 1 and said[0].role == "user" and all(isinstance(part, Text) for part in said[0].parts)
    return said[0].text if is_plain and len(said[0].parts) == 1 else None


def setup_cell(client: Client, own: Mapping[str, Any]) -> str:
    """Return the cell that loads the magics and sets what the client was given; keys are never written."""
    return "\n".join(["%load_ext magistral_nb", *_config_lines({**_given_to(client), **own})])


def body_of(source: str) -> tuple[str, str] | None:
    """Return the options and the question of a `%%magistral` cell, or None for any other cell.

    >>> body_of("%%magistral -c\\nAnd then?")
    (' -c', 'And then?')
    """
    match = _MAGIC.match(source)
    return (match["line"], source[match.end() :]) if match else None


def goes_on(line: str, *, always: bool) -> bool:
    """Say whether a cell with these options goes on from the cells before."""
    options = _QUOTED.sub('""', line)
    return bool(_GOES_ON.search(options)) or (always and not re.search(r"(?<!\S)--new(?!\S)", options))


def continuing(source: str, before: bool) -> bool:
    """Say whether cells go on by themselves behind a cell that may hold `%magistral continue on` or `off`."""
    found = _CONTINUE.findall(source)
    return found[-1] == "on" if found else before


def _option(flag: str, value: Any) -> str:
    """Return an option of the magic's line, or "" for a value that cannot stand there."""
    text = str(value)
    if value is None or not text or not text.isprintable() or ('"' in text and "'" in text):
        return ""
    quote = "'" if '"' in text else '"'
    return f"{flag} {text if _BARE.fullmatch(text) else quote + text + quote}"


def _config_lines(values: Mapping[str, Any]) -> list[str]:
    return [f"%config Magistral.{name} = {_literal(value)}" for name, value in values.items() if value is not None]


def _literal(value: Any) -> str:
    """Return a value as Python writes it, without the braces and dollars that IPython would fill in."""
    return repr(value).replace("{", "\\x7b").replace("}", "\\x7d").replace("$", "\\x24")


def _given_to(client: Client) -> dict[str, Any]:
    try:
        row, sources = client.endpoint, client.settings.sources
    except ConfigurationError:  # nothing says where to ask: whoever runs the notebook decides
        return {}
    known = ENDPOINTS.get(row.name)
    place: dict[str, Any] = {"endpoint": row.name} if known else {}
    if row.base_url and row.base_url != (known and known.base_url):
        place["base_url"] = shown_address(row.base_url)
    wanted = {name: sources[name] for name in _CONFIGURED}
    return place | {name: told.value for name, told in wanted.items() if told.source == "argument"}
