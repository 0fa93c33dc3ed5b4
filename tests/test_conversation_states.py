"""Any verbs in any order: no turn is ever lost, and every request is one that a strict server accepts."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from magistral_nb import APIConnectionError, ConfigurationError, Conversation, MagistralError, Prompt, tool
from tests.playing import Script, called, playing, said

SCRIPTS: dict[str, Script] = {
    "whole": said("T", "whole"),
    "no thinking": said("", "plain"),
    "cut in the answer": said("T", "half", finish="length"),
    "cut in the thought": said("half a thou", finish="length"),
    "broken in the answer": said("T", "broken", finish=None),
    "broken in the thought": said("broken thou", finish=None),
    "nothing at all": said(),
    "no connection": [APIConnectionError("Nobody listens.")],
    "a call": called("f"),
    "two calls": called("f", "g"),
}
POLICIES = ("none", "last", "all")


class Verbs(RuleBasedStateMachine):
    """Drives a conversation, and keeps a list of all turns that there ever were."""

    @initialize(keep=st.sampled_from(POLICIES), endpoint=st.sampled_from(["vllm", "llama-server", "ollama"]))
    def begin(self, keep: Any, endpoint: str) -> None:
        client, self.played = playing(endpoint, model="magistral-small-2509", revision="2509")
        self.talk = Conversation(client, keep_thinking=keep)
        self.known: list[tuple[str, str, str]] = []
        self.checked = 0
        self.asked = 0

    def hears(self, script: str) -> None:
        self.played.scripts = [SCRIPTS[script]]

    @rule(script=st.sampled_from(sorted(SCRIPTS)))
    def ask(self, script: str) -> None:
        self.hears(script)
        self.asked += 1
        with suppress(MagistralError):
            self.talk.chat(f"q{self.asked}")

    @rule(script=st.sampled_from(sorted(SCRIPTS)), events=st.integers(0, 5))
    def ask_and_stop(self, script: str, events: int) -> None:
        self.hears(script)
        self.asked += 1
        with suppress(MagistralError), self.talk.stream(f"q{self.asked}") as stream:
            for _, _ in zip(range(events), stream, strict=False):
                pass

    @rule(script=st.sampled_from(sorted(SCRIPTS)), which=st.integers(0, 3))
    def hand_over_results(self, script: str, which: int) -> None:
        last = self.talk.turns[-1] if self.talk.turns else None
        if last and last.reply.tool_calls:
            self.hears(script)
            results = [tool("42", tool_call_id=call.id) for call in last.reply.tool_calls]
            with suppress(MagistralError):
                self.talk.chat(results)

    @rule(script=st.sampled_from(sorted(SCRIPTS)), turn=st.integers(-3, 5), text=st.sampled_from(["e1", "e2"]))
    def edit(self, script: str, turn: int, text: str) -> None:
        self.hears(script)
        with suppress(MagistralError):
            self.talk.edit(turn, text=text)

    @rule(script=st.sampled_from(sorted(SCRIPTS)), turn=st.integers(-3, 5))
    def regenerate(self, script: str, turn: int) -> None:
        self.hears(script)
        with suppress(MagistralError):
            self.talk.regenerate(turn)

    @rule(script=st.sampled_from(sorted(SCRIPTS)))
    def go_on(self, script: str) -> None:
        self.hears(script)
        with suppress(MagistralError):
            self.talk.continue_reply()

    @rule()
    def undo(self) -> None:
        with suppress(ConfigurationError):
            self.talk.undo()

    @rule(which=st.integers(0, 10))
    def switch(self, which: int) -> None:
        if branches := self.talk.branches:
            chosen = branches[which % len(branches)]
            assert self.talk.switch(chosen) == chosen

    @rule(at=st.integers(-1, 3))
    def fork(self, at: int) -> None:
        with suppress(ConfigurationError):
            self.talk = self.talk.fork(at=at)

    @rule()
    def save_and_load(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "talk.json"
            self.talk.save(path)
            again = Conversation.load(path, client=self.talk.client)
        assert again.tree == self.talk.tree
        assert [turn.state for turn in again.tree.turns] == [turn.state for turn in self.talk.tree.turns]
        self.talk = again

    @invariant()
    def no_turn_is_lost(self) -> None:
        now = [(turn.question, turn.thinking, turn.answer) for turn in self.talk.tree.turns]
        for question, thinking, answer in self.known:  # a reply that went on begins like the one that was cut off
            assert any(q == question and t.startswith(thinking) and a.startswith(answer) for q, t, a in now)
        assert len(now) >= len(self.known)
        self.known = now
        assert not self.talk.busy
        ends = {turn.id for turn in self.talk.branches}
        assert all(self.talk.tree.newest_below(turn.id) in ends for turn in self.talk.tree.turns)

    @invariant()
    def every_request_is_valid(self) -> None:
        for body in self.played.bodies[self.checked :]:
            check_valid(body["messages"])
        self.checked = len(self.played.bodies)


def check_valid(messages: list[dict[str, Any]]) -> None:
    roles = [message["role"] for message in messages]
    assert roles[0] == "system"
    assert roles[1] == "user"
    for one, other in pairwise(roles[1:]):
        assert (one, other) in {
            ("user", "assistant"), ("assistant", "user"), ("assistant", "tool"),
            ("tool", "tool"), ("tool", "assistant"), ("tool", "user"),
        }  # fmt: skip
    open_calls: list[str] = []
    for message in messages:
        assert message["content"] or message.get("tool_calls") or message.get("reasoning"), message
        if message["role"] == "tool":
            open_calls.remove(message["tool_call_id"])
        else:
            assert not open_calls
        open_calls += [call["id"] for call in message.get("tool_calls", ())]
    assert not open_calls
    Prompt.render(messages, revision="2509", continue_final=roles[-1] == "assistant")


Verbs.TestCase.settings = settings(max_examples=8, stateful_step_count=12, deadline=None)
TestVerbs = Verbs.TestCase
