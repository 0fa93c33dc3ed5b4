"""The options of `%%magistral` and `%magistral ask`, one row each, and how a line is taken apart."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic_arguments import argument

from magistral_nb.notebook.pictures import FORMS
from magistral_nb.question import CallSettings


@dataclass(frozen=True)
class Option:
    """One option: its names, its help, and what argparse must know beside."""

    names: tuple[str, ...]
    help: str
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def takes_value(self) -> bool:
        """Whether a value follows the name."""
        return self.more.get("action") != "store_true"


def _flag(*names: str, help: str) -> Option:  # noqa: A002  argparse's own word
    return Option(names, help, {"action": "store_true"})


OPTIONS = (
    Option(("-e", "--endpoint"), "where to ask: a name from `%%magistral endpoints`, or auto"),
    Option(("-m", "--model"), "the model's id there"),
    Option(("--base-url",), "the address of any OpenAI-compatible server, often ending in /v1"),
    Option(("--key-env",), "the environment variable that holds the key for that server"),
    Option(("-s", "--system"), "replace the system prompt (thinking may stop)"),
    Option(("-i", "--instructions"), "add to the system prompt"),
    Option(("-t", "--temperature"), "0 is steady, 0.7 is the default", {"type": float}),
    Option(("--top-p",), "0.95 is the default", {"type": float}),
    Option(("--max-tokens",), "the longest reply, thinking included, in tokens", {"type": int}),
    Option(("--seed",), "the same seed gives the same reply, on servers that keep to it", {"type": int}),
    Option(("-o", "--output"), "keep the reply in a variable of this name"),
    _flag("-q", "--quiet", help="show nothing; a semicolon at the end of the line does the same"),
    _flag("-R", "--hide-thinking", help="show the answer only"),
    _flag("--dry-run", help="send nothing, and show what the model would see"),
    _flag("--jinja", help="fill in {{ name }} from the notebook's variables; without it the text is sent as typed"),
    Option(("-f", "--format"), f"how to show the reply: {', '.join(FORMS)}", {"choices": FORMS}),
)

_TAKES_VALUE = {name: option.takes_value for option in OPTIONS for name in option.names}


def with_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a magic the options; `magic_arguments` reads them from the function."""
    for option in reversed(OPTIONS):
        function = argument(*option.names, help=option.help, **option.more)(function)
    return function


def split_options(line: str) -> list[str]:
    r"""Return the words of a line of options. Quotes hold a text together and are no part of it; `\` is a letter.

    >>> split_options("-e demo -i 'be brief' --system="You are Ada."")
    ['-e', 'demo', '-i', 'be brief', '--system=You are Ada.']
    """
    try:
        return list(_lexer(StringIO(line)))
    except ValueError as error:
        raise UsageError(f"A quote is not closed in: {line.strip()}") from error


def _lexer(stream: StringIO) -> shlex.shlex:
    lexer = shlex.shlex(stream, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = lexer.escape = ""
    return lexer


def without_semicolon(line: str) -> tuple[str, bool]:
    """Return a line without the semicolon that asks for silence, and whether there was one."""
    stripped = line.rstrip()
    return (stripped[:-1], True) if stripped.endswith(";") else (line, False)


def split_ask(line: str) -> tuple[str, str]:
    """Return the options and the question of an `ask` line. The question may hold quotes and dashes of any kind.

    >>> split_ask("-t 0 What's 2 - 2?")
    ('-t 0', "What's 2 - 2?")
    """
    rest = line.lstrip()
    consumed = len(line) - len(rest)
    while line[consumed:].lstrip().startswith("-"):
        name, end = _next_word(line, consumed)
        if name == "--":
            return line[:consumed].strip(), line[end:].strip()
        if name.partition("=")[0] not in _TAKES_VALUE:
            break
        if _TAKES_VALUE[name.partition("=")[0]] and "=" not in name:
            _, end = _next_word(line, end)
        consumed = end
    return line[:consumed].strip(), line[consumed:].strip()


def _next_word(line: str, start: int) -> tuple[str, int]:
    """Return the next word, quotes respected, and where it ends."""
    stream = StringIO(line[start:])
    try:
        word = _lexer(stream).get_token() or ""
    except ValueError as error:
        raise UsageError(f"A quote is not closed in: {line[start:].strip()}") from error
    return word, start + stream.tell()


def settings_of(options: Namespace) -> CallSettings:
    """Return the options that are settings of a call, by the names of `Client`; None means not given."""
    names = ("model", "system", "instructions", "temperature", "top_p", "max_tokens", "seed")
    settings: CallSettings = {}
    for name in names:
        if (value := getattr(options, name)) is not None:
            settings[name] = value  # type: ignore[literal-required]  # the names are those of CallSettings
    return settings
