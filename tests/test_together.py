"""Features that meet: conversations, answers in a form, tools, budgets, cassettes, keys and the journal, by pairs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import (
    Budget,
    BudgetExceededError,
    Client,
    ConnectionLostError,
    Conversation,
    ProtocolError,
    Reply,
    check_call,
    record,
    replay,
)
from magistral_nb.journal import files, keeping
from magistral_nb.journal.recovering import cut_off_replies
from tests.fake_server import FakeServer
from tests.test_budgets import chunk
from tests.test_cassettes import quick_counts
from tests.test_client import GOOD, client_for, events_of, sent
from tests.test_structured import BAD, Prime, says
from tests.test_structured import GOOD as GOOD_JSON

__all__ = ["quick_counts"]

KEY, OTHER = "sk-PLANTEDKEY0123456789abcdef", "sk-OTHERSTUDENT0123456789abcd"
VLLM: dict[str, Any] = {"model": "m", "api_key": KEY, "system": None}
Chat = Callable[..., Reply]


def achat(asked: Client | Conversation, prompt: Any, **settings: Any) -> Reply:
    """Ask on an event loop of its own, and leave no connection to it behind."""

    async def ask() -> Reply:
        async with asked.client if isinstance(asked, Conversation) else asked:
            return await asked.achat(prompt, **settings)

    return asyncio.run(ask())


COLOURS: dict[str, Chat] = {"sync": lambda asked, prompt, **settings: asked.chat(prompt, **settings), "async": achat}


@pytest.fixture(params=list(COLOURS))
def chat(request: pytest.FixtureRequest) -> Chat:
    return COLOURS[request.param]


@pytest.fixture
def busy_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at replies all the time, and not only when the thread of an earlier test wakes up."""
    monkeypatch.setattr(keeping, "PERIOD", 0.01)
    monkeypatch.setattr(keeping, "_keeper", keeping._Keeper())


def history(server: FakeServer) -> list[tuple[str, str]]:
    return [(one["role"], one["content"]) for one in sent(server)["messages"] if one["role"] != "system"]


def read_file(path: str) -> str:
    """Read a file."""
    return f"the text of {path}"


def calls(*pieces: str, text: str = "") -> bytes:
    """Return a reply that calls `read_file`, its arguments in pieces."""
    first, *rest = ({"index": 0, "function": {"arguments": piece}} for piece in pieces)
    first |= {"id": "call00001", "function": {"name": "read_file", **first["function"]}}  # type: ignore[dict-item]  # nested
    deltas = [{"tool_calls": [one]} for one in (first, *rest)]
    return events_of(*([{"content": text}] * bool(text)), *deltas, finish="tool_calls")


def test_a_repaired_answer_is_one_turn_whose_counts_are_summed(server: FakeServer, chat: Chat, tmp_path: Path) -> None:
    server.play(says(BAD, usage=(10, 5, 2)))
    server.play(says(GOOD_JSON, usage=(20, 6, 3)))
    server.play(GOOD)
    talk = Conversation(client_for(server))
    reply = chat(talk, "Is 91 prime?", response_format=Prime)
    assert reply.parsed == Prime(number=91)
    assert (talk.usage and (talk.usage.prompt_tokens, talk.usage.completion_tokens)) == (30, 11)
    chat(talk, "And 2?")
    assert history(server) == [("user", "Is 91 prime?"), ("assistant", GOOD_JSON), ("user", "And 2?")]
    assert "response_format" not in sent(server)
    talk.save(tmp_path / "talk.json")
    for one in (talk, Conversation.load(tmp_path / "talk.json", client=client_for(server))):
        chat(one, "And 3?")
    assert server.requests[-1].body == server.requests[-2].body


def test_an_answer_that_never_fits_is_a_failed_turn_that_can_be_gone_on_from(server: FakeServer, chat: Chat) -> None:
    for answer in (BAD, "No."):
        server.play(says(answer))
    server.play(GOOD)
    talk = Conversation(client_for(server))
    with pytest.raises(ProtocolError) as caught:
        chat(talk, "Is 91 prime?", response_format=Prime)
    assert (talk.turns[0].state, caught.value.partial) == ("failed", talk.turns[0].reply)
    chat(talk, "And 2?")
    assert history(server) == [("user", "Is 91 prime?"), ("assistant", "No."), ("user", "And 2?")]


def test_calls_and_results_outlive_files_and_notebooks(server: FakeServer, chat: Chat, tmp_path: Path) -> None:
    server.play(calls('{"path": "a', '.txt"}'))
    server.play(GOOD)
    talk = Conversation(client_for(server), keep_thinking="all")
    (call,) = chat(talk, "Read a.txt", tools=[read_file]).tool_calls
    talk.save(tmp_path / "talk.json")
    result = check_call(call, tools=[read_file]).run()
    again = Conversation.load(tmp_path / "talk.json", client=client_for(server))
    for one in (talk, again):
        chat(one, [result], tools=[read_file])
    assert server.requests[-1].body == server.requests[-2].body
    talk.to_notebook(tmp_path / "talk.ipynb")
    for one in (talk, Conversation.from_notebook(tmp_path / "talk.ipynb", client=client_for(server))):
        chat(one, "Next?")
    assert server.requests[-1].body == server.requests[-2].body
    assert [one["role"] for one in sent(server)["messages"][-4:]] == ["assistant", "tool", "assistant", "user"]


def test_a_turn_that_a_budget_cut_can_go_on_with_another(server: FakeServer, chat: Chat) -> None:
    server.play([b"".join(chunk({"content": "w "}) for _ in range(300)), 5.0])
    server.play(events_of({"content": "end"}))
    talk = Conversation(Client("vllm", base_url=server.base_url, **VLLM))
    cut = chat(talk, "hi", budget=Budget(tokens=60))
    assert (cut.finish_reason, talk.turns[0].state) == ("budget", "budget")
    with pytest.raises(BudgetExceededError):
        talk.continue_reply()  # the turn's own budget holds again, and is used up
    assert (len(talk.turns), talk.turns[0].reply.answer) == (1, cut.answer)
    whole = talk.continue_reply(budget=Budget(tokens=5_000))
    assert (whole.answer, whole.finish_reason, talk.turns[0].state) == (f"{cut.answer}end", "stop", "whole")
    assert whole.usage
    assert whole.usage.estimated  # a part of the sum is our own count
    assert talk.usage
    assert talk.usage.estimated
    chat(talk, "Next?")
    assert history(server) == [("user", "hi"), ("assistant", whole.answer), ("user", "Next?")]


@pytest.mark.usefixtures("quick_counts")
def test_branches_of_a_conversation_are_played_in_the_order_they_were_made(
    server: FakeServer, chat: Chat, tmp_path: Path
) -> None:
    for answer in "ABC":
        server.play(events_of({"reasoning": f"T{answer}"}, {"content": answer}))

    def go(client: Client) -> list[Any]:
        talk = Conversation(client, keep_thinking="last")
        chat(talk, "one?")
        chat(talk, "two?")
        talk.regenerate()
        talk.regenerate()
        return [[turn.answer for turn in talk.siblings(-1)], talk.context, talk.usage]

    with record(tmp_path / "lesson.jsonl"):
        live = go(client_for(server))
    for _ in range(2):
        with replay(tmp_path / "lesson.jsonl"):
            assert go(Client(base_url="http://127.0.0.1:9/v1", model="magistral-small")) == live
    assert live[0] == ["B", "C", "C"]
    assert len(server.requests) == 4


def test_a_repair_is_two_exchanges_and_is_played_as_two(server: FakeServer, chat: Chat, tmp_path: Path) -> None:
    server.play(says(BAD, usage=(10, 5, 2)))
    server.play(says(GOOD_JSON, usage=(20, 6, 3)))
    with record(tmp_path / "lesson.jsonl"):
        live = chat(client_for(server), "Is 91 prime?", response_format=Prime)
    for _ in range(2):
        with replay(tmp_path / "lesson.jsonl"):
            played = chat(Client(), "Is 91 prime?", response_format=Prime)
        assert (played.parsed, played.thinking, played.answer) == (live.parsed, live.thinking, live.answer)
        assert played.recorded
        assert played.usage
        assert (played.usage.prompt_tokens, played.usage.completion_tokens) == (30, 11)
    assert len(server.requests) == 2


@pytest.mark.parametrize("cut", [1, 9, len(KEY) - 1])
def test_a_planted_key_is_in_no_file_and_students_with_other_keys_hit(
    server: FakeServer, chat: Chat, tmp_path: Path, cut: int
) -> None:
    server.play(calls(f'{{"path": "{KEY[:cut]}', f'{KEY[cut:]}"}}', text=f"It is {KEY}."))
    server.play(
        events_of({"reasoning": KEY[:cut]}, {"reasoning": KEY[cut:]}, {"content": KEY[:cut]}, {"content": KEY[cut:]})
    )

    def go(client: Client, key: str) -> Conversation:
        talk = Conversation(client, keep_thinking="all")
        (call,) = chat(talk, f"My key is {key}", tools=[read_file], instructions=f"Never say {key}").tool_calls
        chat(talk, [check_call(call, tools=[read_file]).run()], tools=[read_file])
        return talk

    with record(tmp_path / "lesson.jsonl"):
        live = go(client_for(server, api_key=KEY), KEY)
    live.save(tmp_path / "talk.json")
    live.to_notebook(tmp_path / "talk.ipynb")
    for name in ("lesson.jsonl", "talk.json", "talk.ipynb"):
        text = (tmp_path / name).read_text("utf-8")
        assert KEY not in text
        assert KEY[9:] not in text
    with replay(tmp_path / "lesson.jsonl"):
        played = go(Client(base_url="http://127.0.0.1:9/v1", model="magistral-small", api_key=OTHER), OTHER)
    assert [turn.answer for turn in played.turns] == [turn.answer for turn in live.turns]
    assert len(server.requests) == 2


@pytest.mark.usefixtures("busy_journal")
@pytest.mark.parametrize("end", [events_of({"content": "end"}), b""], ids=["whole", "broken off"])
def test_what_is_played_is_not_journaled(
    server: FakeServer, chat: Chat, end: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be played again, and nobody has paid for it. What is recorded live is journaled as ever."""
    made: list[bytes] = []
    really = files.create

    def create(first: bytes) -> Path:
        made.append(first)
        return really(first)

    monkeypatch.setattr(files, "create", create)
    server.play([chunk({"content": "a "}), 0.1, end])

    def ask(client: Client) -> None:
        try:
            chat(client, "hi")
        except ConnectionLostError:
            assert not end

    with record(tmp_path / "lesson.jsonl"):
        ask(client_for(server))
    assert (len(made), len(cut_off_replies())) == (1, 0 if end else 1)
    with replay(tmp_path / "lesson.jsonl", speed=1):
        ask(Client())
    assert (len(made), len(cut_off_replies())) == (1, 0 if end else 1)


@pytest.mark.usefixtures("busy_journal")
def test_a_failed_turn_is_kept_once_in_the_tree_and_once_in_the_journal(server: FakeServer, chat: Chat) -> None:
    server.play(GOOD)
    server.play([chunk({"content": "half "}), 0.1, chunk({"content": "a word"})])
    talk = Conversation(client_for(server))
    chat(talk, "one?")
    with pytest.raises(ConnectionLostError):
        chat(talk, "two?")
    (found,) = cut_off_replies()
    assert (found.question, found.reply.answer) == ("two?", "half a word")
    assert [(turn.state, turn.answer) for turn in talk.turns] == [("whole", "4"), ("failed", "half a word")]


QUIET = """
import sys
heard = []
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
def hear(name, given):
    if name == "import" and given[0].partition(".")[0] in ("keyring", "openai", "pydantic", "jsonschema", "httpx2"):
        heard.append(given[0])
    if name.startswith(("socket.", "subprocess.", "os.mkdir", "open")) and not str(given[:1]).endswith(".py',)"):
        heard.append((name, *given))
import magistral_nb
from magistral_nb import *
shell.extension_manager, Client, Conversation, Budget, record
sys.addaudithook(hear)
for name in (None, "navigator", "gguf", "transformers", "demo", "vllm", "auto", "no such endpoint"):
    repr(Conversation(Client(name, budget=Budget(tokens=5), tokenizer="no/such/file", verify="no/such/file")))
Client(base_url="http://127.0.0.1:1/v1", api_key="x" * 20, response_format={"type": "object"})
shell.run_line_magic("load_ext", "magistral_nb")
heard = [one for one in heard if "site-packages" not in str(one) and "/lib/python" not in str(one)]
print([one for one in heard if ".pyc" not in str(one) and ".so" not in str(one)])
"""


def test_making_a_client_and_loading_the_extension_touch_nothing() -> None:
    """No file, no network, no keyring, no program, and none of the heavy libraries."""
    told = subprocess.run([sys.executable, "-c", QUIET], check=True, capture_output=True, text=True)
    assert (told.stdout, told.stderr) == ("[]\n", "")
