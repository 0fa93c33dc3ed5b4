"""`%%magistral` and `%magistral`: parse the line, ask, show. No hooks, no network before a question."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import magic_arguments
from IPython.display import display
from traitlets import Enum, Float, Instance, Int, Unicode

from magistral_nb.asked import Asked
from magistral_nb.budgets import Budget
from magistral_nb.call_settings import CallSettings
from magistral_nb.chat_format import Prompt
from magistral_nb.client import Client
from magistral_nb.errors import ConfigurationError, MagistralError
from magistral_nb.messages import user
from magistral_nb.notebook.cassettes import Cassettes
from magistral_nb.notebook.cell_source import exact_body
from magistral_nb.notebook.cell_template import render_cell
from magistral_nb.notebook.clients import Clients
from magistral_nb.notebook.commands import command_named
from magistral_nb.notebook.control import Control
from magistral_nb.notebook.live import Live, NotebookLive, QuietLive, TerminalLive
from magistral_nb.notebook.memory import Memory, running_cell
from magistral_nb.notebook.named_formats import format_named
from magistral_nb.notebook.new_cells import insert_code
from magistral_nb.notebook.options import parse_options, split_ask, with_options, without_semicolon
from magistral_nb.notebook.outcomes import Stopped, keep_without_picture, mark_as_shown, show_in_one_line
from magistral_nb.notebook.pictures import picture, prompt_picture
from magistral_nb.notebook.views import VIEWS, choose_view
from magistral_nb.notebook.widget_live import WidgetLive, close_widgets
from magistral_nb.notebook.worker import Asking
from magistral_nb.replies import Reply
from magistral_nb.settings import Timeouts


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
    view = Enum(VIEWS, "auto", help="how a reply moves; auto takes the widget where it can").tag(config=True)
    budget = Instance(Budget, allow_none=True, help="a Budget for all cells; none if not set").tag(config=True)

    def __init__(self, shell: Any) -> None:
        super().__init__(shell=shell, parent=shell)
        self._clients = Clients()
        self.cassettes = Cassettes()
        self.control = Control(shell)
        self.last_error: BaseException | None = None
        self.memory = Memory()

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
        """Let go of every connection, engine and cassette, and of what pages were given."""
        self.control.close()
        close_widgets()
        self.cassettes.close()
        self._clients.close()

    def client(self, options: Namespace | None = None, *, only_to_look: bool = False) -> tuple[Client, CallSettings]:
        """Return the client for a question with these options, and the question's settings."""
        given = {name: value for name, value in vars(options or Namespace()).items() if value is not None}
        if "response_format" in given:
            given["response_format"] = format_named(given["response_format"], self.shell.user_ns)
        configured = {name: getattr(self, name) for name in self.class_trait_names(config=True)}
        return self._clients.client_for(given, configured, only_to_look=only_to_look)

    def _command(self, line: str) -> Reply | Prompt | None:
        name, _, rest = line.strip().partition(" ")
        if name == "ask":
            rest, silent = without_semicolon(rest)
            given, question = split_ask(rest)
            return self._ask(parse_options(self.magistral.parser, given), question, owns_output=False, silent=silent)
        command = command_named(name)
        shown: Reply | None = self._in_one_line(lambda: command.run(self, rest.strip()))
        return shown

    def _ask(self, options: Namespace, text: str, *, owns_output: bool, silent: bool) -> Reply | Prompt | None:
        if options.output and not options.output.isidentifier():
            raise UsageError(f"-o {options.output}: that cannot be the name of a variable.")
        question = self._in_one_line(lambda: self._question(options, text))
        cell = running_cell(self.shell, line="" if owns_output else text)
        continued = options.continued or (self.memory.always and not options.new)
        asked = [*self.memory.before(cell), user(question)] if continued else question
        if options.dry_run:
            return self._look(options, asked, silent=silent or options.quiet)
        asking = self._in_one_line(lambda: self._start(options, asked))
        live = self._live(options, asking.limits, owns_output=owns_output, silent=silent)
        stopped = None
        try:
            asking.wait(lambda: live.look(asking))
        except KeyboardInterrupt:
            stopped = Stopped()
        reply = asking.reply
        if asking.was_stopped and not reply.complete:
            stopped = Stopped()
        failure = stopped or asking.error
        shown = not failure or bool(reply.thinking or reply.answer)
        if options.insert_code and not failure:
            insert_code(reply, self.shell)
        final = picture(reply, form=options.format, show_thinking=not options.hide_thinking) if shown else None
        live.finish(reply, final)
        self.memory.keep(cell, question, reply, continued=continued, failure=failure)
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
        client, settings = self.client(options, only_to_look=True)
        return client.preview(asked, **settings)

    def _start(self, options: Namespace, asked: Asked) -> Asking:
        client, settings = self.client(options)
        limits = Timeouts.of(client.settings_for(settings).timeout, default=client.endpoint.timeouts)
        return Asking(lambda: client.astream(asked, **settings), limits)

    def _question(self, options: Namespace, text: str) -> str:
        if options.jinja:
            text = render_cell(text, self.shell.user_ns)
        if not text.strip():
            raise ConfigurationError(
                "The question is empty.", hint="Write it below the %%magistral line, or after `%magistral ask`."
            )
        return text

    def _live(self, options: Namespace, limits: Timeouts, *, owns_output: bool, silent: bool) -> Live:
        if options.quiet or silent:
            return QuietLive()
        show_thinking = not options.hide_thinking
        view, _ = choose_view(self.view, self.shell, self.control)
        if view == "text":
            return TerminalLive(show_thinking=show_thinking, limits=limits)
        if view == "html":
            return NotebookLive(owns_output=owns_output, show_thinking=show_thinking, limits=limits)
        return WidgetLive(
            self.control,
            owns_output=owns_output,
            show_thinking=show_thinking,
            limits=limits,
            is_sure=self.view == "widget",
        )

    def _in_one_line(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except MagistralError as error:
            raise self._remembered(error) from error.__cause__

    def _remembered(self, error: BaseException) -> BaseException:
        self.last_error = error
        return show_in_one_line(error)


def load(shell: Any) -> None:
    """Register the magics, once."""
    if not _loaded(shell):
        magics = Magistral(shell)
        shell.register_magics(magics)
        magics.control.listen()


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
