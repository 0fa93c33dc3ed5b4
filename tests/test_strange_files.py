"""H50, H52, H53 and their kin: names, links, pipes and pickles in the place of every kind of file of ours."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import Conversation, MagistralError, record, replay
from tests.hostile import BY_ID
from tests.playing import playing, said
from tests.test_magics import run
from tests.test_magics import shell as shell

PRECIOUS = "export A=1\n"


class Bomb:
    def __reduce__(self) -> Any:
        return os.system, ("touch magistral_pwned",)


def talk() -> Conversation:
    client, played = playing()
    played.play(said("T", "A"))
    conversation = Conversation(client)
    conversation.chat("a?")
    return conversation


def recording(path: str) -> None:
    with record(path):
        pass


def playing_back(path: str) -> None:
    with replay(path):
        pass


WRITES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "save": (".json", lambda path: talk().save(path)),
    "to_notebook": (".ipynb", lambda path: talk().to_notebook(path)),
    "record": (".jsonl", recording),
}
READS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "load": (".json", lambda path: Conversation.load(path, client=talk().client)),
    "from_notebook": (".ipynb", lambda path: Conversation.from_notebook(path, client=talk().client)),
    "replay": (".jsonl", playing_back),
}
NAMES = [
    BY_ID["H50"]["text"], "~/.bashrc", "x.py", "x.ipy", "x", "", ".", "..", "/", "/dev/null", "/dev/zero",
    "/proc/self/mem",
    "a\0b.json", "x.json\0.py", "\ud800.json", "~nobody-of-that-name/x.json",
    "no/where/x.json", "precious.json/x.json",
    f"{'n' * 300}.json", "link.json", "dangling.json", "pipe.json", "folder.json",
]  # fmt: skip
"""Written with `.json`; each kind of file gets its own ending instead."""
CONTENTS: dict[str, bytes] = {
    "a pickle": pickle.dumps(Bomb()),
    "a pickle of the first protocol": pickle.dumps(Bomb(), protocol=0),
    "deep lists": b"[" * 200_000 + b"]" * 200_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "an endless number": b"9" * 5_000,
    "UTF-16": "[]".encode("utf-16"),
    "null": b"null",
    "a list": b"[]",
    "a text": b'"magistral_conversation"',
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder three levels below a home, with odd things in it, and half a minute to get past them."""
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir(parents=True)
    (tmp_path / ".ipython/profile_default/startup").mkdir(parents=True)
    (tmp_path / ".bashrc").write_text(PRECIOUS)
    for ending, _ in (*WRITES.values(), *READS.values()):
        (folder / f"precious{ending}").write_text(PRECIOUS)
        if not (folder / f"link{ending}").is_symlink():
            (folder / f"link{ending}").symlink_to(tmp_path / ".bashrc")
            (folder / f"dangling{ending}").symlink_to(tmp_path / "new")
            os.mkfifo(folder / f"pipe{ending}")
            (folder / f"folder{ending}").mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))

    def too_long(*_: object) -> None:
        raise TimeoutError("it waits for ever")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(30)
    yield folder
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def files_below(home: Path) -> dict[str, str]:
    return {str(one): one.read_text() for one in home.rglob("*") if one.is_file() and not one.name.endswith(".lock")}


@pytest.mark.parametrize("verb", WRITES)
def test_nothing_odd_is_written_to(folder: Path, tmp_path: Path, verb: str) -> None:
    ending, write = WRITES[verb]
    before = files_below(tmp_path)
    for name in NAMES:
        with pytest.raises(MagistralError) as caught:
            write(name.replace(".json", ending))
        assert caught.value.hint, name
        str(caught.value).encode()
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("verb", READS)
def test_nothing_odd_is_read_and_none_of_it_is_quoted(folder: Path, verb: str) -> None:
    ending, read = READS[verb]
    for name in NAMES:
        with pytest.raises(MagistralError) as caught:
            read(name.replace(".json", ending))
        assert PRECIOUS.strip() not in str(caught.value), name
        str(caught.value).encode()


@pytest.mark.parametrize("verb", READS)
def test_only_json_is_read_and_a_pickle_is_never_opened(folder: Path, tmp_path: Path, verb: str) -> None:
    ending, read = READS[verb]
    for kind, content in CONTENTS.items():
        for name in (f"x{ending}", "x.pkl"):
            (folder / name).write_bytes(content)
            with pytest.raises(MagistralError):
                read(name)
            assert (folder / name).read_bytes() == content, kind
    assert not list(tmp_path.rglob("magistral_pwned"))
    assert not list(tmp_path.rglob("*.bad*"))


def test_a_folder_that_is_a_link_is_a_folder_like_any_other(tmp_path: Path) -> None:
    """Homes on clusters are links. Only the file itself must be none."""
    (tmp_path / "real").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "real")
    for verb, (ending, write) in WRITES.items():
        write(str(tmp_path / "home" / f"{verb}{ending}"))
    assert sorted(one.name for one in (tmp_path / "real").iterdir() if not one.name.startswith(".")) == [
        "record.jsonl", "save.json", "to_notebook.ipynb",
    ]  # fmt: skip


def test_the_magics_keep_to_the_same_rules_in_one_line(shell: Any, folder: Path, tmp_path: Path) -> None:
    before = files_below(tmp_path)
    for command in ("save", "load", "record", "replay"):
        for name in (BY_ID["H50"]["text"], "~/.bashrc", "link.json", "link.jsonl", "precious.json", "pipe.jsonl"):
            if (command, name) == ("save", "precious.json"):
                continue  # it may be replaced: it has the name of a conversation
            result, printed, red = run(shell, f"%magistral {command} {name}")
            assert isinstance(result.error_in_exec, MagistralError), (command, name)
            assert "Traceback" not in printed + red
    assert files_below(tmp_path) == before


def test_the_variable_for_cassettes_names_no_other_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_below(tmp_path)
    for told in ("record:~/.bashrc", "record:link.jsonl", f"record:{BY_ID['H50']['text']}", "link.jsonl", "record:"):
        monkeypatch.setenv("MAGISTRAL_CASSETTE", told)
        with pytest.raises(MagistralError):
            talk()
    assert files_below(tmp_path) == before
