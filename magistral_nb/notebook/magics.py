"""`%%magistral` and `%magistral`: parse the line, ask, show. No hooks, no network before a question."""

from __future__ import annotations

import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import magic_arguments
from IPython.display import display
from traitlets import Enum, Float, Int, Unicode

from magistral_nb.asked import Asked
from magistral_nb.chat_format import Prompt
from magistral_nb.choosing import Choice, choose_endpoint, choose_to_look, find_key
from magistral_nb.client import Client
from magistral_nb.errors import ConfigurationError, MagistralError, MissingKeyError
from magistral_nb.messages import user
from magistral_nb.notebook.cell_source import exact_body
from magistral_nb.notebook.cell_template import render_cell
from magistral_nb.notebook.live import Live, NotebookLive, QuietLive, TerminalLive
from magistral_nb.notebook.memory import Memory, running_cell
from magistral_nb.notebook.options import parse_options, settings_of, split_ask, with_options, without_semicolon
from magistral_nb.notebook.outcomes import Stopped, keep_without_picture, mark_as_shown, show_in_one_line
from magistral_nb.notebook.pictures import picture, prompt_picture
from magistral_nb.notebook.worker import Asking
from magistral_nb.question import CallSettings
from magistral_nb.rendering.text import plain
from magistral_nb.replies import Reply
from magistral_nb.reports import endpoints_report, status_report
from magistral_nb.settings import Secret

SUBCOMMANDS = {
    "ask": "ask in one line: %magistral ask [options] Name a prime. (IPython takes a ? at the end as help)",
    "status": "which endpoint and settings are in force, and where each comes from",
    "endpoints": "all endpoints, which keys are set, which servers answer, and which one would be chosen",
    "models": "the models that the endpoint offers",
    "use": "use an endpoint from here on: %magistral use demo; `use auto` finds a server on this machine",
    "continue": "`continue on`: every cell goes on from those before; `continue off`: each starts fresh, as at first",
    "reset": "forget what was said",
    "last-error": "the whole story of the last error",
    "-h": "this help",
}


@magics_class
class Magistral(Magics):
    """Settings for every cell; flags of a cell win over them. See them with `%config Magistral`."""

    endpoint = Unicode(None, allow_none=True, help="where to ask").tag(config=True)
    model = Unicode(None, allow_none=True, help="the model's id").tag(config=True)
    base_url = Unicode(None, allow_none=True, help="the address of a server").tag(config=True)
    key_env = Unicode(None, allow_none=True, help="the variable that holds its key").tag(config=True)
    system = Unicode(None, allow_none=True, help="replaces the system prompt").tag(config=True)
    instructions = Unicode(None, allow_none=True, help="added to the system prompt").tag(config=True)
    temperature = Float(None, allow_none=True, help="0.7 if not set").tag(config=True)
    top_p = Float(None, allow_none=True, help="0.95 if not set").tag(config=True)
    max_tokens = Int(None, allow_none=True, help="40,960 or what fits if not set").tag(config=True)
    shell: Any
    seed = Int(None, allow_none=True, help="for replies that can be repeated").tag(config=True)
    keep_thinking = Enum(("none", "last", "all"), None, allow_none=True, help="none if not set").tag(config=True)

    def __init__(self, shell: Any) -> None:
        super().__init__(shell=shell, parent=shell)
        self._clients: dict[tuple[object, ...], Client] = {}
        self._last_error: BaseException | None = None
        self._memory = Memory()

    @no_var_expand
    @magic_arguments("%magistral")
    @with_options
    @line_cell_magic
    def magistral(self, line: str, cell: str | None = None) -> Reply | Prompt | None:
        """Ask a reasoning model with the text of the cell, sent byte for byte.

        The reply is shown, thinking and answer apart, and kept in `_` and in the variable of `-o`.
        `%magistral -h` also lists the commands of the one-line form.
        """
        if cell is None:
            return self._command(line)
        body = exact_body(self.shell, line, cell)
        given, silent = without_semicolon(line)
        return self._ask(parse_options(self.magistral.parser, given), body, owns_output=True, silent=silent)

    def close(self) -> None:
        """Let go of every connection and engine."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def _command(self, line: str) -> Reply | Prompt | None:
        name, _, rest = line.strip().partition(" ")
        if name == "ask":
            rest, silent = without_semicolon(rest)
            given, question = split_ask(rest)
            return self._ask(parse_options(self.magistral.parser, given), question, owns_output=False, silent=silent)
        commands: dict[str, Callable[[str], None]] = {
            "": self._print_status,
            "status": self._print_status,
            "endpoints": self._print_endpoints,
            "models": self._print_models,
            "use": self._use,
            "continue": self._continue,
            "reset": self._reset,
            "last-error": self._print_last_error,
            "-h": self._print_help,
            "--help": self._print_help,
        }
        if name not in commands:
            raise UsageError(f"There is no `%magistral {name}`. Known are: {', '.join(SUBCOMMANDS)}.")
        self._in_one_line(lambda: commands[name](rest.strip()))
        return None

    def _ask(self, options: Namespace, text: str, *, owns_output: bool, silent: bool) -> Reply | Prompt | None:
        if options.output and not options.output.isidentifier():
            raise UsageError(f"-o {options.output}: that cannot be the name of a variable.")
        question = self._in_one_line(lambda: self._question(options, text))
        cell = running_cell(self.shell, line="" if owns_output else text)
        continued = options.continued or (self._memory.always and not options.new)
        asked = [*self._memory.before(cell), user(question)] if continued else question
        if options.dry_run:
            return self._look(options, asked, silent=silent or options.quiet)
        asking = self._in_one_line(lambda: self._start(options, asked))
        live = self._live(options, owns_output=owns_output, silent=silent)
        stopped = None
        try:
            asking.wait(lambda: live.look(asking))
        except KeyboardInterrupt:
            stopped = Stopped()
        reply = asking.reply
        failure = stopped or asking.error
        shown = not failure or bool(reply.thinking or reply.answer)
        final = picture(reply, form=options.format, show_thinking=not options.hide_thinking) if shown else None
        live.finish(reply, final)
        self._memory.keep(cell, question, reply, continued=continued)
        if options.output and shown:  # a failure before anything arrived leaves the old reply alone
            self.shell.user_ns[options.output] = reply
        if failure:
            raise self._remembered(failure)
        return (keep_without_picture if owns_output else mark_as_shown)(reply, self.shell)

    def _look(self, options: Namespace, asked: Asked, *, silent: bool) -> Prompt:
        """Return the prompt as the value of the cell, which IPython shows; in another form it is shown here."""
        prompt: Prompt = self._in_one_line(lambda: self._preview(options, asked))
        if options.output:
            self.shell.user_ns[options.output] = prompt
        if options.format and not silent:
            display(prompt_picture(prompt, form=options.format), raw=True)
        return keep_without_picture(prompt, self.shell) if options.format or silent else prompt

    def _preview(self, options: Namespace, asked: Asked) -> Prompt:
        client, settings = self._client(options, only_to_look=True)
        return client.preview(asked, **settings)

    def _start(self, options: Namespace, asked: Asked) -> Asking:
        client, settings = self._client(options)
        return Asking(lambda: client.astream(asked, **settings))

    def _question(self, options: Namespace, text: str) -> str:
        if options.jinja:
            text = render_cell(text, self.shell.user_ns)
        if not text.strip():
            raise ConfigurationError(
                "The question is empty.", hint="Write it below the %%magistral line, or after `%magistral ask`."
            )
        return text

    def _live(self, options: Namespace, *, owns_output: bool, silent: bool) -> Live:
        if options.quiet or silent:
            return QuietLive()
        show_thinking = not options.hide_thinking
        if hasattr(self.shell, "kernel"):
            return NotebookLive(owns_output=owns_output, show_thinking=show_thinking)
        return TerminalLive(show_thinking=show_thinking)

    def _client(self, options: Namespace | None = None, *, only_to_look: bool = False) -> tuple[Client, CallSettings]:
        """Return the client for a question, kept so that connections and engines are used again, and its settings.

        To look at a prompt needs no key, and asks nobody.
        """
        given = {name: value for name, value in vars(options or Namespace()).items() if value is not None}
        configured = {name: getattr(self, name) for name in self.class_trait_names(config=True)}
        if "endpoint" in given or "base_url" in given:  # a place named in the cell is not mixed with a configured one
            configured |= {"endpoint": None, "base_url": None, "key_env": None}
        wanted = configured | given
        choose = choose_to_look if only_to_look else choose_endpoint
        choice = choose(wanted["endpoint"], wanted["base_url"], model=wanted["model"])
        key = None if only_to_look else self._key(choice, wanted["key_env"])
        place = (choice.endpoint.name, choice.endpoint.base_url, hash(key.reveal()) if key else None)
        if place not in self._clients:
            self._clients[place] = Client(choice.endpoint, api_key=key)
        self._clients[place].adopt(choice)  # its reasons and its defaults may have changed since the last cell
        return self._clients[place], settings_of(Namespace(**wanted))

    def _key(self, choice: Choice, key_env: str | None) -> Secret | None:
        if key_env is None:
            return find_key(choice.endpoint, None)
        value = os.environ.get(key_env)
        if not value:
            raise MissingKeyError(f"${key_env} is not set.", hint="Set it in the environment, or name another one.")
        return Secret(value, source=f"${key_env}")

    def _print_status(self, rest: str) -> None:
        try:
            client, settings = self._client()
            print(status_report(client.settings_for(settings)))  # noqa: T201  the command's output
        except ConfigurationError as error:  # nothing is set up yet: that is the status
            print(f"{error.message}\n{error.hint}")  # noqa: T201  the command's output

    def _print_endpoints(self, rest: str) -> None:
        print(endpoints_report(self.endpoint))  # noqa: T201  the command's output

    def _print_models(self, rest: str) -> None:
        client, _ = self._client()
        print(plain("\n".join(client.models())) or "The endpoint lists no models.")  # noqa: T201  the command's output

    def _use(self, rest: str) -> None:
        if rest:
            choose_endpoint(rest, None)  # an unknown name is refused here, not at the next question
            for name in ("key_env", "model"):  # they belong to the place that is left; a key must not go elsewhere
                if getattr(self, name) is not None:
                    told = f"{name} = {getattr(self, name)}"
                    print(f"Forgotten, since it belonged to the place before: {told}")  # noqa: T201  its output
            self.endpoint, self.base_url, self.key_env, self.model = rest, None, None, None
        print(endpoints_report(self.endpoint, look_around=False))  # noqa: T201  the command's output

    def _continue(self, rest: str) -> None:
        if rest not in ("on", "off"):
            raise UsageError("Say `%magistral continue on` or `%magistral continue off`.")
        self._memory.always = rest == "on"

    def _reset(self, rest: str) -> None:
        self._memory.turns = []

    def _print_last_error(self, rest: str) -> None:
        error = self._last_error
        told = "".join(traceback.format_exception(error)) if error else "No error so far.\n"
        sys.stdout.write(plain(told))

    def _print_help(self, rest: str) -> None:
        commands = "\n".join(f"  {name:<12}{text}" for name, text in SUBCOMMANDS.items())
        options = self.magistral.parser.format_help().removeprefix("::").lstrip()
        sys.stdout.write(f"%magistral COMMAND\n{commands}\n\n{options}")

    def _in_one_line(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except MagistralError as error:
            raise self._remembered(error) from error.__cause__

    def _remembered(self, error: BaseException) -> BaseException:
        self._last_error = error
        return show_in_one_line(error)


def load(shell: Any) -> None:
    """Register the magics, once."""
    if not _loaded(shell):
        shell.register_magics(Magistral(shell))


def unload(shell: Any) -> None:
    """Take the magics out again, and close what they had opened."""
    for magics in _loaded(shell):
        magics.close()
        shell.configurables.remove(magics)
        for kind in ("line", "cell"):
            shell.magics_manager.magics[kind].pop("magistral", None)
        shell.magics_manager.registry.pop("Magistral", None)


def _loaded(shell: Any) -> list[Magistral]:
    return [thing for thing in shell.configurables if isinstance(thing, Magistral)]
