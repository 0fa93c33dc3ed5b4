"""What a cassette's place on the disk may do to others' files, and what is no cassette at all."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import ConfigurationError, TooLargeError, record, replay
from magistral_nb.cassettes import reading, writing
from magistral_nb.cassettes.format import to_lines
from tests.fake_server import FakeServer
from tests.test_cassette_files import recording
from tests.test_client import GOOD, client_for


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch pwned",)


@pytest.mark.parametrize("name", ["x.pkl", "x.jsonl"])
def test_a_pickle_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.write_bytes(pickle.dumps(Bomb()))
    for use in (replay, record):
        with pytest.raises(ConfigurationError, match=r"no name for a cassette|line 1 is no JSON"), use(path):
            pass
    assert not (tmp_path / "pwned").exists()


NAMES = [
    "../../../.ipython/profile_default/startup/00-x",
    "~/.bashrc",
    "x.py",
    "x.ipynb",
    "",
    ".",
    "x.jsonl\0.py",
    ".jsonl",
]


@pytest.mark.parametrize("name", NAMES)
def test_only_json_lines_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"no name for a (cassette|file)"), record(name):
        pass
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_a_link_and_what_it_points_to_stay_as_they_are(tmp_path: Path, server: FakeServer) -> None:
    target = tmp_path / "bashrc"
    target.write_text("export A=1\n")
    link = tmp_path / "link.jsonl"
    link.symlink_to(target)
    with pytest.raises(ConfigurationError, match="is a link"), record(link):
        pass
    dangling = tmp_path / "dangling.jsonl"
    dangling.symlink_to(tmp_path / "new")
    with pytest.raises(ConfigurationError, match="is a link"), record(dangling):
        pass
    server.play(GOOD)
    late = tmp_path / "late.jsonl"
    with record(late):
        late.unlink()
        late.symlink_to(target)  # put there after the look
        reply = client_for(server).chat("Q")
    assert "not_recorded" in [notice.code for notice in reply.notices]
    assert target.read_text() == "export A=1\n"
    assert not (tmp_path / "new").exists()
    with pytest.raises(ConfigurationError) as caught, replay(link):
        pass
    assert "export" not in str(caught.value)


def test_a_link_at_the_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "bashrc"
    target.write_text("export A=1\n")
    (tmp_path / ".x.jsonl.lock").symlink_to(target)
    with pytest.raises(ConfigurationError, match="cannot be written"), record(tmp_path / "x.jsonl"):
        pass
    assert target.read_text() == "export A=1\n"


def test_a_file_that_is_no_cassette_is_not_recorded_into(tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text('{"a": 1}\n')
    for anew in (False, True):
        with pytest.raises(ConfigurationError, match="damaged: line 1"), record(data, anew=anew):
            pass
    assert data.read_text() == '{"a": 1}\n'


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    folder = tmp_path / "folder.jsonl"
    folder.mkdir()
    for path in (pipe, folder, tmp_path / "missing.jsonl"):
        with pytest.raises(ConfigurationError, match=r"no ordinary file|cannot be read"), replay(path):
            pass
    with pytest.raises(ConfigurationError, match="cannot be written"), record(tmp_path / "nowhere" / "x.jsonl"):
        pass
    assert not (tmp_path / "nowhere").exists()


def test_files_and_lines_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(to_lines(recording()))
    monkeypatch.setattr(reading, "LONGEST_LINE", 100)
    with pytest.raises(TooLargeError, match="a line of more than"), replay(path):
        pass
    monkeypatch.setattr(reading, "LARGEST_FILE", 100)
    with pytest.raises(TooLargeError, match="has more than"), replay(path):
        pass
    monkeypatch.undo()
    monkeypatch.setattr(writing, "LARGEST_FILE", 600)
    with pytest.raises(TooLargeError, match="is full"):
        writing.append(path, recording(chunks=[(0.0, {"choices": [{"delta": {"content": "x" * 500}}]})]))
    assert path.read_bytes() == to_lines(recording())


def test_the_rights_of_a_file_stay(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"")
    path.chmod(0o640)
    writing.append(path, recording())
    assert path.stat().st_mode & 0o777 == 0o640
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".tmp"] == []
