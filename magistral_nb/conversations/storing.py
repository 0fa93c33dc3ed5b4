"""A conversation as a file, with every branch of it. Only JSON is read, and nothing in it is run."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from magistral_nb._version import __version__
from magistral_nb.conversations.files import keep_copy, read_whole, write_whole
from magistral_nb.conversations.plain_data import turn_data, turn_of
from magistral_nb.conversations.reading import check_version, checked, json_text, parsed, salvaged
from magistral_nb.conversations.schema import CONVERSATION, MARK, VERSION
from magistral_nb.conversations.tree import Tree
from magistral_nb.errors import ConfigurationError
from magistral_nb.events import Notice
from magistral_nb.file_names import AnyPath
from magistral_nb.scrubbing import scrub_data


@dataclass(frozen=True)
class Stored:
    """What a file holds: the tree, the conversation's own settings, and what the reader must know about the file."""

    tree: Tree
    settings: Mapping[str, Any]
    notices: Sequence[Notice] = ()


def save_tree(path: AnyPath, tree: Tree, settings: Mapping[str, Any]) -> None:
    """Write a conversation to a file: one line for each turn, so that a torn file can be read as far as it goes."""
    head = {MARK: VERSION, "made_by": f"magistral_nb {__version__}", **settings, "head": tree.head}
    lines = [json_text(scrub_data(turn_data(turn))) for turn in tree.turns]
    top = json_text(scrub_data(head))[:-1]
    write_whole(path, top + ', "turns": [\n' + ",\n".join(lines) + "\n]}\n", ending=".json")


def load_tree(path: AnyPath) -> Stored:
    """Return what a file holds. Of a torn one that is what is good, and a copy of it is kept as `NAME.bad`.

    Raises ConfigurationError, or TooLargeError, that names the file and the place in it.
    """
    data, name = read_whole(path), str(path)
    notices: list[Notice] = []
    try:
        read = parsed(data.decode("utf-8-sig"), name)
    except ValueError as error:
        read, bad = salvaged(data.decode("utf-8-sig", "replace"), error, name)
        notices.append(_told_damage(name, len(read["turns"]), bad, _copied(path, data)))
    check_version(read, name)
    checked(read, CONVERSATION, name)
    settings = {key: read[key] for key in ("keep_thinking", "on_overflow") if key in read}
    return Stored(_tree(read, name), settings, notices)


def _tree(read: Mapping[str, Any], name: str) -> Tree:
    """Return the tree; ids in the file may be any numbers, but a turn stands behind its parent."""
    tree = Tree()
    places: dict[int | None, int | None] = {None: None}
    for number, data in enumerate(read["turns"]):
        turn = turn_of(data)
        if turn.parent not in places or turn.id in places:
            wrong = f"its id {turn.id} is taken" if turn.id in places else f"there is no turn {turn.parent} before it"
            raise ConfigurationError(
                f"{name} is damaged: $.turns[{number}]: {wrong}.", hint="The file was left as it is."
            )
        tree = tree.added(turn, after=places[turn.parent])
        places[turn.id] = tree.head
    if read["head"] not in places:
        raise ConfigurationError(
            f"{name} is damaged: $.head: there is no turn {read['head']}.", hint="The file was left as it is."
        )
    return tree.moved(places[read["head"]])


def _copied(path: AnyPath, data: bytes) -> str:
    try:
        return f"It was copied to {keep_copy(path, data)}."
    except ConfigurationError as error:  # a folder that can only be read: the turns are there all the same
        return f"No copy could be kept: {error.message}"


def _told_damage(name: str, good: int, bad: int, copy: str) -> Notice:
    lost = f", {bad} could not" if bad else ""
    text = f"{name} was damaged: {good} turn{'' if good == 1 else 's'} could be read{lost}. {copy}"
    warnings.warn(text, UserWarning, stacklevel=4)
    return Notice("file_damaged", text)
