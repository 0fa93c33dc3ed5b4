"""The journal: what of a reply is on the disk while it streams, and what stays there afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import Client, MagistralError, Secret
from magistral_nb.journal import files, keeping
from magistral_nb.journal.recovering import cut_off_replies
from tests.asking import COLOURS, ask_sync
from tests.fake_server import FakeServer
from tests.test_client import GOOD, KEY, client_for, events_of
from tests.test_magics import run
from tests.test_magics import shell as shell

BEGUN = events_of({"reasoning": "Half a thought. "}, {"content": "Half an answer é😀"}, finish=None)
SILENCE = 0.15
"""Many looks of the journal, in seconds: in so long it would have written."""


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "PERIOD", 0.01)


def until(condition: Callable[[], Any], timeout: float = 5.0) -> Any:
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def on_disk() -> str:
    return "".join(path.read_text() for path in files.files())


def written(text: str = "Half an answer") -> Callable[[], bool]:
    """Give what a server waits for before it goes on: that so much of its reply is on the disk."""
    return lambda: text in on_disk()


def another_process(path: Path) -> None:
    """Make a file look as if a process had written it that is gone."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    first, *rest = path.read_text().splitlines(keepends=True)
    heading = json.loads(first)
    heading["process"]["pid"] = child.pid
    path.write_text(json.dumps(heading) + "\n" + "".join(rest))


@pytest.fixture
def streaming(server: FakeServer) -> Iterator[Any]:
    """A reply of which half has come."""
    server.play([BEGUN, 30.0])
    with client_for(server).stream("What is six times seven?") as stream:
        for _ in range(3):
            next(stream)
        yield stream


def test_while_it_streams_the_text_is_in_a_file_for_its_owner_alone(streaming: Any) -> None:
    until(lambda: "Half an answer" in on_disk())
    (path,) = files.files()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert cut_off_replies() == []  # it is on its way


def test_what_a_dead_process_had_received_is_recovered(streaming: Any) -> None:
    until(lambda: "Half an answer" in on_disk())
    (path,) = files.files()
    another_process(path)
    with path.open("a") as file:
        file.write('{"answer": "torn in the mid')
    (found,) = cut_off_replies()
    assert (found.reply.thinking, found.reply.answer) == ("Half a thought. ", "Half an answer é😀")
    assert found.question == "What is six times seven?"
    assert found.reply.model == "magistral-small"
    assert not found.reply.complete
    assert "process ended" in found.reply.notices[0].text


@pytest.mark.parametrize("colour", COLOURS)
def test_a_finished_reply_leaves_nothing(server: FakeServer, colour: str) -> None:
    server.play([BEGUN, written(), events_of({"content": "!"})])
    reply, _ = COLOURS[colour](client_for(server))
    assert reply.complete
    assert files.files() == []


@pytest.mark.parametrize("colour", COLOURS)
def test_a_reply_that_an_error_cut_off_stays_with_the_reason(server: FakeServer, colour: str) -> None:
    server.play([BEGUN, written()])
    with pytest.raises(MagistralError):
        COLOURS[colour](client_for(server))
    (found,) = cut_off_replies()
    assert found.reply.answer == "Half an answer é😀"
    assert "ConnectionLostError" in found.why


def test_a_reader_who_leaves_and_a_task_that_is_cancelled_leave_nothing(server: FakeServer, streaming: Any) -> None:
    until(on_disk)
    streaming.close()
    assert files.files() == []

    async def cancel() -> None:
        task = asyncio.ensure_future(client_for(server).achat("q"))
        while not on_disk():
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancel())
    assert files.files() == []


def test_an_interrupt_may_end_the_program_so_the_text_stays(streaming: Any) -> None:
    until(on_disk)
    with pytest.raises(KeyboardInterrupt):
        streaming._events.throw(KeyboardInterrupt())
    assert [found.why for found in cut_off_replies()] == ["Interrupted by you."]


def test_an_answer_that_turns_out_to_be_thinking_is_written_anew(server: FakeServer) -> None:
    early = events_of({"content": "Not the answer. "}, finish=None)
    late = events_of({"content": "</think>The answer."}, finish=None)
    server.play([early, written("Not the answer"), late, written("The answer")])
    with pytest.raises(MagistralError):
        client_for(server).chat("q")
    (found,) = cut_off_replies()
    assert (found.reply.thinking.strip(), found.reply.answer) == ("Not the answer.", "The answer.")


def test_no_key_is_in_it(server: FakeServer) -> None:
    secret = Secret("sk-planted-in-the-question")
    server.play([events_of({"content": f"Your key is {KEY}. "}, finish=None), written("Your key")])
    with pytest.raises(MagistralError):
        client_for(server).chat(f"Is {secret.reveal()} mine?")
    assert "<redacted>" in on_disk()
    assert KEY not in on_disk()
    assert secret.reveal() not in on_disk()


def test_short_replies_make_no_file(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "PERIOD", 0.5)
    made: list[bytes] = []

    def create(first: bytes) -> Path:
        made.append(first)
        return Path("none")

    monkeypatch.setattr(files, "create", create)
    server.play(GOOD)
    for _ in range(20):
        client_for(server).chat("q")
    assert len(made) <= 2  # those that were on their way when the thread looked


@pytest.mark.parametrize("how", ["argument", "file"])
def test_it_can_be_turned_off(server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "file":
        settings = tmp_path / "settings.toml"
        settings.write_text("[defaults]\njournal = false\n")
        monkeypatch.setenv("MAGISTRAL_SETTINGS", str(settings))
    server.play([BEGUN, SILENCE])
    with pytest.raises(MagistralError):
        client_for(server, **({"journal": False} if how == "argument" else {})).chat("q")
    assert files.files() == []


def test_what_cannot_be_written_stops_no_reply(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(keeping._keeper, "problem", "")
    server.play([BEGUN, keeping.problem, events_of({"content": "!"})])
    reply, _ = ask_sync(client_for(server))
    assert reply.answer.endswith("!")
    assert "could not be written" in keeping.problem()


def test_old_ones_go(streaming: Any) -> None:
    until(on_disk)
    (path,) = files.files()
    files.remove_old(now=time.time() + 6.9 * 24 * 3600)
    assert path.exists()
    files.remove_old(now=time.time() + 7.1 * 24 * 3600)
    assert not path.exists()


def test_a_link_in_the_folder_is_neither_read_nor_removed(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text('{"v": 1}\n{"answer": "secret"}\n')
    files.journal_folder().mkdir(parents=True)
    link = files.journal_folder() / "20200101-000000-1-1.jsonl"
    link.symlink_to(mine)
    os.utime(mine, (0, 0))
    assert cut_off_replies() == []
    assert link.is_symlink()
    assert mine.exists()


def test_the_magic_shows_lists_and_forgets(shell: Any, server: FakeServer) -> None:
    _, printed, _ = run(shell, "%magistral recover")
    assert "Nothing to recover" in printed
    for word in ("first", "second"):
        server.play([events_of({"content": f"the {word} answer"}, finish=None), written(f"{word} answer")])
        with pytest.raises(MagistralError):
            client_for(server).chat(f"the {word} question")
    result, printed, _ = run(shell, "%magistral recover")
    assert result.result.answer == "the second answer"
    assert shell.user_ns["_"] is result.result
    assert "the first question" in printed
    assert run(shell, "%magistral recover 2")[0].result.answer == "the first answer"
    _, printed, _ = run(shell, f"%config Magistral.base_url = '{server.base_url}'\n%magistral status")
    assert f"on, in {files.journal_folder()}; 2 cut off" in printed
    assert "from 1 to 2" in run(shell, "%magistral recover 3")[2]
    assert "Forgotten: 2." in run(shell, "%magistral recover forget")[1]
    assert files.files() == []


def test_the_shell_prints_it(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    from magistral_nb.cli import main

    server.play([BEGUN, written()])
    with pytest.raises(MagistralError):
        Client(base_url=server.base_url, model="m", api_key=KEY).chat("q")
    assert main(["recover"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "Half an answer é😀\n"
    assert "Half a thought." in printed.err
    assert main(["recover", "2"]) == 1
