"""What a class needs: many at once, no key, no network, no engine; and a lesson that is the same each time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import Client, Reply, record, replay
from magistral_nb.cassettes.reading import read_cassette
from magistral_nb.panel.transcript import PANEL_MIME
from magistral_nb.rendering.reply import REPLY_MIME
from tests.fake_server import FakeServer
from tests.real.run_notebooks import outputs, uncounted
from tests.test_client import client_for, events_of

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
PLANTED = "sk-planted-in-a-class-0123456789"
LESSONS = sorted((ROOT / "examples").glob("*.jsonl"))
CLASS, TIMES = 30, 10


def forty_replies(server: FakeServer, tape: Path) -> None:
    with record(tape), client_for(server, api_key=PLANTED) as client:
        for number in range(40):
            words = [{"content": f"word{n} "} for n in range(50)]
            server.play(events_of(*[{"reasoning": f"thought {n} "} for n in range(50)], *words, {"content": PLANTED}))
            client.chat(f"Question {number}?")


def started(*command: str, **environment: str) -> subprocess.Popen[str]:
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment}
    return subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=bare, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process: subprocess.Popen[str]) -> str:
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    return out


def test_a_class_of_three_hundred(server: FakeServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tape = tmp_path / "lesson.jsonl"
    forty_replies(server, tape)
    assert PLANTED not in tape.read_text("utf-8")
    tape.chmod(0o444)  # as on a read-only image
    tmp_path.chmod(0o555)
    began = time.perf_counter()
    class_members = [started("-m", "tests.real.class_member", str(tape), str(TIMES)) for _ in range(CLASS)]
    told = [json.loads(ended(member)) for member in class_members]
    seconds = time.perf_counter() - began
    tmp_path.chmod(0o755)
    assert len({one["hash"] for one in told}) == 1
    assert [one["loaded"] for one in told] == [[]] * CLASS
    memory = max(one["memory"] for one in told)
    assert memory > 0
    assert memory < 200
    with capsys.disabled():
        print(
            f"\n{CLASS} processes, {TIMES} times 40 replies of 102 chunks each, {tape.stat().st_size / 2**20:.1f} MiB: "
            f"{seconds:.1f} s in all, at most {memory:.0f} MiB each"
        )


WRITER = """
import sys
from magistral_nb import Client, record
path, url, number = sys.argv[1:]
with record(path), Client(base_url=url, model="magistral-small") as client:
    for turn in range(2):
        client.chat(f"Question {number} {turn}")
"""


def test_thirty_processes_record_into_one_file(server: FakeServer, tmp_path: Path) -> None:
    server.play(events_of({"content": "yes"}))
    tape = tmp_path / "lesson.jsonl"
    writers = [started("-c", WRITER, str(tape), server.base_url, str(number)) for number in range(CLASS)]
    for writer in writers:
        ended(writer)
    recordings = read_cassette(tape)
    assert {one.question for one in recordings} == {f"Question {n} {turn}" for n in range(CLASS) for turn in range(2)}
    assert len(recordings) == 2 * CLASS
    assert [file for file in tmp_path.iterdir() if file.suffix == ".tmp"] == []


NO_ENGINE = """
import json, sys
sys.modules["xllamacpp"] = None
from magistral_nb import Client, replay
with replay(sys.argv[1]):
    for client in (Client("demo"), Client()):
        print(json.dumps(client.chat("Why is the sky blue?", seed=1, max_tokens=80).to_dict()))
"""


def test_the_embedded_model_is_recorded_like_a_server(tmp_path: Path) -> None:
    tape = tmp_path / "demo.jsonl"
    with record(tape), Client("demo") as client:
        live = client.chat("Why is the sky blue?", seed=1, max_tokens=80)
    out = ended(started("-c", NO_ENGINE, str(tape), MAGISTRAL_DEMO_MODEL="/nowhere/model.gguf"))
    for line in out.splitlines():
        played = Reply.from_dict(json.loads(line))
        assert (played.thinking, played.answer, played.model) == (live.thinking, live.answer, "smollm2-135m-instruct")
        assert [notice.code for notice in played.notices] == ["demonstration"]
        assert played.recorded


def nameless(cells: list[Any]) -> list[Any]:
    """Return outputs in which panels and widgets are numbered: each that is made has a name of its own."""
    text = json.dumps(cells)
    of_panels = re.findall(rf'"{re.escape(PANEL_MIME)}": {{"id": "(\w+)"', text)
    of_widgets = re.findall(r'"model_id": "(\w+)"', text)
    in_boxes = re.findall(r"magistral-so-far-(\w+)", text)
    for number, name in enumerate(dict.fromkeys([*of_panels, *of_widgets, *in_boxes])):
        text = text.replace(name, f"name {number}")
    named: list[Any] = json.loads(text)
    return named


def replies_in(data: dict[str, Any]) -> list[dict[str, Any]]:
    turns = data.get(PANEL_MIME, {}).get("turns", [])
    return [reply for reply in [data.get(REPLY_MIME), *(turn["reply"] for turn in turns)] if reply]


@pytest.fixture
def without_engine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("MAGISTRAL_DEMO_MODEL", "/nowhere/model.gguf")
    return monkeypatch


@pytest.mark.parametrize("tape", LESSONS, ids=lambda tape: tape.stem)
def test_a_lesson_runs_on_its_cassette_and_is_the_same_each_time(
    without_engine: pytest.MonkeyPatch, tape: Path
) -> None:
    without_engine.setenv("MAGISTRAL_CASSETTE", str(tape))
    first, second = (nameless(outputs(tape.with_suffix(".ipynb"))) for _ in range(2))
    assert first == second  # to the byte, times included
    replies = [reply for cell in first for one in cell for reply in replies_in(one.get("data", {}))]
    assert replies
    assert all(reply["model"] for reply in replies)
    assert all(reply["recorded"] for reply in replies if reply["usage"])  # the second lesson shows some made by hand
    assert any(reply["recorded"] for reply in replies)
    asked = read_cassette(tape)
    assert all(one.complete and one.model for one in asked)


@pytest.mark.parametrize("tape", LESSONS, ids=lambda tape: tape.stem)
def test_run_all_twice_in_one_kernel_shows_the_same_twice(without_engine: pytest.MonkeyPatch, tape: Path) -> None:
    without_engine.setenv("MAGISTRAL_CASSETTE", str(tape))
    shown = outputs(tape.with_suffix(".ipynb"), times=2)
    first, second = nameless(shown[: len(shown) // 2]), nameless(shown[len(shown) // 2 :])
    assert len(first) == len(second) > 5
    loads = [number for number, cell in enumerate(second) if "already loaded" in str(cell)]
    assert loads == [1]  # IPython's own word about %load_ext
    for number, (one, other) in enumerate(zip(first, second, strict=True)):
        if number not in loads:
            assert [uncounted(output) for output in one] == [uncounted(output) for output in other]


def test_the_python_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One block needs what the one before has made."""
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "cassettes.md").read_text("utf-8")
    recording, playing, both = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    names: dict[str, object] = {}
    for block in (recording, playing, both):
        exec(compile(block, "a block", "exec"), names)
        for client in (one for one in names.values() if isinstance(one, Client)):
            client.close()  # the next block may call another by its name
    assert isinstance(names["reply"], Reply)
    assert names["reply"].recorded
    assert [one.question for one in read_cassette(tmp_path / "more.jsonl")] == ["Is 93 prime?"]


def test_an_old_recording_is_read_by_todays_decoder() -> None:
    """The shipped cassettes were written by an earlier version of this package."""
    for tape in LESSONS:
        with replay(tape):
            for recording in read_cassette(tape):
                settings = {
                    name: recording.request[name] for name in ("seed", "max_tokens") if name in recording.request
                }
                assert Client("demo").chat(recording.request["messages"], keep_thinking="all", **settings).complete
