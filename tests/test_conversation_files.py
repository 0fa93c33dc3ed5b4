"""A conversation as a file: the same requests afterwards, nothing lost of a torn one, nothing followed or run."""

from __future__ import annotations

import json
import os
import pickle
import re
import stat
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from magistral_nb import (
    Client,
    ConfigurationError,
    ConnectionLostError,
    Conversation,
    MagistralError,
    TooLargeError,
    system,
    tool,
    user,
)
from magistral_nb.conversations import files
from magistral_nb.conversations.schema import CONVERSATION
from magistral_nb.scrubbing import REDACTED
from magistral_nb.settings import Secret
from tests.playing import Played, called, playing, said

PICTURE = "data:image/png;base64,iVBORw0KGgo="
ODD = "half \ud83d, NUL \x00, CR \r\n, \u2028 and 𝒳\ufeff"


def eventful(endpoint: str = "vllm", **settings: Any) -> tuple[Conversation, Played]:
    """Give a conversation with everything in it: pictures, calls, branches, failures, odd characters."""
    client, played = playing(endpoint, **settings)
    played.play(
        said("T1", "one", usage=(10, 5)), called("f"), said("T2", ODD), said("Half", finish=None), said("T3", "again")
    )
    talk = Conversation(client, keep_thinking="all", on_overflow="trim")
    talk.chat([system("Be terse."), user("What is it?", images=[PICTURE])], seed=3, temperature=0)
    talk.chat(f"odd: {ODD}")
    talk.chat([tool("42", tool_call_id="call00000", name="f")])
    with pytest.raises(ConnectionLostError):
        talk.chat("c?")
    talk.edit(0, text="Once more?")
    talk.switch(talk.siblings(0)[0])
    return talk, played


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "talk.json"


@pytest.mark.parametrize("endpoint", ["vllm", "mistral", "openrouter", "llama-server", "together", "ollama"])
def test_after_saving_and_loading_the_next_request_is_the_same_bytes(path: Path, endpoint: str) -> None:
    talk, played = eventful(endpoint, model="magistral-small")
    talk.save(path)
    again = Conversation.load(path, client=talk.client)
    assert again.tree == talk.tree
    assert again.turns == talk.turns
    assert [(turn.id, turn.parent, turn.state) for turn in again.tree.turns] == [
        (turn.id, turn.parent, turn.state) for turn in talk.tree.turns
    ]
    assert (again.keep_thinking, again.on_overflow, again.usage) == ("all", "trim", talk.usage)
    for verb in ("chat", "regenerate"):
        for one in (talk, again):
            getattr(one, verb)(*(["next?"] if verb == "chat" else [0]))
        bodies = [json.dumps(body) for body in played.bodies[-2:]]
        assert bodies[0] == bodies[1]
    again.save(path)
    once, twice = path.read_bytes(), Conversation.load(path, client=talk.client)
    twice.save(path)
    assert path.read_bytes() == once


def test_the_file_is_json_that_keeps_to_its_schema_and_names_its_version(path: Path) -> None:
    eventful()[0].save(path)
    data = json.loads(path.read_text("utf-8"))
    assert data["magistral_conversation"] == 1
    Draft202012Validator.check_schema(CONVERSATION)
    Draft202012Validator(CONVERSATION).validate(data)
    assert len(path.read_text("utf-8").split("\n")) == len(data["turns"]) + 3  # a line for each turn


def test_keys_are_never_saved(path: Path) -> None:
    key = Secret("sk-planted-0123456789").reveal()
    client, played = playing()
    played.play(said(f"The key is {key}", key))
    talk = Conversation(client)
    talk.chat(f"My key is {key}.")
    talk.save(path)
    talk.to_notebook(path.with_suffix(".ipynb"))
    for text in (path.read_text(), path.with_suffix(".ipynb").read_text(), talk.to_markdown(), talk.to_html()):
        assert key not in text
        assert "redacted" in text
    assert REDACTED in Conversation.load(path, client=client).turns[0].answer


# F62: a damaged file


def spoiled(path: Path, how: str) -> None:
    data = path.read_bytes()
    lines = data.split(b"\n")
    changed = {
        "torn": data[: -len(lines[-3]) // 2 - len(lines[-2])],
        "no JSON in a line": b"\n".join([*lines[:2], b'{"id": 1, "par\xff\xff', *lines[3:]]),
        "zeros at the end": data[: data.index(lines[3])] + b"\0" * 500,
        "a line is no turn": b"\n".join([*lines[:2], b'{"id": 1, "parent": 0},', b"oops", *lines[3:]]),
    }
    path.write_bytes(changed[how])


@pytest.mark.parametrize(
    ("how", "good"),
    [
        ("torn", ["What is it?", f"odd: {ODD}", ""]),
        ("no JSON in a line", ["What is it?", "", "c?"]),
        ("zeros at the end", ["What is it?", f"odd: {ODD}"]),
        ("a line is no turn", ["What is it?", "", "c?"]),
    ],
)
def test_f62_a_damaged_file_opens_with_what_is_good_and_a_copy_is_kept(path: Path, how: str, good: list[str]) -> None:
    talk, played = eventful()
    talk.save(path)
    spoiled(path, how)
    damaged = path.read_bytes()
    for number in ("", "2"):
        with pytest.warns(UserWarning, match=r"was damaged: .* It was copied to .*talk\.json\.bad"):
            again = Conversation.load(path, client=talk.client)
        assert path.with_name(f"talk.json.bad{number}").read_bytes() == damaged
    assert path.read_bytes() == damaged
    assert [turn.question for turn in again.turns][: len(good)] == good
    assert [notice.code for notice in again.notices] == ["file_damaged"]
    assert again.keep_thinking == "all"
    again.chat("next?")
    roles = [message["role"] for message in played.messages]
    assert all(one != other or one == "tool" for one, other in pairwise(roles))


GOOD_FILE = '{"magistral_conversation": 1, "head": 0, "turns": [%s]}'
TURN = '{"id": 0, "parent": null, "asked": [{"role": "user", "content": []}], "reply": {"thinking": "", "answer": ""}}'
WRONG = {
    "no JSON": ("hello", "is damaged, or no conversation: Expecting value: line 1"),
    "nothing": ("", "is damaged, or no conversation"),
    "another file": ('{"cells": []}', "no 'magistral_conversation' at its top"),
    "a list": ("[1]", "no 'magistral_conversation' at its top"),
    "a newer format": ('{"magistral_conversation": 2}', "has version 2 of the format"),
    "a text too few": (GOOD_FILE % TURN.replace('"thinking": "", ', ""), r"\$.turns\[0\].reply: 'thinking' is a requ"),
    "a number for a text": (GOOD_FILE % TURN.replace('"answer": ""', '"answer": 4'), r"\$.turns\[0\].reply.answer: 4"),
    "a head that is not there": (GOOD_FILE.replace('"head": 0', '"head": 3') % TURN, r"\$.head: there is no turn 3"),
    "a parent that is not there": (GOOD_FILE % TURN.replace("null", "7"), r"\$.turns\[0\]: there is no turn 7 before"),
    "the same id twice": (GOOD_FILE % f"{TURN}, {TURN}", r"\$.turns\[1\]: its id 0 is taken"),
    "a file on this machine as a picture": (
        GOOD_FILE % TURN.replace("[]", '[{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]'),
        r"\$.turns\[0\].asked\[0\].content\[0\]",
    ),
    "no number": (GOOD_FILE.replace('"head": 0', '"head": NaN') % TURN, r"damaged"),
    "a huge number": (GOOD_FILE.replace('"head": 0', f'"head": {"9" * 5000}') % TURN, "damaged"),
    "too deep": ('{"a":' * 100_000, "nested more than 40 levels deep"),
    "deep": ('{"a":' * 50 + "1" + "}" * 50, "nested more than 40 levels deep"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_none_is_refused_and_the_place_is_named(path: Path, name: str) -> None:
    text, words = WRONG[name]
    path.write_text(text)
    with pytest.raises(MagistralError, match=words) as caught:
        Conversation.load(path, client=Client("vllm"))
    assert str(path) in caught.value.message
    assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_a_small_file_by_hand_is_read(path: Path) -> None:
    path.write_text(GOOD_FILE % TURN)
    assert len(Conversation.load(path, client=Client("vllm")).turns) == 1


# H51 to H53: files that are not what they seem


def test_links_are_not_followed(tmp_path: Path) -> None:
    talk, _ = eventful()
    target, link = tmp_path / "bashrc", tmp_path / "talk.json"
    target.write_text("precious")
    link.symlink_to(target)
    with pytest.raises(ConfigurationError, match="is a link, and links are not followed"):
        talk.save(link)
    with pytest.raises(ConfigurationError, match="is a link"):
        talk.to_notebook(link)
    with pytest.raises(ConfigurationError, match="is a link"):
        Conversation.load(link, client=talk.client)
    assert target.read_text() == "precious"
    assert link.is_symlink()


def test_nothing_but_json_is_read(path: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "pwned"),)

    path.write_bytes(pickle.dumps(Trap()))
    for read in (Conversation.load, Conversation.from_notebook):
        with pytest.raises(ConfigurationError):
            read(path, client=Client("vllm"))
    assert not (tmp_path / "pwned").exists()


def test_only_files_of_a_sensible_size_are_read(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_BYTES", 100)
    path.write_text(GOOD_FILE % TURN)
    with pytest.raises(TooLargeError):
        Conversation.load(path, client=Client("vllm"))
    os.mkfifo(tmp_path / "pipe")
    for odd in ("pipe", "", "missing.json"):
        with pytest.raises(ConfigurationError):
            Conversation.load(tmp_path / odd, client=Client("vllm"))


# Writing


def test_a_file_is_written_whole_or_not_at_all(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    talk, _ = eventful()
    path.write_text("what was there")
    path.chmod(0o640)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ConfigurationError, match="cannot be written: No space left on device"):
            talk.save(path)
    assert path.read_text() == "what was there"
    assert list(path.parent.iterdir()) == [path]
    talk.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with pytest.raises(ConfigurationError, match="cannot be written"):
        talk.save(path.parent / "no folder" / "talk.json")


def test_a_new_file_has_the_permissions_that_files_have(path: Path) -> None:
    before = os.umask(0o027)
    try:
        eventful()[0].save(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_the_code_of_the_page_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    client, played = playing()
    played.play(said("T", "one"), said("T", "two"), said("T", "half", finish="length"), said("", " and whole"))
    names: dict[str, Any] = {"demo": client}
    page = (Path(__file__).parents[1] / "docs/conversations.md").read_text("utf-8")
    for block in re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        exec(block.replace('Client("demo")', "demo"), names)
    assert [turn.answer for turn in names["again"].turns] == ["one", "two", "half and whole"]


def test_the_page_names_every_key_of_the_format() -> None:
    page = (Path(__file__).parents[1] / "docs/conversations.md").read_text("utf-8")
    turn = CONVERSATION["properties"]["turns"]["items"]["properties"]
    settings = turn["settings"]["properties"]
    for key in (*CONVERSATION["properties"], *turn, *settings):
        assert f"`{key}`" in page
