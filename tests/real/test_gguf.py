"""A file of the user's own, for real: told, loaded, asked, and freed. The file is the demonstration model's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import AnswerDelta, Client, ConfigurationError, Waiting, assistant, user
from magistral_nb.events import Event
from magistral_nb.templating import default_system, template_text
from magistral_nb.transports import llamacpp_sharing
from magistral_nb.transports.gguf_file import read_gguf
from magistral_nb.transports.llamacpp import LlamaCppTransport
from magistral_nb.transports.memory import OVERHEAD, Plan
from magistral_nb.transports.own_spelling import OwnSpelling
from tests.real.embedded import socket_folders, wait_until
from tests.real.gguf_copies import FIELD_TEMPLATE, linked, with_template

pytestmark = pytest.mark.real
SHORT: dict[str, Any] = {"temperature": 0, "max_tokens": 24}
QUESTION = "What is the capital of France?"


@pytest.fixture(autouse=True)
def own_sockets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let engines listen in a folder of this test's own, and check that nothing stays there."""
    folder = tempfile.mkdtemp(prefix="mt_")  # pytest's own folders are too long for a socket
    monkeypatch.setattr(tempfile, "tempdir", folder)
    yield
    assert os.listdir(folder) == []
    os.rmdir(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def mine(folder: Path) -> str:
    return str(linked(folder))


@pytest.fixture(scope="module")
def thinker(folder: Path) -> str:
    return str(with_template(folder, FIELD_TEMPLATE, file="thinker.gguf"))


def prompt_of(client: Client) -> Any:
    """What renders a conversation as this client's one engine does."""
    transport = client._transport()
    assert isinstance(transport, LlamaCppTransport)
    (use,) = transport._uses.values()
    loaded = use.shared.loading.result()
    spelling = loaded.spelling
    assert isinstance(spelling, OwnSpelling)

    def rendered(messages: list[dict[str, Any]]) -> str:
        spelled = spelling.body({"messages": messages})
        text = loaded.engine.render({"it": spelled["messages"]})["it"].text
        assert text is not None
        return text

    return rendered


def test_chat_tells_what_it_needs_once_and_answers(mine: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Client("gguf", model=mine) as client:
        first, second = client.chat(QUESTION, **SHORT), client.chat(QUESTION, **SHORT)
        assert first.answer == second.answer
        assert len(first.answer.split()) > 3
        assert (first.model, first.endpoint) == (mine, "gguf")
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("my-model.gguf needs about 0.4 GB of memory") == 1
    assert "8,192 tokens" in told.err
    assert "This machine has" in told.err


def check_waiting(events: list[Event], capsys: pytest.CaptureFixture[str]) -> None:
    waits = [event for event in events if isinstance(event, Waiting)]
    assert "my-model.gguf needs about" in waits[1].text
    progress = [wait.progress for wait in waits if wait.progress is not None]
    assert progress
    assert progress == sorted(progress)
    assert 0 < progress[0] <= progress[-1] == 1.0
    assert any(isinstance(event, AnswerDelta) for event in events)
    assert capsys.readouterr().err == ""


def test_a_stream_shows_text_and_progress_as_events_and_prints_nothing(
    mine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Client("gguf", model=mine, threads=1) as client, client.stream(QUESTION, **SHORT) as stream:
        check_waiting(list(stream), capsys)
        again = list(client.stream(QUESTION, **SHORT))
        assert "loading" not in [event.why for event in again if isinstance(event, Waiting)]


async def test_the_same_on_an_event_loop(mine: str, capsys: pytest.CaptureFixture[str]) -> None:
    async with Client("gguf", model=mine, kv="q8_0") as client:
        async with client.astream(QUESTION, **SHORT) as stream:
            check_waiting([event async for event in stream], capsys)
        assert (await client.achat(QUESTION, **SHORT)).answer


def test_a_plain_file_gets_no_system_prompt_and_a_magistral_gets_its_own(folder: Path, mine: str) -> None:
    with Client("gguf", model=mine) as client:
        plain = client.chat("Hi", **SHORT).usage
    magistral = with_template(folder, FIELD_TEMPLATE, file="m.gguf", name="Magistral Small 2509")
    with Client("gguf", model=str(magistral)) as client:
        known = client.chat("Hi", **SHORT).usage
        text = prompt_of(client)([{"role": "system", "content": default_system("2509").text}])
    assert plain
    assert known
    assert plain.prompt_tokens < 60 < known.prompt_tokens
    assert "First draft your thinking process" in text


def test_the_thinking_of_earlier_turns_is_kept_in_the_prompt_when_asked_for(thinker: str) -> None:
    turns = [user("What is 2 + 2?"), assistant("It is 4.", thinking="Two and two are four."), user("And plus 1?")]
    with Client("gguf", model=thinker) as client:
        kept, dropped = (client.chat(turns, keep_thinking=policy, **SHORT).usage for policy in ("all", "none"))
        assert kept
        assert dropped
        assert kept.prompt_tokens > dropped.prompt_tokens + 5
        text = prompt_of(client)([{"role": "assistant", "content": "It is 4.", "reasoning_content": "Two and two."}])
        assert "[THINK]Two and two.[/THINK]It is 4." in text


def test_the_demonstrations_template_thinks_as_a_file_of_ones_own(folder: Path) -> None:
    path = with_template(folder, template_text("demo.jinja"), file="demo-like.gguf")
    with Client("gguf", model=str(path)) as client:
        reply = client.chat("What do alligators eat?", temperature=0, max_tokens=200)
    assert reply.thinking
    assert "THINK" not in reply.thinking + reply.answer


def test_several_models_at_once_in_one_client_and_in_two(mine: str, thinker: str) -> None:
    with Client("gguf", model=mine) as one, Client("gguf", model=mine) as same, Client("gguf", n_ctx=1_024) as other:
        answers = [one.chat(QUESTION, **SHORT).answer, same.chat(QUESTION, **SHORT).answer]
        assert answers[0] == answers[1]
        assert len(socket_folders()) == 1
        assert one.chat(QUESTION, model=thinker, **SHORT).answer
        assert other.chat(QUESTION, model=mine, **SHORT).answer
        assert len(socket_folders()) == 3
        with one.stream(QUESTION, **SHORT) as first, one.stream(QUESTION, model=thinker, **SHORT) as second:
            assert [type(event) for event in first]
            assert [type(event) for event in second]
        one.close()
        assert len(socket_folders()) == 2
    assert socket_folders() == set()


MEASURE = """
import sys, psutil
from magistral_nb import Client
path, n_ctx, kv = sys.argv[1], int(sys.argv[2]), sys.argv[3]
process = psutil.Process()
with Client("gguf", model=path, n_ctx=256) as warm_up:
    warm_up.chat("Hi", max_tokens=2)
before = process.memory_info().rss
client = Client("gguf", model=path, n_ctx=n_ctx, kv=kv)
client.chat("hello world " * 300, max_tokens=2)
during = process.memory_info().rss
client.close()
print(before, during, process.memory_info().rss)
"""


@pytest.mark.parametrize(("n_ctx", "kv"), [(8_192, "f16"), (8_192, "q8_0"), (2_048, "f16")])
def test_the_estimate_is_what_is_measured_and_closing_gives_it_back(mine: str, n_ctx: int, kv: Any) -> None:
    command = [sys.executable, "-c", MEASURE, mine, str(n_ctx), kv]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    before, during, after = (int(number) for number in finished.stdout.split())
    estimate = Plan(read_gguf((Path(mine),)), n_ctx, kv, 0).need.total
    taken = during - before
    assert estimate - OVERHEAD - 20e6 < taken < estimate
    assert after - before < 60e6  # malloc keeps some; the weights alone are 98 MB


def test_there_is_not_enough_memory_and_what_is_offered_fits(mine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llamacpp_sharing, "free_memory", lambda: 330_000_000)
    with pytest.raises(ConfigurationError, match=r'not enough memory.*needs about 0\.4 GB.*kv="q8_0"') as caught:
        Client("gguf", model=mine).chat(QUESTION, **SHORT)
    assert "n_ctx=" in caught.value.hint
    assert socket_folders() == set()
    with Client("gguf", model=mine, kv="q8_0") as smaller, Client("gguf", model=mine, check_memory=False) as anyway:
        assert smaller.chat(QUESTION, **SHORT).answer
        assert anyway.chat(QUESTION, **SHORT).answer


def test_a_card_that_the_build_cannot_use_is_told_with_the_first_reply(
    mine: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    with Client("gguf", model=mine) as client:
        first, second = client.chat(QUESTION, **SHORT), client.chat(QUESTION, **SHORT)
    assert [notice.code for notice in first.notices] == ["no_gpu_build"]
    assert "pip install xllamacpp --force-reinstall --index-url" in first.notices[0].text
    assert "NVIDIA" in capsys.readouterr().err
    assert second.notices == []
    with pytest.raises(ConfigurationError, match=r"gpu_layers is 20, and .* sees no graphics card.*--index-url"):
        Client("gguf", model=mine, gpu_layers=20).chat(QUESTION, **SHORT)


def test_closing_while_it_loads_ends_the_loading(mine: str) -> None:
    client = Client("gguf", model=mine)
    stream = client.stream(QUESTION, **SHORT)
    next(stream), next(stream), next(stream)
    client.close()
    stream.close()
    assert wait_until(lambda: socket_folders() == set(), within=20)
    assert client.chat(QUESTION, **SHORT).answer
    client.close()
