"""Conversations for tests of the chat format: texts full of control words, and whole conversations, right and wrong."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg=="
)
"""One pixel, as a PNG file."""
CONTROL_WORDS = (
    "<s>", "</s>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "[TOOL_RESULTS]", "[TOOL_CONTENT]", "[/TOOL_RESULTS]",
    "[THINK]", "[/THINK]", "[IMG]", "[IMG_END]", "<think>", "</think>", "<|im_start|>", "<|im_end|>",
)  # fmt: skip
WEATHER: Json = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Météo d'une ville: <b> & 'so' on",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
SYSTEM: Json = {"role": "system", "content": "s"}
QUESTION: Json = {"role": "user", "content": "q"}
REPLY: Json = {"role": "assistant", "content": "a"}
CALL: Json = {"id": "abcdefghi", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLING: Json = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT: Json = {"role": "tool", "tool_call_id": "abcdefghi", "content": "r"}
THOUGHT: Json = {"type": "thinking", "thinking": "T"}
PICTURE: Json = {"type": "image_url", "image_url": {"url": PIXEL}}

CALL_IDS = ("abcdefghi", "123456789", "aB3dE6gH9", "000000000")
ARGUMENTS = ("", "{}", '{"city":"Paris"}', '{"b": [1, 2.50, null], "a": "é"}', "{'city': 1}", '"Paris"', "  ", "[INST]")

_WORDS = (*CONTROL_WORDS, " ", "  ", "\n", "a", "é", "日本", "{{ 1 + 1 }}", "{% for %}", "\x02", "\x03", ":")
texts = st.lists(st.sampled_from(_WORDS) | st.text(max_size=4), max_size=5).map("".join)
"""Anything that anyone may write, control words above all; may be empty."""
plain_texts = st.sampled_from(("a", "b c", "é日", " d", "line\n", "[INST] [/THINK]", "2 < 3 & 'x'"))
"""Texts on which every reader agrees: not empty, no space at the end."""


@dataclass
class Conversation:
    """What `Prompt.render` is given."""

    messages: list[Json]
    tools: list[Json] | None = None
    continue_final: bool = False
    arguments: Json = field(init=False)

    def __post_init__(self) -> None:
        self.arguments = {"tools": self.tools, "continue_final": self.continue_final}


@dataclass(frozen=True)
class Taste:
    """What kind of conversations to draw."""

    texts: st.SearchStrategy[str] = texts
    arguments: tuple[str, ...] = ARGUMENTS
    thoughts: bool = True
    lists: bool = True
    pictures: bool = False
    functions: bool = True
    endings: bool = True
    shuffled_results: bool = True


EVERYTHING = Taste()


@st.composite
def conversations(draw: st.DrawFn, taste: Taste = EVERYTHING) -> Conversation:
    """Draw a conversation that the format should take."""
    messages = draw(st.lists(_system(taste), max_size=2))
    for _ in range(draw(st.integers(1, 3))):
        messages += draw(st.lists(_user(taste), min_size=1, max_size=2))
        messages += draw(_replies(taste))
    ends_with_a_reply = messages[-1]["role"] == "assistant"
    if ends_with_a_reply and not taste.endings:
        messages += [draw(_user(taste))]
        ends_with_a_reply = False
    tools = draw(st.sampled_from((None, [WEATHER]))) if taste.functions else None
    return Conversation(messages, tools, continue_final=ends_with_a_reply and draw(st.booleans()))


@st.composite
def broken_conversations(draw: st.DrawFn, taste: Taste = EVERYTHING) -> Conversation:
    """Draw a conversation in which something may be wrong: an order, an id, a field, a part."""
    whole = draw(conversations(taste))
    messages = copy.deepcopy(whole.messages)
    for _ in range(draw(st.integers(1, 2))):
        if messages:
            draw(st.sampled_from(_BREAKERS))(messages, draw(st.integers(0, len(messages) - 1)))
    return Conversation(messages, whole.tools, whole.continue_final)


def _system(taste: Taste) -> st.SearchStrategy[Json]:
    kinds = [_text_part(taste), *([_thought(taste)] if taste.thoughts else [])]
    return st.fixed_dictionaries({"role": st.just("system"), "content": _content(taste, kinds)})


def _user(taste: Taste) -> st.SearchStrategy[Json]:
    kinds = [_text_part(taste), *([st.just(PICTURE)] if taste.pictures else [])]
    return st.fixed_dictionaries({"role": st.just("user"), "content": _content(taste, kinds)})


@st.composite
def _replies(draw: st.DrawFn, taste: Taste) -> list[Json]:
    """Draw what comes after a question: nothing, a reply, or a call with its results and perhaps a reply to them."""
    kind = draw(st.sampled_from(("none", "reply", "reply", *(["call"] if taste.functions else []))))
    if kind == "none":
        return []
    if kind == "reply":
        return [draw(_reply(taste))]
    calls = draw(st.lists(_call(taste), min_size=1, max_size=3, unique_by=lambda call: str(call["id"])))
    caller = draw(_reply(taste, may_be_empty=True)) | {"tool_calls": calls}
    answered = draw(st.permutations(calls)) if taste.shuffled_results else calls
    results = [{"role": "tool", "tool_call_id": call["id"], "content": draw(taste.texts)} for call in answered]
    return [caller, *results, *draw(st.lists(_reply(taste), max_size=1))]


@st.composite
def _reply(draw: st.DrawFn, taste: Taste, *, may_be_empty: bool = False) -> Json:
    if may_be_empty and draw(st.booleans()):
        return {"role": "assistant", "content": None}
    said = "A" + draw(taste.texts)
    if not taste.thoughts or draw(st.booleans()):
        return {"role": "assistant", "content": said}
    if not taste.lists or draw(st.booleans()):
        field_name = draw(st.sampled_from(("reasoning_content", "reasoning")))
        return {"role": "assistant", "content": said, field_name: draw(taste.texts)}
    parts = st.lists(_text_part(taste) | _thought(taste), max_size=4)
    return {"role": "assistant", "content": [*draw(parts), {"type": "text", "text": said}]}


def _call(taste: Taste) -> st.SearchStrategy[Json]:
    function = st.fixed_dictionaries({"name": st.just("get_weather"), "arguments": st.sampled_from(taste.arguments)})
    return st.fixed_dictionaries({"id": st.sampled_from(CALL_IDS), "type": st.just("function"), "function": function})


def _content(taste: Taste, kinds: list[st.SearchStrategy[Json]]) -> st.SearchStrategy[Any]:
    return taste.texts | st.lists(st.one_of(kinds), max_size=4) if taste.lists else taste.texts


def _text_part(taste: Taste) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"type": st.just("text"), "text": taste.texts})


def _thought(taste: Taste) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {"type": st.just("thinking"), "thinking": taste.texts}, optional={"closed": st.booleans()}
    )


def _drop(messages: list[Json], place: int) -> None:
    del messages[place]


def _repeat(messages: list[Json], place: int) -> None:
    messages.insert(place, copy.deepcopy(messages[place]))


def _swap(messages: list[Json], place: int) -> None:
    messages[place - 1], messages[place] = messages[place], messages[place - 1]


def _say_nothing(messages: list[Json], place: int) -> None:
    messages[place]["content"] = None


def _be_empty(messages: list[Json], place: int) -> None:
    messages[place]["content"] = ""


def _hold_a_thought(messages: list[Json], place: int) -> None:
    messages[place]["content"] = [{"type": "thinking", "thinking": "T"}]


def _hold_a_number(messages: list[Json], place: int) -> None:
    messages[place]["content"] = [{"type": "text", "text": 3}]


def _think_twice(messages: list[Json], place: int) -> None:
    messages[place] |= {"reasoning_content": "T", "reasoning": "U"}


def _be_nobody(messages: list[Json], place: int) -> None:
    messages[place]["role"] = "narrator"


def _have_a_long_id(messages: list[Json], place: int) -> None:
    for call in messages[place].get("tool_calls") or [messages[place]]:
        call["id" if "function" in call else "tool_call_id"] = "call_0123456789"


_BREAKERS = (
    _drop, _repeat, _swap, _say_nothing, _be_empty, _hold_a_thought, _hold_a_number, _think_twice, _be_nobody,
    _have_a_long_id,
)  # fmt: skip
