"""F55 to F57 of the fault matrix: however a reader stops, the server knows at once, and the next question works."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import pytest

from magistral_nb import AnswerDelta, Client, Reply
from tests.fake_server import FakeServer
from tests.test_client import GOOD, client_for, events_of

TOLD_WITHIN = 0.2
"""How soon a server must know that nobody listens any more, in seconds."""
BEGUN = events_of({"reasoning": "Half a thought"}, {"content": "Half an answer"}, finish=None)


@pytest.fixture
def client(server: FakeServer) -> Client:
    """Give a client whose first reply begins and goes on silently, and whose second is whole."""
    server.play([BEGUN, 30.0, GOOD])
    server.play(GOOD)
    return client_for(server)


@pytest.fixture
async def aclient(client: Client) -> AsyncIterator[Client]:
    async with client:
        yield client


@contextmanager
def interrupted_once(condition: Callable[[], object]) -> Iterator[None]:
    """Raise KeyboardInterrupt in the main thread, as Ctrl-C does, a moment after `condition()` has become true."""

    def interrupt() -> None:
        deadline = time.monotonic() + 10
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)  # it wakes a read that waits

    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)


def check_kept(reply: Reply) -> None:
    assert (reply.thinking, reply.answer) == ("Half a thought", "Half an answer")
    assert (reply.finish_reason, reply.complete) == ("interrupted", False)
    assert reply.seconds > 0


def test_f55_an_interrupt_in_mid_stream(client: Client, server: FakeServer) -> None:
    stream = client.stream("hi")
    with pytest.raises(KeyboardInterrupt), interrupted_once(lambda: stream.reply.answer), stream:
        list(stream)
    assert server.wait_closed(TOLD_WITHIN)
    check_kept(stream.reply)
    assert client.chat("again").answer == "4"


def test_f55_an_interrupt_before_the_first_word(server: FakeServer) -> None:
    server.play(head_bytes=0, end="hold")
    server.play(GOOD)
    client = client_for(server)
    with pytest.raises(KeyboardInterrupt), interrupted_once(lambda: server.requests):
        client.chat("hi")
    assert server.wait_closed(TOLD_WITHIN)
    assert len(server.requests) == 1  # never tried again
    assert client.chat("again").answer == "4"


def test_f55_an_interrupt_between_two_tries(server: FakeServer) -> None:
    server.play_json({"error": {"message": "slow down"}}, status=429, headers={"retry-after": "30"})
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), interrupted_once(lambda: server.requests):
        client_for(server).chat("hi")
    assert time.monotonic() - began < 10
    assert len(server.requests) == 1


def by_leaving_the_block(client: Client) -> Reply:
    with client.stream("hi") as stream:
        for event in stream:
            if isinstance(event, AnswerDelta):
                break
    return stream.reply


def by_closing(client: Client) -> Reply:
    stream = client.stream("hi")
    for event in stream:
        if isinstance(event, AnswerDelta):
            stream.close()
            break
    return stream.reply


def by_forgetting_it(client: Client) -> Reply:
    stream = client.stream("hi")
    reply = stream.reply
    for event in stream:
        if isinstance(event, AnswerDelta):
            break
    del stream, event
    gc.collect()
    return reply


def by_an_error_of_ones_own(client: Client) -> Reply:
    stream = client.stream("hi")

    def read() -> None:
        with stream:
            for event in stream:
                if isinstance(event, AnswerDelta):
                    raise LookupError

    with pytest.raises(LookupError):
        read()
    return stream.reply


@pytest.mark.parametrize("stop", [by_leaving_the_block, by_closing, by_forgetting_it, by_an_error_of_ones_own])
def test_f56_a_reader_who_leaves(client: Client, server: FakeServer, stop: Callable[[Client], Reply]) -> None:
    reply = stop(client)
    assert server.wait_closed(TOLD_WITHIN)
    check_kept(reply)
    assert client.chat("again").answer == "4"


async def test_f57_a_task_that_is_cancelled(aclient: Client, server: FakeServer) -> None:
    stream = aclient.astream("hi")

    async def read() -> None:
        async with stream:
            async for _ in stream:
                pass

    task = asyncio.create_task(read())
    while not stream.reply.answer:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(server.wait_closed, TOLD_WITHIN)
    check_kept(stream.reply)
    assert (await aclient.achat("again")).answer == "4"


async def test_f57_cancelled_before_the_first_word_and_between_two_tries(server: FakeServer) -> None:
    server.play(head_bytes=0, end="hold")
    server.play_json({"error": {"message": "slow down"}}, status=429, headers={"retry-after": "30"})
    async with client_for(server) as client:
        for number in (1, 2):
            task = asyncio.create_task(client.achat("hi"))
            while len(server.requests) < number:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            task.cancel()
            began = time.monotonic()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - began < TOLD_WITHIN
            assert len(server.requests) == number


async def test_f57_a_time_limit_of_ones_own(aclient: Client, server: FakeServer) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await aclient.achat("hi")
    assert await asyncio.to_thread(server.wait_closed, TOLD_WITHIN)
    assert (await aclient.achat("again")).answer == "4"


async def test_f56_a_reader_who_leaves_on_an_event_loop(aclient: Client, server: FakeServer) -> None:
    async with aclient.astream("hi") as stream:
        async for event in stream:
            if isinstance(event, AnswerDelta):
                break
    assert await asyncio.to_thread(server.wait_closed, TOLD_WITHIN)
    check_kept(stream.reply)
