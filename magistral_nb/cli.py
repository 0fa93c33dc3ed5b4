"""The shell's door: `python -m magistral_nb demo | ask | status | endpoints | recover | cost | login | logout`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from magistral_nb._version import __version__
from magistral_nb.call_settings import CallSettings
from magistral_nb.choosing import choose_endpoint
from magistral_nb.client import Client
from magistral_nb.cost_report import cost_report
from magistral_nb.endpoints import Endpoint
from magistral_nb.errors import ConfigurationError, MagistralError
from magistral_nb.events import AnswerDelta, Event, Reclassified, ThinkingDelta
from magistral_nb.journal.recovering import cut_off_replies
from magistral_nb.keys.logging_in import log_in, log_out, type_unseen
from magistral_nb.keys.variables import required_key
from magistral_nb.loading_text import LoadingText
from magistral_nb.rendering.text import plain
from magistral_nb.reports import endpoints_report, recovery_report, status_report
from magistral_nb.scrubbing import scrub


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 for success, 1 for an error of ours, 130 for an interrupt."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a narrow code page shows what it lacks as an escape and goes on
            stream.reconfigure(errors="backslashreplace")
    try:
        status = run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader, such as `head`, has seen enough; Python must not flush once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MagistralError as error:
        print(scrub(plain(f"{type(error).__name__}: {error}")), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped by you.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m magistral_nb", description="Ask a reasoning model from the shell.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="run the first lesson on the embedded model: no key, no network")
    demo.add_argument("--install", action="store_true", help="only fetch the embedded model (98 MB), once")
    demo.set_defaults(run=_demo)
    ask = commands.add_parser("ask", help="ask one question; thinking goes to stderr, the answer to stdout")
    ask.add_argument("question", nargs="+")
    ask.add_argument("-e", "--endpoint", help="where to ask")
    ask.add_argument("-m", "--model", help="the model's id there")
    ask.add_argument("--base-url", help="the address of any OpenAI-compatible server")
    ask.add_argument("--key-env", help="the environment variable that holds the key for that server")
    ask.add_argument("--allow-insecure", action="store_true", help="let a key go over http to another machine")
    ask.add_argument("-i", "--instructions", help="added to the system prompt")
    ask.add_argument("-t", "--temperature", type=float)
    ask.add_argument("--max-tokens", type=int)
    ask.add_argument("--seed", type=int)
    ask.add_argument("-R", "--hide-thinking", action="store_true")
    ask.set_defaults(run=_ask)
    status = commands.add_parser("status", help="which endpoint and settings are in force, and why")
    status.add_argument("-e", "--endpoint", help="ask about this endpoint")
    status.set_defaults(run=_status)
    recover = commands.add_parser("recover", help="print the reply that was cut off when its process died")
    recover.add_argument("number", nargs="?", type=int, default=1, help="which of them, the newest is 1")
    recover.set_defaults(run=_recover)
    endpoints = commands.add_parser("endpoints", help="all endpoints, which keys are set, which servers answer")
    endpoints.set_defaults(run=_endpoints)
    cost = commands.add_parser("cost", help="tokens and USD of today and this month, and what has no price")
    cost.set_defaults(run=_cost)
    login = commands.add_parser("login", help="ask for an endpoint's key, unseen, and keep it in the keyring")
    login.set_defaults(run=lambda options: _tell(log_in(_row(options), _ask_for_key)))
    logout = commands.add_parser("logout", help="take an endpoint's key out of the keyring")
    logout.set_defaults(run=lambda options: _tell(log_out(_row(options))))
    for command in (login, logout):
        command.add_argument("endpoint", help="its name, such as navigator")
    return parser


def _demo(options: argparse.Namespace) -> int:
    if options.install:
        from magistral_nb.transports import demo_model

        demo_model.install(echo=print)
        return 0
    from magistral_nb.demo import run_demo

    return run_demo()


def _ask(options: argparse.Namespace) -> int:
    settings: CallSettings = {}
    for name in ("instructions", "temperature", "max_tokens", "seed"):
        if getattr(options, name) is not None:
            settings[name] = getattr(options, name)
    client = Client(
        options.endpoint,
        base_url=options.base_url,
        model=options.model,
        api_key=required_key(options.key_env) if options.key_env else None,
        allow_insecure=options.allow_insecure,
    )
    loading = LoadingText()
    answer = _Answer(hide_thinking=options.hide_thinking)
    try:
        with client, client.stream(" ".join(options.question), **settings) as stream:
            for event in stream:
                loading.hear(event)
                answer.hear(event)
    finally:  # what had arrived is printed, however the reply ended
        answer.end()
    for notice in stream.reply.notices:
        print(plain(f"Note: {notice.text}"), file=sys.stderr)
    return 0


def _row(options: argparse.Namespace) -> Endpoint:
    return choose_endpoint(options.endpoint, None).endpoint


def _ask_for_key(prompt: str) -> str:
    """Take the first line of a file or a program, as in `login NAME < key.txt`; else ask a person at the terminal."""
    with suppress(OSError):
        if not sys.stdin.isatty() and (line := sys.stdin.readline()):
            return line
    return type_unseen(prompt)


def _tell(text: str) -> int:
    print(plain(text))
    return 0


class _Answer:
    """Prints thinking to stderr and the answer to stdout.

    A person at a terminal reads along. A file or a program gets the answer at the end, since a closing tag alone may
    still make thinking of all that has come.
    """

    def __init__(self, *, hide_thinking: bool) -> None:
        self._hide_thinking = hide_thinking
        self._is_live = sys.stdout.isatty()
        self._held: list[str] = []
        self._any = self._is_thinking = False

    def hear(self, event: Event) -> None:
        """Print what an event says, or hold it back."""
        match event:
            case ThinkingDelta(text):
                self._think(text)
            case AnswerDelta(text) if self._is_live:
                self._end_thought()
                self._any = True
                print(plain(text), end="", flush=True)
            case AnswerDelta(text):
                self._held.append(text)
            case Reclassified() if self._is_live:
                print("\n[What stands above was thinking.]", file=sys.stderr, flush=True)
            case Reclassified():
                self._think("".join(self._held))
                self._held.clear()

    def end(self) -> None:
        """Print what was held back, and end the line."""
        self._end_thought()
        if self._held or self._any:
            print(plain("".join(self._held)), flush=True)

    def _think(self, text: str) -> None:
        if not self._hide_thinking:
            self._is_thinking = True
            print(plain(text), end="", file=sys.stderr, flush=True)

    def _end_thought(self) -> None:
        """Put an empty line below the thinking: both may go to the same terminal."""
        if self._is_thinking:
            print("\n", file=sys.stderr, flush=True)
        self._is_thinking = False


def _status(options: argparse.Namespace) -> int:
    try:
        print(status_report(Client(options.endpoint).settings))
    except ConfigurationError as error:
        if options.endpoint:
            raise
        print(plain(f"{error.message}\n{error.hint}"))  # nothing is set up yet: that is the status
    print(endpoints_report(options.endpoint, look_around=False))
    return 0


def _recover(options: argparse.Namespace) -> int:
    found = cut_off_replies()
    print(plain(recovery_report(found, chosen=options.number)), file=sys.stderr)
    if not found:
        return 0
    if not 1 <= options.number <= len(found):
        raise ConfigurationError(f"There is no number {options.number}.", hint=f"They go from 1 to {len(found)}.")
    reply = found[options.number - 1].reply
    print(plain(reply.thinking), file=sys.stderr)
    print(plain(reply.answer))
    return 0


def _endpoints(options: argparse.Namespace) -> int:
    print(endpoints_report())
    return 0


def _cost(options: argparse.Namespace) -> int:
    print(cost_report(with_session=False))
    return 0
