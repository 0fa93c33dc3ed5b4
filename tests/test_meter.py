"""The meters: what this process and this person spent, and what is never written down."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import MagistralError, Reply
from magistral_nb.bills import Bill
from magistral_nb.cli import main
from magistral_nb.cost_report import cost_report
from magistral_nb.meter_file import meter_path, notebook_name, read_month, write_down
from magistral_nb.metering import SESSION, SessionMeter, Spending
from tests.asking import COLOURS
from tests.fake_server import FakeServer
from tests.test_budgets import plays, with_usage
from tests.test_client import KEY, client_for, events_of

TODAY = date(2026, 11, 30)
ONE = Spending("navigator", "magistral-small", 100, 900, 0.00099)


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> SessionMeter:
    """Give each test a session of its own."""
    fresh = SessionMeter()
    monkeypatch.setattr(SESSION, "_sums", fresh._sums)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    return fresh


def path_of(day: date | None = None) -> Path:
    path = meter_path(day or date.today())
    assert path
    return path


def lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in path_of().read_text().splitlines()]


@pytest.mark.parametrize("colour", COLOURS)
def test_a_reply_is_written_down(
    server: FakeServer, colour: str, monkeypatch: pytest.MonkeyPatch, session: SessionMeter
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/ada/private/Lesson 3.ipynb")
    server.play(with_usage(100, 50))
    COLOURS[colour](client_for(server, price=(1, 2)), "My secret question")
    told = {"notebook": "Lesson 3.ipynb", "model": "magistral-small", "prompt": 100, "completion": 50, "usd": 0.0002}
    (line,) = lines()
    assert told.items() <= line.items()
    assert line["day"] == date.today().isoformat()
    assert line["estimated"] is False
    (total,) = session.totals().values()
    assert (total.replies, total.prompt_tokens, total.completion_tokens, total.unpriced) == (1, 100, 50, 0)
    assert total.usd == pytest.approx(0.0002)
    text = path_of().read_text()
    assert not any(word in text for word in ("secret", KEY, "private", "ada", "Two.", '"4"'))


def test_only_its_owner_can_read_it(server: FakeServer) -> None:
    server.play(with_usage(100, 50))
    client_for(server).chat("q")
    assert stat.S_IMODE(path_of().stat().st_mode) == 0o600
    assert stat.S_IMODE(path_of().parent.stat().st_mode) == 0o700


def test_a_key_in_the_place_of_the_model_is_not_written_down(server: FakeServer) -> None:
    server.play(with_usage(100, 50))
    client_for(server, model=KEY).chat("q")
    assert KEY not in path_of().read_text()


@pytest.mark.parametrize("colour", COLOURS)
def test_without_the_servers_count_it_is_an_estimate(server: FakeServer, colour: str) -> None:
    server.play(events_of(*[{"content": " word"}] * 100))
    COLOURS[colour](client_for(server, system=None))
    (line,) = lines()
    assert line["estimated"] is True
    assert 95 <= line["completion"] <= 105
    assert line["usd"] is None


@pytest.mark.parametrize("colour", COLOURS)
def test_what_broke_off_counts_and_what_never_began_does_not(server: FakeServer, colour: str) -> None:
    server.play_json({"error": {"message": "no"}}, status=401)
    server.play(events_of(*[{"content": " word"}] * 100, finish=None))
    for _ in range(2):
        with pytest.raises(MagistralError):
            COLOURS[colour](client_for(server, system=None))
    (line,) = lines()
    assert line["estimated"] is True
    assert line["completion"] > 90


def test_a_reader_who_leaves_pays_for_what_came(server: FakeServer) -> None:
    plays(server, [" word"] * 100, before=50)
    with client_for(server, system=None).stream("q") as stream:
        for _ in range(30):
            next(stream)
    (line,) = lines()
    assert 25 <= line["completion"] <= 55


def test_what_is_played_from_a_recording_costs_nothing(session: SessionMeter) -> None:
    for recorded, count in (("2026-11-01", 0), (None, 1)):
        bill = Bill("navigator", "m", count_prompt=lambda: 5)
        bill.open()
        bill.hear({"choices": []}, [])
        bill.close(Reply(recorded=recorded))
        assert len(session.totals()) == count


@pytest.mark.parametrize("colour", COLOURS)
def test_a_settings_file_turns_it_off(
    server: FakeServer, colour: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session: SessionMeter
) -> None:
    site = tmp_path / "site.toml"
    site.write_text("[defaults]\nmeter = false\n")
    monkeypatch.setenv("MAGISTRAL_SETTINGS", str(site))
    server.play(with_usage(100, 50))
    COLOURS[colour](client_for(server))
    assert not path_of().exists()
    assert len(session.totals()) == 1
    assert "meter = false" in cost_report()


def test_several_kernels_write_at_once() -> None:
    code = (
        "from magistral_nb.meter_file import write_down; from magistral_nb.metering import Spending\n"
        "for _ in range(200): write_down(Spending('e', 'm' * 150, 1, 2, 0.5))"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    month = read_month(date.today())
    assert (len(month.entries), month.damaged) == (400, 0)


DAMAGE = [
    b"\x00\xff\xfe", b"[1, 2]", b"null", b'"text"', b"{", b'{"day": "2026-11-30"', b"[" * 5_000, b"x" * 100_000,
    b'{"day":"soon","notebook":"n","endpoint":"e","model":"m","prompt":1,"completion":1,"usd":null}',
    b'{"day":"2026-11-30","notebook":"n","endpoint":"e","model":"m","prompt":-1,"completion":1,"usd":null}',
    b'{"day":"2026-11-30","notebook":"n","endpoint":"e","model":"m","prompt":1,"completion":1e999,"usd":null}',
    b'{"day":"2026-11-30","notebook":"n","endpoint":"e","model":"m","prompt":1,"completion":1,"usd":NaN}',
    b'{"day":"2026-11-30","notebook":"n","endpoint":"e","model":"m","prompt":1,"completion":1,"usd":[]}',
    b'{"day":7,"notebook":"n","endpoint":"e","model":"m","prompt":1,"completion":1,"usd":1}',
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_line_costs_itself_only(damage: bytes) -> None:
    write_down(ONE, day=TODAY)
    with path_of(TODAY).open("ab") as file:
        file.write(damage + b"\n")
    write_down(ONE, day=TODAY)
    month = read_month(TODAY)
    assert [entry.spending for entry in month.entries] == [ONE, ONE]
    assert month.damaged >= 1
    assert "could not be read" in cost_report(today=TODAY)


def test_a_line_that_was_cut_off_does_not_take_the_next_along() -> None:
    write_down(ONE, day=TODAY)
    path_of(TODAY).write_bytes(path_of(TODAY).read_bytes()[:-30])
    write_down(ONE, day=TODAY)
    assert [entry.spending for entry in read_month(TODAY).entries] == [ONE]


def a_folder(path: Path) -> None:
    path.mkdir()


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("put", [a_folder, a_pipe])
def test_something_else_in_the_place_of_the_file_stops_nobody(server: FakeServer, put: Any) -> None:
    path_of().parent.mkdir(parents=True)
    put(path_of())
    server.play(with_usage(100, 50))
    assert client_for(server).chat("q").answer == "4"
    assert "is no file" in cost_report()


def test_without_a_home_nothing_is_written_into_the_notebooks_folder(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", "")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    server.play(with_usage(100, 50))
    client_for(server).chat("q")
    assert list(tmp_path.iterdir()) == []
    assert "This month" in cost_report()


def test_the_notebook_is_known_by_what_jupyter_or_vs_code_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    assert notebook_name() == "unknown"
    monkeypatch.setenv("JPY_SESSION_NAME", "course/lesson.ipynb")
    assert notebook_name() == "lesson.ipynb"
    monkeypatch.setattr(sys.modules["__main__"], "__vsc_ipynb_file__", r"C:\work\code.ipynb", raising=False)
    assert notebook_name() == "code.ipynb"


def test_the_report_says_what_has_no_price(session: SessionMeter, capsys: pytest.CaptureFixture[str]) -> None:
    for one in (ONE, ONE, Spending("http://127.0.0.1:8000/v1", "m", 10, 20, None, estimated=True)):
        session.note(one)
        write_down(one, day=TODAY)
    write_down(ONE, day=date(2026, 11, 1))
    report = cost_report(today=TODAY)
    assert report.splitlines()[:3] == [
        "This session: 3 replies; about 210 + 1,820 tokens; about $0.0020 + 1 reply of unknown price",
        "  navigator, magistral-small   2 replies; 200 + 1,800 tokens; $0.0020",
        "  http://127.0.0.1:8000/v1, m  1 reply; about 10 + 20 tokens; price unknown",
    ]
    assert "Today: 3 replies" in report
    assert "This month, 2026-11: 4 replies" in report
    assert "  unknown  4 replies" in report
    assert "provider's own bill" in report
    assert main(["cost"]) == 0
    assert "This session" not in capsys.readouterr().out


def test_a_free_price_is_a_price_and_nothing_is_nothing(session: SessionMeter) -> None:
    assert "This session: nothing" in cost_report(today=TODAY)
    session.note(Spending("campus", "m", 10, 20, 0.0))
    assert "This session: 1 reply; 10 + 20 tokens; $0\n" in cost_report(today=TODAY)


def test_a_program_that_ends_with_a_reply_half_read_ends_in_order(server: FakeServer) -> None:
    server.play([events_of({"content": "half"}, finish=None), 30.0])
    program = f"""
import magistral_nb
stream = magistral_nb.Client(base_url={server.base_url!r}, model="m").stream("q")
for event in stream:
    if type(event).__name__ == "AnswerDelta":
        break
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
