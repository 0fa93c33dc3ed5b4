"""A conversation that is recorded where a model runs in this process, and played in one that cannot load it."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

from magistral_nb import Client, Conversation, record

Turns = list[tuple[str, dict[str, Any]]]
Told = list[tuple[list[dict[str, Any]], dict[str, Any]]]
"""Of each turn its events and its reply, as plain data."""

ROOT = Path(__file__).parents[1]
PLAY = """
import json, sys
engine, model, settings, tape, turns, blocked = json.loads(sys.argv[1])
for name in blocked:
    sys.modules[name] = None
from magistral_nb import Client, replay
from tests.replaying import asked
with replay(tape), Client(engine, model=model, **settings) as client:
    print(json.dumps(asked(client, turns)))
"""


def asked(client: Client, turns: Turns) -> Told:
    """Ask one question after the other, in a conversation that keeps all its thinking."""
    conversation = Conversation(client, keep_thinking="all")
    told: Told = []
    for question, settings in turns:
        with conversation.stream(question, **settings) as stream:
            events = [event.to_dict() for event in stream]
        told.append((events, stream.reply.to_dict()))
    return told


def recorded(client: Client, turns: Turns, tape: Path) -> Told:
    """Ask, and record what comes."""
    with record(tape):
        return asked(client, turns)


def played(engine: str, model: str, settings: dict[str, Any], turns: Turns, tape: Path, *, blocked: list[str]) -> Told:
    """Ask the same of the recording, in a fresh process where the modules in `blocked` cannot be imported."""
    what = json.dumps([engine, model, settings, str(tape), turns, blocked])
    command = [sys.executable, "-c", PLAY, what]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    told: Told = [(events, reply) for events, reply in json.loads(done.stdout)]
    return told


def check_that_it_is_the_same(played: Told, live: Told, *, model: str) -> None:
    """Insist on the same events in the same time, and on the same replies, which say when they were recorded."""
    for (events, reply), (live_events, live_reply) in zip(played, live, strict=True):
        assert {reply["recorded"], events[0]["recorded"]} == {date.today().isoformat()}
        assert {reply["model"], events[0]["model"]} == {model}
        said = [event for event in live_events if event["type"] != "waiting"]
        assert _timeless(events) == _timeless(said)
        assert _timeless(reply) == _timeless(live_reply)
        assert abs(reply["thinking_seconds"] - live_reply["thinking_seconds"]) < 1
        for one, other in zip(_pauses(events), _pauses(said), strict=True):
            assert abs(one - other) < 1  # a busy machine may hold up an event after its piece was recorded


def _pauses(events: list[dict[str, Any]]) -> list[float]:
    """Return the times between what is said. Before that, a model may have been loaded, which is not recorded."""
    at = [event["at"] for event in events[1:]]
    return [later - earlier for earlier, later in pairwise(at)]


def _timeless(data: Any) -> Any:
    """Leave out times, the day, and the model's name, which is recorded without the folders of this machine."""
    if isinstance(data, list):
        return [_timeless(one) for one in data]
    if isinstance(data, dict):
        return {name: _timeless(value) for name, value in data.items() if name not in _TOLD_APART}
    return data


_TOLD_APART = ("at", "recorded", "model", "seconds", "thinking_seconds")
