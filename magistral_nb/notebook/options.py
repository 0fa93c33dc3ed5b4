"""The options of `%%magistral` and `%magistral ask`, one row each, and how a line is taken apart."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from io import StringIO
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic_arguments import argument

from magistral_nb.call_settings import CallSettings
from magistral_nb.notebook.pictures import FORMS


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
    _flag("--allow-insecure", help="let the key go over http to another machine, where others can read it"),
    Option(("-s", "--system"), "replace the system prompt (thinking may stop)"),
    Option(("-i", "--instructions"), "add to the system prompt"),
    Option(("-t", "--temperature"), "0 is steady, 0.7 is the default", {"type": float}),
    Option(("--top-p",), "0.95 is the default", {"type": float}),
    Option(("--max-tokens",), "the longest reply, thinking included, in tokens", {"type": int}),
    Option(("--seed",), "the same seed gives the same reply, on servers that keep to it", {"type": int}),
    Option(("-o", "--output"), "keep the reply in a variable of this name"),
    _flag("-q", "--quiet", help="show nothing; a semicolon at the end of the line does the same"),
    _flag("-R", "--hide-thinking", help="show the answer only"),
    Option(("-c", "--continue"), "go on from the cells before", {"action": "store_true", "dest": "continued"}),
    _flag("--new", help="begin anew, where cells go on by themselves (`continue on`)"),
    Option(
        ("--keep-thinking",), "send earlier thinking again: none, last or all", {"choices": ("none", "last", "all")}
    ),
    _flag("--dry-run", help="send nothing, and show what the model would see"),
    _flag("--jinja", help="fill in {{ name }} from the notebook's variables; without it the text is sent as typed"),
    Option(("--response-format",), "the answer must fit this variable: a pydantic model, or a JSON schema"),
    _flag("--insert-code", help="put the code of the answer into a new cell below; nothing is run"),
    Option(("-f", "--format"), f"how to show the reply: {', '.join(FORMS)}", {"choices": FORMS}),
)

_TAKES_VALUE = {name: option.takes_value for option in OPTIONS for name in option.names}


def with_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a magic the options; `magic_arguments` reads them from the function."""
    for option in reversed(OPTIONS):
        function = argument(*option.names, help=option.help, **option.more)(function)
    return function


def without_semicolon(line: str) -> tuple[str, bool]:
    """Return a line without the semicolon that asks for silence, and whether there was one."""
    stripped = line.rstrip()
    return (stripped[:-1], True) if stripped.endswith(";") else (line, False)


def split_ask(line: str) -> tuple[str, str]:
    """Return the options and the question of an `ask` line. The question may hold quotes and dashes of any kind.

    >>> split_ask("-t 0 What's 2 - 2?")
    ('-t 0', "What's 2 - 2?")
    """
    consumed = len(line) - len(line.lstrip())
    while line[consumed:].lstrip().startswith("-"):
        name, end = _next_word(line, consumed)
        if name == "--":
            return line[:consumed].strip(), line[end:].strip()
        if name == "-" or name[1].isdigit():  # a question such as -5 + 3
            break
        if _value_follows(name):
            _, end = _next_word(line, end)
        consumed = end
    return line[:consumed].strip(), line[consumed:].strip()


def parse_options(parser: ArgumentParser, line: str) -> Namespace:
    """Return the options of a line that holds nothing else, their values without the quotes around them."""
    given, rest = split_ask(line)
    if rest:
        raise UsageError(f"unrecognized arguments: {rest}. A value with spaces needs quotes.")
    return parser.parse_args(words_of(given))


def words_of(line: str) -> list[str]:
    """Return the words of a line, their quotes taken away.

    >>> words_of("'my lesson.jsonl' --speed 1")
    ['my lesson.jsonl', '--speed', '1']
    """
    words, end = [], 0
    while line[end:].strip():
        word, end = _next_word(line, end)
        words.append(word)
    return words


def _value_follows(word: str) -> bool:
    """Return whether the next word is the value of this option; a word that is no option is refused."""
    if word.startswith("--"):
        name, equals, _ = word.partition("=")
        return _TAKES_VALUE[_long_name(name)] and not equals
    for place, letter in enumerate(word[1:], start=1):
        if f"-{letter}" not in _TAKES_VALUE:
            raise _no_option(word)
        if _TAKES_VALUE[f"-{letter}"]:
            return place == len(word) - 1  # else the rest of the word is the value, as in -t0
    return False


def _long_name(name: str) -> str:
    """Return the full name of a long option, which may be shortened as far as it stays clear."""
    known = [known for known in _TAKES_VALUE if known.startswith(name)]
    if name in known:
        return name
    if len(known) > 1:
        raise UsageError(f"{name} could be {' or '.join(known)}.")
    if not known:
        raise _no_option(name)
    return known[0]


def _no_option(word: str) -> UsageError:
    close = get_close_matches(word, _TAKES_VALUE, n=1)
    hint = f"did you mean {close[0]}?" if close else "%magistral -h lists them."
    return UsageError(f"There is no option {word}: {hint} A question that begins with a dash goes after `ask -- `.")


def _next_word(line: str, start: int) -> tuple[str, int]:
    """Return the next word without its quotes, and where it ends. A backslash is itself, as in a Windows path."""
    stream = StringIO(line[start:])
    lexer = shlex.shlex(stream, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = lexer.escape = ""
    try:
        word = lexer.get_token() or ""
    except ValueError as error:
        raise UsageError(f"A quote is not closed in: {line[start:].strip()}") from error
    return word, start + stream.tell()


def settings_of(options: Namespace) -> CallSettings:
    """Return the options that are settings of a call, by the names of `Client`; None means not given."""
    names = (
        "model",
        "system",
        "instructions",
        "temperature",
        "top_p",
        "max_tokens",
        "seed",
        "keep_thinking",
        "budget",
        "response_format",
    )
    settings: CallSettings = {}
    for name in names:
        if (value := getattr(options, name, None)) is not None:
            settings[name] = value  # type: ignore[literal-required]  # the names are those of CallSettings
    return settings
