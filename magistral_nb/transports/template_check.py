"""Whether a model's own chat template says everything that was said, once, and in order; if not, what is wrong.

It is asked with conversations whose every word can be found again. The same judge reads what Jinja2 makes of them,
in a process of its own before anything is loaded, and what llama.cpp makes of them once the model is there.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

History = Literal["field", "inline"]
"""How the thinking of an earlier turn goes back: in a field of its own, or with its tags in the text."""
Messages = list[dict[str, Any]]

PATIENCE = 20.0
"""How long all probes may take, in seconds; they take about a third of one."""
LONGEST_TEMPLATE = 500_000
_QUESTIONS = ("qonebegin qonewhy qonestop", "qtwobegin qtwowhy qtwostop", "qthreebegin qthreewhy qthreestop")
_ANSWERS = ("aonebegin aonethus aonestop", "atwobegin atwothus atwostop")
_THOUGHTS = ("tonebegin tonehmm tonestop", "ttwobegin ttwohmm ttwostop")
_SYSTEM = "sysbegin sysyouare\n\nsysmiddle\n\nsysstop"


@dataclass(frozen=True, slots=True)
class Tags:
    """What stands around a thought in the model's own spelling."""

    opening: str
    closing: str

    def around(self, thought: str) -> str:
        """Return a thought with its tags."""
        return f"{self.opening}{thought}{self.closing}"


@dataclass(frozen=True, slots=True)
class Rendered:
    """What became of a probe: its text, or None and why."""

    text: str | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a template does. fault : why it cannot be used, in words that go on from "its chat template …", or "".

    history : how thinking is to be sent back; None if the template leaves it out in any form.
    """

    fault: str = ""
    history: History | None = None


def probes(tags: Tags) -> dict[str, Messages]:
    """Return the conversations that a template is asked with."""
    plain = _conversation()
    return {
        "turns": plain,
        "system": [{"role": "system", "content": _SYSTEM}, *plain],
        "field": _conversation(fields=True),
        "inline": _conversation(inline=tags),
    }


def judge(rendered: Mapping[str, Rendered]) -> Verdict:
    """Return the verdict on what a template made of `probes`."""
    turns, system, field, inline = (rendered[name] for name in ("turns", "system", "field", "inline"))
    said = [text for pair in zip(_QUESTIONS, (*_ANSWERS, ""), strict=True) for text in pair if text]
    if turns.text is None:
        return Verdict(f"cannot be rendered: {turns.error}")
    if what := _wrong(turns.text, said):
        return Verdict(what)
    # Where a template refuses system messages, llama.cpp puts them into the first question.
    if system.text is not None and (what := _wrong(system.text, [_SYSTEM, *said])):
        return Verdict(what)
    if field.text is None:
        return Verdict(f"fails at a turn whose thinking is kept: {field.error}")
    if _wrong(field.text, said):
        return Verdict(f"{_wrong(field.text, said)}, where the thinking of that turn is kept")
    thoughtful = [text for triple in zip(_QUESTIONS, _THOUGHTS, _ANSWERS, strict=False) for text in triple]
    thoughtful.append(_QUESTIONS[-1])
    ways: tuple[tuple[History, Rendered], ...] = (("field", field), ("inline", inline))
    kept = (way for way, result in ways if result.text is not None and not _wrong(result.text, thoughtful))
    return Verdict(history=next(kept, None))


def render_apart(template: str, tags: Tags) -> dict[str, Rendered]:
    """Return what Jinja2 makes of the probes, in a process of its own with limits of time, memory and length.

    Thinking is handed over as llama.cpp does it.
    """
    if len(template) > LONGEST_TEMPLATE:
        return dict.fromkeys(probes(tags), Rendered(None, f"it has {len(template):,} characters"))
    asked = {name: _as_llamacpp_hands_over(messages, template) for name, messages in probes(tags).items()}
    program = [sys.executable, "-I", str(Path(__file__).with_name("template_renderer.py"))]
    told = json.dumps({"template": template, "conversations": list(asked.values())})
    try:
        finished = subprocess.run(  # noqa: S603  our own interpreter and program
            program, input=told, capture_output=True, text=True, encoding="utf-8", timeout=PATIENCE, check=False
        )
        results = json.loads(finished.stdout)
    except subprocess.TimeoutExpired:
        return dict.fromkeys(asked, Rendered(None, f"it takes longer than {PATIENCE:.0f} seconds"))
    except ValueError:
        return dict.fromkeys(asked, Rendered(None, "it takes too much time or memory"))
    return {name: Rendered(one.get("text"), one.get("error", "")) for name, one in zip(asked, results, strict=True)}


def _conversation(*, fields: bool = False, inline: Tags | None = None) -> Messages:
    said: Messages = []
    for question, thought, answer in zip(_QUESTIONS, _THOUGHTS, _ANSWERS, strict=False):
        reply = {"role": "assistant", "content": (inline.around(thought) if inline else "") + answer}
        if fields:
            reply["reasoning_content"] = thought
        said += [{"role": "user", "content": question}, reply]
    return [*said, {"role": "user", "content": _QUESTIONS[-1]}]


def _as_llamacpp_hands_over(messages: Messages, template: str) -> Messages:
    """Return messages as a template gets them: one with Mistral's newer signs gets parts, and thinking in one."""
    signs = ("[SYSTEM_PROMPT]", "[TOOL_CALLS]", "[ARGS]")  # common/chat.cpp, seen in xllamacpp 2026.10.11549
    if "[CALL_ID]" in template or not all(sign in template for sign in signs):
        return messages
    return [_in_parts(message) for message in messages]


def _in_parts(message: dict[str, Any]) -> dict[str, Any]:
    text = {"type": "text", "text": message["content"]}
    if message["role"] == "system":
        return {"role": "system", "content": [text]}
    if "reasoning_content" in message:
        thought = {"type": "thinking", "thinking": message["reasoning_content"]}
        return {"role": "assistant", "content": [thought, text]}
    return message


def _wrong(text: str, said: Sequence[str]) -> str:
    """Return what became of texts that should stand in `text` once each and in this order, or "" if they do."""
    at = 0
    for one in said:
        for word in one.split():
            found = text.count(word)
            if found != 1:
                return f"{'loses' if not found else 'repeats'} {_whose(one)}"
        first = text.find(one.split()[0])
        if first < at:
            return f"puts {_whose(one)} into the wrong place"
        at = text.find(one.split()[-1])
        if at < first:
            return f"turns {_whose(one)} around"
    return ""


def _whose(said: str) -> str:
    """Say what a text of a probe is."""
    if said in _QUESTIONS:
        return f"the user's {('first', 'second', 'third')[_QUESTIONS.index(said)]} question"
    if said in _ANSWERS:
        return f"the answer of the {('first', 'second')[_ANSWERS.index(said)]} turn"
    return "part of the system prompt" if said == _SYSTEM else "the thinking of an earlier turn"
