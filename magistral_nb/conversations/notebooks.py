"""A conversation as a notebook that can be run, and back. The notebook holds the current line only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from magistral_nb._version import __version__
from magistral_nb.client import Client
from magistral_nb.conversations.cells import body_of, cell_of, continuing, goes_on, plain_question, setup_cell
from magistral_nb.conversations.files import read_whole, write_whole
from magistral_nb.conversations.plain_data import failed_data, failed_of, message_data, reply_data, settings_data
from magistral_nb.conversations.reading import checked, json_text, parsed
from magistral_nb.conversations.schema import NOTEBOOK, REPLY, TURN_OF_CELL
from magistral_nb.conversations.storing import Stored
from magistral_nb.conversations.tree import Tree
from magistral_nb.conversations.turns import Turn
from magistral_nb.errors import ConfigurationError
from magistral_nb.file_names import AnyPath
from magistral_nb.messages import Message, user
from magistral_nb.rendering.reply import REPLY_MIME, reply_html, reply_text
from magistral_nb.replies import Reply
from magistral_nb.scrubbing import scrub_data

_OURS = "magistral_nb"
"""Our key in the metadata of a notebook and of its cells."""
_INTRODUCTION = (
    "A conversation, saved by magistral_nb. Each cell is a turn; running them asks again. The replies below the cells "
    "are those that came at the time."
)
Json = dict[str, Any]


def write_notebook(path: AnyPath, tree: Tree, client: Client, settings: Mapping[str, Any]) -> None:
    """Write the current line as a notebook: a cell for each turn, with the reply that came as its output."""
    line = tree.line
    own = {"keep_thinking": settings["keep_thinking"]}
    if line and line[0].asked[0].role == "system":
        own["system"] = line[0].asked[0].text
    cells = [_cell("markdown", _INTRODUCTION), _cell("code", setup_cell(client, own))]
    cells += [_turn_cell(turn, first=number == 0) for number, turn in enumerate(line)]
    notebook = {
        "cells": [{"id": f"turn-{number}", **cell} for number, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            _OURS: {"version": __version__, **settings},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    write_whole(path, json_text(scrub_data(notebook), indent=1) + "\n", ending=".ipynb")


def read_notebook(path: AnyPath) -> Stored:
    """Return the conversation that a notebook's `%%magistral` cells tell. Nothing in it is run.

    Replies are read from the outputs, so a notebook that was run again gives the new ones. A cell that does not go on
    from the one before begins a line of its own. Raises ConfigurationError that names the place of a mistake.
    """
    data, name = read_whole(path), str(path)
    try:
        notebook = parsed(data.decode("utf-8-sig"), name)
    except ValueError as error:
        raise ConfigurationError(
            f"{name} is no notebook: {error}.", hint="Name an .ipynb file of nbformat 4."
        ) from error
    checked(notebook, NOTEBOOK, name)
    tree, always = Tree(), False
    for number, cell in enumerate(notebook["cells"]):
        place = f"{name}, cell {number + 1}"
        always = continuing(_source(cell), always)
        found = _turn_of(cell, place, always=always)
        if found:
            turn, continued = found
            tree = tree.added(turn, after=tree.head if continued else None)
    told = notebook.get("metadata", {}).get(_OURS, {})
    kept = {key: told[key] for key in ("keep_thinking", "on_overflow") if isinstance(told, dict) and key in told}
    return Stored(tree, kept)


def _cell(kind: str, source: str, metadata: Json | None = None, outputs: list[Json] | None = None) -> Json:
    cell: Json = {"cell_type": kind, "metadata": metadata or {}, "source": source}
    return cell | {"execution_count": None, "outputs": outputs or []} if kind == "code" else cell


def _turn_cell(turn: Turn, *, first: bool) -> Json:
    """Return the cell of a turn; what no cell can ask, such as a picture, stands in one that is not run."""
    reply = reply_data(turn.reply)
    told: Json = {
        "asked": [message_data(message) for message in turn.asked],
        "settings": settings_data(turn.settings),
        "failed": failed_data(turn.failed),
        "continued": not first,
    }
    source = cell_of(turn, first=first)
    if source is None:
        return _cell("raw", turn.question or "Results of functions", {_OURS: {**told, "reply": reply}})
    if not turn.spoke:
        return _cell("code", source, {_OURS: {**told, "reply": reply}})
    reply = scrub_data(reply)
    shown = {REPLY_MIME: reply, "text/html": reply_html(reply), "text/plain": reply_text(reply)}
    output = {"output_type": "display_data", "data": shown, "metadata": {}}
    return _cell("code", source, {_OURS: told}, [output])


def _turn_of(cell: Json, place: str, *, always: bool) -> tuple[Turn, bool] | None:
    """Return the turn of a cell and whether it goes on from those before, or None if it is no turn."""
    source, told = _source(cell), cell.get("metadata", {}).get(_OURS)
    asking = body_of(source) if cell["cell_type"] == "code" else None
    if not asking and not (cell["cell_type"] == "raw" and told):
        return None
    if told is not None:
        checked(told, TURN_OF_CELL, place)
    line, body = asking or ("", source)
    if "--dry-run" in line.split() or (asking and not body.strip()):
        return None
    asked = tuple(Message.from_dict(message) for message in told["asked"]) if told else ()
    if told and asking and plain_question(asked, first=not told["continued"]) != body:
        told = None  # somebody has edited the cell: what it says now is what was asked
    reply = _reply_of(cell, place)
    if told is None:
        return Turn((user(body),), reply or Reply()), goes_on(line, always=always)
    old = Reply.from_dict(told["reply"]) if "reply" in told else Reply()
    failed = failed_of(told.get("failed")) if reply is None or not reply.complete else None
    return Turn(asked, reply or old, failed, told.get("settings") or {}), told["continued"]


def _reply_of(cell: Json, place: str) -> Reply | None:
    outputs = cell.get("outputs") or []
    bundles = [output["data"][REPLY_MIME] for output in outputs if REPLY_MIME in (output.get("data") or {})]
    return Reply.from_dict(checked(bundles[-1], REPLY, f"{place}, output")) if bundles else None


def _source(cell: Json) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)
