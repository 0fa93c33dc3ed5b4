"""What follows `%magistral`: one row for each command. They print; what they need of the notebook, the magics have."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from magistral_nb.call_settings import CallSettings
from magistral_nb.cassettes.player import Player
from magistral_nb.cassettes.recorder import Recorder
from magistral_nb.choosing import choose_endpoint
from magistral_nb.client import Client
from magistral_nb.conversations import Conversation
from magistral_nb.conversations.tree import Tree
from magistral_nb.cost_report import cost_report
from magistral_nb.endpoints import Endpoint
from magistral_nb.errors import ConfigurationError, MissingKeyError
from magistral_nb.journal.recovering import cut_off_replies, forget
from magistral_nb.keys.logging_in import log_in, log_out
from magistral_nb.notebook.typed_keys import ask_for_key
from magistral_nb.notebook.views import choose_view
from magistral_nb.rendering.text import plain
from magistral_nb.replies import Reply
from magistral_nb.reports import cassettes_report, endpoints_report, recovery_report, status_report
from magistral_nb.scrubbing import scrub

if TYPE_CHECKING:
    from magistral_nb.notebook.magics import Magistral


@dataclass(frozen=True, slots=True)
class Command:
    """One command: what the help says of it, and what it does with the rest of its line. What it returns is shown."""

    help: str
    run: Callable[[Magistral, str], Reply | None]


def command_named(name: str) -> Command:
    """Return the command of that name; an empty name is `status`. Raises UsageError for one that does not exist."""
    name = {"": "status", "--help": "-h"}.get(name, name)
    if name not in COMMANDS:
        raise UsageError(f"There is no `%magistral {name}`. Known are: ask, {', '.join(COMMANDS)}.")
    return COMMANDS[name]


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _status(magics: Magistral, rest: str) -> None:
    try:
        client, settings = magics.client()
        _tell(status_report(client.settings_for(settings)))
    except ConfigurationError as error:  # nothing is set up yet: that is the status
        _tell("\n".join([error.message, error.hint, *cassettes_report()]))
    view, why = choose_view(magics.view, magics.shell, magics.control)
    _tell(f"  {'view':<12}  {view}  ({why})")


def _endpoints(magics: Magistral, rest: str) -> None:
    _tell(endpoints_report(magics.endpoint))


def _models(magics: Magistral, rest: str) -> None:
    client, _ = magics.client()
    _tell(plain("\n".join(client.models())) or "The endpoint lists no models.")


def _use(magics: Magistral, rest: str) -> None:
    if rest:
        choose_endpoint(rest, None)  # an unknown name is refused here, not at the next question
        for name in ("key_env", "model"):  # they belong to the place that is left; a key must not go elsewhere
            if getattr(magics, name) is not None:
                _tell(f"Forgotten, since it belonged to the place before: {name} = {getattr(magics, name)}")
        magics.endpoint, magics.base_url, magics.key_env, magics.model = rest, None, None, None
    _tell(endpoints_report(magics.endpoint, look_around=False))


def _continue(magics: Magistral, rest: str) -> None:
    if rest not in ("on", "off"):
        raise UsageError("Say `%magistral continue on` or `%magistral continue off`.")
    magics.memory.always = rest == "on"


def _reset(magics: Magistral, rest: str) -> None:
    magics.memory.adopt(Tree())


def _save(magics: Magistral, rest: str) -> None:
    conversation = Conversation(magics.client(only_to_look=True)[0], tree=magics.memory.tree)
    conversation.save(_file(rest, "save"))
    _tell(
        f"Saved: {_counted(len(conversation.turns))}. `%magistral load` brings it back, and so does Conversation.load."
    )


def _load(magics: Magistral, rest: str) -> None:
    with warnings.catch_warnings(action="ignore"):  # it is told below
        conversation = Conversation.load(_file(rest, "load"), client=magics.client(only_to_look=True)[0])
    magics.memory.adopt(conversation.tree)
    for notice in conversation.notices:
        _tell(plain(notice.text))
    _tell(f"Loaded: {_counted(len(conversation.turns))}. Cells with -c go on from there.")


def _file(rest: str, command: str) -> str:
    name = rest.strip("\"'")
    if not name:
        raise UsageError(f"Say which file: %magistral {command} talk.json")
    return name


def _counted(turns: int) -> str:
    return f"{turns} turn{'' if turns == 1 else 's'}"


def _recover(magics: Magistral, rest: str) -> Reply | None:
    found = cut_off_replies()
    if rest == "forget":
        forget(found)
        _tell(f"Forgotten: {len(found)}.")
        return None
    if rest and not (rest.isdecimal() and 1 <= int(rest) <= len(found)):
        raise UsageError(f"Say `recover`, `recover N` with N from 1 to {len(found)}, or `recover forget`.")
    number = int(rest or 1)
    _tell(plain(recovery_report(found, chosen=number)))
    return found[number - 1].reply if found else None


def _cost(magics: Magistral, rest: str) -> None:
    _tell(cost_report())
    if magics.budget is not None:
        _tell(f"{magics.budget!r}".strip("<>"))


def _login(magics: Magistral, rest: str) -> None:
    _tell(plain(log_in(_row_named(rest, "login"), ask_for_key)))


def _logout(magics: Magistral, rest: str) -> None:
    _tell(plain(log_out(_row_named(rest, "logout"))))


def _row_named(name: str, command: str) -> Endpoint:
    if len(name.split()) != 1:
        raise UsageError(f"Say which endpoint: `%magistral {command} navigator`. A key is never part of the line.")
    return choose_endpoint(name, None).endpoint


def _record(magics: Magistral, rest: str) -> None:
    _tell(magics.cassettes.run(Recorder, rest))


def _replay(magics: Magistral, rest: str) -> None:
    _tell(magics.cassettes.run(Player, rest))


def _panel(magics: Magistral, rest: str) -> None:
    if not hasattr(magics.shell, "kernel"):
        raise UsageError("A panel needs a page, as JupyterLab has one. In a terminal: %%magistral -c, or Conversation.")
    from magistral_nb import ChatPanel  # by the package's face: widgets take a while, and stand above this floor

    settings: CallSettings
    try:
        client, settings = magics.client()
    except MissingKeyError:  # the panel says what to do
        client, settings = magics.client(only_to_look=True)
    except ConfigurationError:
        client, settings = Client(), {}
    memory = magics.memory
    panel = ChatPanel(Conversation(client, tree=memory.tree), **settings)
    memory.keep_in_step(panel.conversation)
    panel.show()


def _last_error(magics: Magistral, rest: str) -> None:
    error = magics.last_error
    told = "".join(traceback.format_exception(error)) if error else "No error so far.\n"
    sys.stdout.write(scrub(plain(told)))


def _help(magics: Magistral, rest: str) -> None:
    ask = "ask in one line: %magistral ask [options] Name a prime. (IPython takes a ? at the end as help)"
    rows = {"ask": ask, **{name: command.help for name, command in COMMANDS.items()}}
    commands = "\n".join(f"  {name:<12}{text}" for name, text in rows.items())
    options = magics.magistral.parser.format_help().removeprefix("::").lstrip()
    sys.stdout.write(f"%magistral COMMAND\n{commands}\n\n{options}")


COMMANDS: Mapping[str, Command] = {
    "status": Command("which endpoint and settings are in force, and where each comes from", _status),
    "endpoints": Command(
        "all endpoints, which keys are set, which servers answer, and which one would be chosen", _endpoints
    ),
    "models": Command("the models that the endpoint offers", _models),
    "use": Command(
        "use an endpoint from here on: %magistral use demo; `use auto` finds a server on this machine", _use
    ),
    "continue": Command(
        "`continue on`: every cell goes on from those before; `continue off`: each starts fresh, as at first", _continue
    ),
    "recover": Command("the reply that a kernel's end cut off; also `recover 2`, `recover forget`", _recover),
    "reset": Command("forget what was said", _reset),
    "cost": Command("tokens and USD of this session, today and this month, and what has no price", _cost),
    "login": Command(
        "ask for an endpoint's key, unseen, and keep it in the keyring: %magistral login navigator", _login
    ),
    "logout": Command("take an endpoint's key out of the keyring", _logout),
    "record": Command("record all replies: %magistral record lesson.jsonl [--anew]; `record off` ends it", _record),
    "replay": Command(
        "answer from a recording, with no key and no model: %magistral replay lesson.jsonl [--speed 1] "
        "[--on-miss error|nearest|live]; `replay off` ends it",
        _replay,
    ),
    "panel": Command("open a chat on what was said in the cells so far; cells with -c go on from it", _panel),
    "save": Command("save the conversation that the last cell belongs to: %magistral save talk.json", _save),
    "load": Command("go on from a saved conversation: %magistral load talk.json", _load),
    "last-error": Command("the whole story of the last error", _last_error),
    "-h": Command("this help", _help),
}
