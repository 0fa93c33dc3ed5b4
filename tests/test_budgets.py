"""Budgets: refused before sending, stopped softly in mid-stream, and never a made-up number."""

from __future__ import annotations

import json
from typing import Any

import pytest

from magistral_nb import Budget, BudgetExceededError, ConfigurationError, InternalServerError, Reply
from magistral_nb.tokens import local_counter
from tests.asking import COLOURS
from tests.fake_server import FakeServer
from tests.test_client import GOOD, client_for, events_of, sent

SENTENCE = "Seven times thirteen is ninety one , so it is not a prime number at all ."
WORDS = [*SENTENCE.split(), ""]
CODE = [
    "def",
    " fold",
    "(",
    "items",
    ":",
    " list",
    "[",
    "int",
    "]):\n",
    "    ",
    "return",
    " sum",
    "(x",
    " *",
    " ",
    "2",
    ")",
]
CHINESE = [*"天空为什么是蓝色的", "？", "因为", "阳光", "被", "大气", "散射", "。"]
KINDS: dict[str, list[str]] = {
    "words with the space in front": [f" {word}" for word in WORDS],
    "words with the space behind": [f"{word} " for word in WORDS],
    "long words": [" consideration", " responsibilities"],
    "numbered": [f"token{number} " for number in range(2_000)],
    "code": CODE,
    "Chinese": CHINESE,
    "single characters": list("a1,b 天é;"),
}


def pieces(kind: str, count: int = 2_000) -> list[str]:
    words = KINDS[kind]
    return (words * (count // len(words) + 1))[:count]


def chunk(delta: dict[str, Any], **more: Any) -> bytes:
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta}], **more})}\n\n".encode()


def usage(prompt: int, completion: int, **details: int) -> bytes:
    counted = {"prompt_tokens": prompt, "completion_tokens": completion, "completion_tokens_details": details}
    return f"data: {json.dumps({'choices': [], 'usage': counted})}\n\n".encode()


def plays(server: FakeServer, words: list[str], *, field: str = "content", before: int = 600) -> None:
    """Play a reply that pauses for long after `before` pieces: whoever wants more has to wait for it."""
    stream = [chunk({field: word}) for word in words]
    server.play([b"".join(stream[:before]), 30.0, b"".join(stream[before:]), events_of(finish="stop")])


def with_usage(prompt: int, completion: int, **details: int) -> bytes:
    return GOOD.replace(b"data: [DONE]", usage(prompt, completion, **details) + b"data: [DONE]")


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_reply_of_2000_tokens_stops_between_500_and_550(server: FakeServer, colour: str, kind: str) -> None:
    plays(server, pieces(kind))
    budget = Budget(tokens=500)
    client = client_for(server, budget=budget)
    reply, _ = COLOURS[colour](client, "Is ninety-one a prime number? Explain it to a child.")
    assert server.wait_closed(0.2)
    prompt = sum(local_counter(None).count(message["content"]) for message in sent(server)["messages"])
    completion = count_pieces(reply.answer, pieces(kind))
    assert 490 <= prompt + completion <= 550  # by Mistral's vocabulary, and as many tokens as were sent
    check_stopped(reply)
    assert reply.usage
    assert 500 <= reply.usage.prompt_tokens + reply.usage.completion_tokens <= 550
    assert budget.spent.tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert budget.left.tokens == 0


def count_pieces(text: str, pieces: list[str]) -> int:
    """Return how many of the pieces make the text: events may join some of them."""
    count = 0
    while text:
        assert text.startswith(pieces[count])
        text = text[len(pieces[count]) :]
        count += 1
    return count


def check_stopped(reply: Reply) -> None:
    assert (reply.finish_reason, reply.complete) == ("budget", False)
    assert [notice.code for notice in reply.notices][-1] == "budget"
    usage = reply.usage
    assert usage
    assert usage.estimated
    footer = f"about {usage.prompt_tokens:,} + {usage.completion_tokens:,} tokens"
    assert footer in reply._repr_mimebundle_()["text/plain"]
    assert Reply.from_dict(reply.to_dict()).usage == usage


@pytest.mark.parametrize("last", ["usage", "notice", "done"])
def test_a_reader_who_stops_at_the_end_was_not_the_one_who_stopped_it(server: FakeServer, last: str) -> None:
    plays(server, pieces("code"))
    with client_for(server, budget=Budget(tokens=500)).stream("q") as stream:
        for event in stream:
            if event.type == last:
                break
    check_stopped(stream.reply)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("size", [2, 7, 40])
def test_pieces_of_several_tokens_are_estimated(server: FakeServer, colour: str, size: int) -> None:
    words = pieces("words with the space in front")
    lumps = ["".join(words[start : start + size]) for start in range(0, len(words), size)]
    plays(server, lumps, before=600 // size)
    reply, _ = COLOURS[colour](client_for(server, budget=Budget(tokens=500), system=None))
    check_stopped(reply)
    assert 500 * 0.9 <= local_counter(None).count(reply.answer) + 12 <= 550


@pytest.mark.parametrize("colour", COLOURS)
def test_a_prompt_that_is_too_much_is_not_sent(server: FakeServer, colour: str) -> None:
    server.play(with_usage(300, 180))
    budget = Budget(tokens=500)
    with client_for(server, budget=budget) as client:
        client.chat("q")
    with pytest.raises(BudgetExceededError) as caught:
        COLOURS[colour](client_for(server, budget=budget, system=None), "word " * 40)
    error = caught.value
    assert len(server.requests) == 1
    assert (error.spent, error.limit, error.unit) == (480, 500, "tokens")
    assert "480 of 500 tokens" in str(error)
    assert "Budget(tokens=…)" in error.hint
    assert error.endpoint
    assert budget.spent.tokens == 480


def test_max_tokens_is_neither_counted_nor_lowered(server: FakeServer) -> None:
    server.play(with_usage(20, 30))
    client = client_for(server, budget=Budget(tokens=500), system=None)
    assert client.chat("q").complete
    assert sent(server)["max_tokens"] == 40_960
    client.chat("q", max_tokens=10_000)
    assert sent(server)["max_tokens"] == 10_000


@pytest.mark.parametrize("colour", COLOURS)
def test_the_servers_count_takes_the_place_of_the_estimate(server: FakeServer, colour: str) -> None:
    server.play(with_usage(70, 250, reasoning_tokens=200))
    budget = Budget(tokens=10_000, reasoning_tokens=10_000)
    reply, _ = COLOURS[colour](client_for(server, budget=budget, system=None))
    assert (budget.spent.tokens, budget.spent.reasoning_tokens) == (320, 200)
    assert reply.complete
    assert reply.usage
    assert not reply.usage.estimated


@pytest.mark.parametrize("colour", COLOURS)
def test_usd(server: FakeServer, colour: str) -> None:
    plays(server, pieces("Chinese"))
    budget = Budget(usd=0.0005)
    reply, _ = COLOURS[colour](client_for(server, budget=budget, price=(1, 2), system=None))
    check_stopped(reply)
    assert reply.usage
    assert reply.usage.cost == pytest.approx(0.0005, rel=0.02)
    assert budget.spent.usd == pytest.approx(reply.usage.cost)
    assert "$0.00050 of $0.00050" in reply.notices[-1].text


@pytest.mark.parametrize("colour", COLOURS)
def test_usd_without_a_price_is_refused(server: FakeServer, colour: str) -> None:
    with pytest.raises(ConfigurationError, match="none is known for magistral-small") as caught:
        COLOURS[colour](client_for(server, budget=Budget(usd=1)))
    assert "price=(prompt, completion)" in caught.value.hint
    assert server.requests == []


@pytest.mark.parametrize("colour", COLOURS)
def test_a_reply_that_is_whole_is_not_stopped(server: FakeServer, colour: str) -> None:
    """The last piece may bring the finish reason with it: then nothing is left to stop."""
    whole = {"choices": [{"index": 0, "delta": {"content": "word " * 900}, "finish_reason": "stop"}]}
    server.play(f"data: {json.dumps(whole)}\n\n".encode() + usage(20, 900) + b"data: [DONE]\n\n")
    budget = Budget(tokens=500)
    reply, _ = COLOURS[colour](client_for(server, budget=budget))
    assert reply.complete
    assert (budget.spent.tokens, budget.left.tokens) == (920, 0)
    with pytest.raises(BudgetExceededError, match="920 of 500"):
        COLOURS[colour](client_for(server, budget=budget))


@pytest.mark.parametrize("colour", COLOURS)
def test_retries_cost_nothing_and_what_broke_off_does(server: FakeServer, colour: str) -> None:
    overflow = "This model's maximum context length is 8192 tokens. However, you requested 41000 tokens."
    server.play_json({"error": {"message": "busy"}}, status=503, headers={"retry-after": "0.01"})
    server.play_json({"error": {"message": overflow}}, status=400)
    server.play(with_usage(100, 50))
    server.play_json({"error": {"message": "busy"}}, status=503, headers={"retry-after": "0.01"})
    budget = Budget(tokens=2_000)
    COLOURS[colour](client_for(server, budget=budget, max_retries=1))
    assert (len(server.requests), budget.spent.tokens) == (3, 150)
    with pytest.raises(InternalServerError):
        COLOURS[colour](client_for(server, budget=budget, max_retries=0))
    assert budget.spent.tokens == 150


@pytest.mark.parametrize("colour", COLOURS)
def test_a_reader_who_leaves_has_spent_what_came(server: FakeServer, colour: str) -> None:
    plays(server, pieces("code"))
    budget = Budget(tokens=100_000)
    client = client_for(server, budget=budget, system=None)
    if colour == "sync":
        with client.stream("q") as stream:
            for _ in range(200):
                next(stream)
        reply = stream.reply
    else:
        import asyncio

        async def leave() -> Reply:
            async with client, client.astream("q") as stream:
                for _ in range(200):
                    await anext(stream)
            return stream.reply

        reply = asyncio.run(leave())
    came = count_pieces(reply.answer, pieces("code"))
    assert came <= (budget.spent.tokens or 0) <= came + 5  # and the question
