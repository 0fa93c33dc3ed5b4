"""The soak: many streams at once, in both colours, with a fault drawn for each; and what is left when all is over."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import gc
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from random import Random
from typing import Any

import psutil

from magistral_nb import Client
from tests.soak_plan import Plan
from tests.soak_plans import KINDS, draw, interrupted
from tests.soak_readers import MOST_SECONDS, Outcome, SoakServer, aread, lost, next_plan, read, wrong

THREADS = 8
"""Each reads one stream at a time; two of them share a client."""
TASKS = 24
"""On one event loop; six of them share a client."""


class Soak:
    """Half of the streams are read by threads, half by tasks of one event loop, all at once."""

    def __init__(self, seed: int, streams: int) -> None:
        random = Random(seed)
        self.seed, self.streams, self.seconds = seed, streams, 0.0
        self.outcomes: list[Outcome] = []
        self.problems: list[str] = []
        self.hangs: list[Outcome] = []
        self.left: dict[str, Any] = {}
        self.ignored_by_python = 0
        half = streams // 2
        self._for_signals = [interrupted(random, number) for number in range(streams // 50)]
        self._for_threads = [draw(random, number, in_tasks=False) for number in range(len(self._for_signals), half)]
        self._for_tasks = [draw(random, number, in_tasks=True) for number in range(half, streams)]
        plans = [*self._for_signals, *self._for_threads, *self._for_tasks]
        self._server = SoakServer()
        self._server.plans = {plan.number: plan for plan in [*plans, *map(next_plan, plans)]}

    def run(self) -> None:
        """Run all streams, and write down what is wrong."""
        with self._server:
            self._warm_up()
            began = time.monotonic()
            with self._nothing_left():
                self._with_signals()
                asyncio.run(self._with_all())
            self.seconds = time.monotonic() - began
        self.problems += [problem for outcome in self.outcomes for problem in wrong(outcome)]
        missing = 2 * self.streams - len(self.outcomes)
        self.problems += [f"{missing} questions were never asked"] * bool(missing)

    def account(self) -> str:
        """Return the counts, for people."""
        kinds = Counter(outcome.plan.kind for outcome in self.outcomes)
        ends = Counter(outcome.name_of_end for outcome in self.outcomes)
        longest = max(outcome.seconds for outcome in self.outcomes)
        return "\n".join([
            f"seed {self.seed}: {self.streams} streams and as many next questions, in {self.seconds:.1f} s",
            f"requests: {len(self._server.requests)}; connections: {self._server.connections}",
            f"by kind: {_counted(kinds)}",
            f"by end: {_counted(ends)}",
            f"hangs: {len(self.hangs)}; longest: {longest:.2f} s; Ctrl-C ignored by Python: {self.ignored_by_python}",
            f"characters lost or added: {sum(map(lost, self.outcomes))}",
            f"left behind: {self.left or 'nothing'}",
            f"problems: {len(self.problems)}",
        ])  # fmt: skip

    # ---- In turn, with Ctrl-C

    def _with_signals(self) -> None:
        """Read in the main thread, and be interrupted as by Ctrl-C, wherever that may be."""
        before = signal.signal(signal.SIGALRM, signal.default_int_handler)
        hook, sys.unraisablehook = sys.unraisablehook, self._press_again
        try:
            for plan in self._for_signals:
                with self._client() as client:
                    self._interrupted(client, plan)
                    self._ask(client, next_plan(plan))
        finally:
            sys.unraisablehook = hook
            signal.signal(signal.SIGALRM, before)

    def _press_again(self, ignored: Any) -> None:
        """Press Ctrl-C once more where Python itself says that it ignored it: it struck within a destructor."""
        if issubclass(ignored.exc_type, KeyboardInterrupt):
            self.ignored_by_python += 1
            signal.setitimer(signal.ITIMER_REAL, 0.01)

    def _interrupted(self, client: Client, plan: Plan) -> None:
        outcome = Outcome(plan, "sync", time.monotonic())
        self.outcomes.append(outcome)
        with contextlib.suppress(KeyboardInterrupt):  # it may also come a moment before the reading begins
            signal.setitimer(signal.ITIMER_REAL, Random(plan.number).uniform(0.003, 0.06))
            read(client, plan, outcome)
        signal.setitimer(signal.ITIMER_REAL, 0)
        outcome.seconds = outcome.seconds or time.monotonic() - outcome.began

    # ---- All at once

    async def _with_all(self) -> None:
        with ExitStack() as clients:
            threads = self._start_threads(clients)
            async with AsyncExitStack() as aclients:
                async with self._watched():
                    await self._run_tasks(aclients)
                    await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))
                await self._look_around()

    def _start_threads(self, clients: ExitStack) -> list[threading.Thread]:
        shared = [clients.enter_context(self._client()) for _ in range(THREADS // 2)]
        todo = iter(self._for_threads)  # a list's iterator may be shared between threads
        threads = [threading.Thread(target=self._ask_all, args=(shared[n // 2], todo)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        return threads

    def _ask_all(self, client: Client, plans: Iterator[Plan]) -> None:
        for plan in plans:
            self._ask(client, plan)
            self._ask(client, next_plan(plan))

    def _ask(self, client: Client, plan: Plan) -> None:
        self.outcomes.append(Outcome(plan, "sync", time.monotonic()))
        read(client, plan, self.outcomes[-1])

    async def _run_tasks(self, clients: AsyncExitStack) -> None:
        shared = [await clients.enter_async_context(self._client()) for _ in range(TASKS // 6)]
        todo = iter(self._for_tasks)
        await asyncio.gather(*(self._aask_all(shared[n // 6], todo) for n in range(TASKS)))

    async def _aask_all(self, client: Client, plans: Iterator[Plan]) -> None:
        for plan in plans:
            for asked in (plan, next_plan(plan)):
                outcome = Outcome(asked, "async", time.monotonic())
                self.outcomes.append(outcome)
                await asyncio.create_task(aread(client, asked, outcome))  # of its own: it may be cancelled

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()

    async def _watch(self) -> None:
        """Look for streams that hang, say where all threads are, and break off every connection, so that this ends."""
        while True:
            await asyncio.sleep(1)
            late = time.monotonic() - MOST_SECONDS
            hanging = [outcome for outcome in list(self.outcomes) if not outcome.seconds and outcome.began < late]
            if hanging and not self.hangs:
                faulthandler.dump_traceback()
            if hanging:
                self.hangs += [outcome for outcome in hanging if outcome not in self.hangs]
                self._server.break_off()

    # ---- What is left

    async def _look_around(self) -> None:
        """Say what goes on although every stream is over; the clients are still open."""
        gc.collect()
        deadline = time.monotonic() + 3
        while (tasks := asyncio.all_tasks() - {asyncio.current_task()}) or self._unfinished():
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.02)
        self._report("tasks", [repr(task) for task in tasks])
        self._report("streams that the server still sends", self._unfinished())

    def _unfinished(self) -> list[str]:
        requests = self._server.requests
        return [request.body.decode()[-60:] for request in requests if not (request.finished or request.closed_at)]

    @contextmanager
    def _nothing_left(self) -> Iterator[None]:
        """Say what there is in the end that was not there in the beginning."""
        process = psutil.Process()
        threads, files = set(threading.enumerate()), process.num_fds()
        yield
        gc.collect()
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            new = set(threading.enumerate()) - threads
            if not new and process.num_fds() <= files and not self._server.open_connections:
                break
            time.sleep(0.02)
        self._report("threads", [thread.name for thread in new])
        self._report("open files", max(0, process.num_fds() - files))
        self._report("connections", self._server.open_connections)

    def _report(self, what: str, left: Sequence[str] | int) -> None:
        if left:
            self.left[what] = left
            self.problems.append(f"left behind: {what}: {left}")

    def _warm_up(self) -> None:
        """Load what is loaded on the first question, in both colours."""
        plan = next(plan for plan in self._server.plans.values() if plan.kind == "next question")
        with self._client() as client:
            client.chat("hi", seed=plan.number)

        async def ask() -> None:
            async with self._client() as client:
                await client.achat("hi", seed=plan.number)

        asyncio.run(ask())

    def _client(self) -> Client:
        return Client(base_url=self._server.base_url, model="magistral-small", api_key="sk-soak-1234567", max_retries=1)


def all_kinds() -> set[str]:
    """Return the kinds that a soak of a thousand streams and more has."""
    return {*KINDS, "interrupted", "next question"}


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())
