"""What a conversation becomes: its parts, the rules that the vectors do not show, and how it is counted and shown."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from magistral_nb.chat_format import PROMPT_MIME, Dropped, Prompt
from magistral_nb.errors import TemplateError
from magistral_nb.events import ToolCall
from magistral_nb.messages import Message, assistant, system, tool, user
from magistral_nb.templating import default_system
from magistral_nb.tokens import TokenCount, TokenCounter
from tests.chat_conversations import CALL, CALLING, PICTURE, PIXEL, RESULT, THOUGHT, WEATHER, Json
from tests.chat_conversations import QUESTION as U
from tests.chat_conversations import REPLY as A
from tests.chat_conversations import SYSTEM as S

EACH = pytest.mark.parametrize("revision", ["2506", "2507", "2509"])


def text(*messages: Any, revision: str = "2507", **more: Any) -> str:
    return Prompt.render(messages, revision=revision, **more).text


# ---- Parts


def test_parts_are_the_text_in_order() -> None:
    prompt = Prompt.render([system("Be terse."), user("Is [INST] a token?")], revision="2507")
    assert prompt.text == str(prompt) == "<s>[SYSTEM_PROMPT]Be terse.[/SYSTEM_PROMPT][INST]Is [INST] a token?[/INST]"
    assert prompt.parts == [
        ("control", "<s>"),
        ("control", "[SYSTEM_PROMPT]"),
        ("text", "Be terse."),
        ("control", "[/SYSTEM_PROMPT]"),
        ("control", "[INST]"),
        ("text", "Is [INST] a token?"),
        ("control", "[/INST]"),
    ]
    assert [piece.role for piece in prompt.pieces] == ["", *["system"] * 3, *["user"] * 3]


def test_every_part_knows_whose_it_is() -> None:
    prompt = Prompt.render([S, U, CALLING, RESULT, A, U], revision="2506", tools=[WEATHER])
    roles = [piece.role for piece in prompt.pieces if piece.text not in ("<s>",)]
    first_places = list(dict.fromkeys(roles))
    assert first_places == [
        "system",
        "user",
        "assistant",
        "tool",
        "tools",
    ]  # 2506 tells its tools before the last question
    assert [piece.role for piece in prompt.pieces if piece.text == "</s>"] == ["assistant", "assistant"]


def test_a_thought_of_2506_is_one_text_with_its_answer() -> None:
    """A tokenizer must see it whole, as the model did in training."""
    prompt = Prompt.render([user("q"), assistant("A", thinking="T"), user("r")], revision="2506")
    assert prompt.parts[4:6] == [("text", "<think>\nT\n</think>\nA"), ("control", "</s>")]


def test_the_default_prompt_of_2507_has_a_thought_and_its_flat_string_has_none() -> None:
    default = default_system("2507")
    as_thought = Prompt.render([default, user("q")], revision="2507")
    as_string = Prompt.render([system(Prompt.render([default], revision="2507").text[18:-16]), user("q")])
    assert as_thought.text == as_string.text
    assert ("control", "[THINK]") in as_thought.parts
    assert ("control", "[THINK]") not in as_string.parts


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (default_system("2509"), "the default prompt of 2509"),
        (Message("system", (*default_system("2509").parts, *system("Be terse.").parts)),
         "the default prompt of 2509, with instructions added"),
        (system("Be terse."), "one of its own"),
        (user("q"), "none"),
    ],
)  # fmt: skip
def test_it_says_which_system_prompt_it_holds(message: Message, words: str) -> None:
    assert Prompt.render([message, user("q")], revision="2509").system == words


@EACH
def test_messages_and_dicts_make_the_same_prompt(revision: str) -> None:
    call = ToolCall("abcdefghi", "f", '{"a":1}')
    ours = [
        system("s"), user("q", images=[PIXEL]), assistant("x", thinking="t", tool_calls=[call]),
        tool("r", tool_call_id="abcdefghi", name="f"), assistant("a"),
    ]  # fmt: skip
    function = {"name": "f", "arguments": {"a": 1}}
    theirs: list[Json] = [
        S,
        {"role": "user", "content": [PICTURE, {"type": "text", "text": "q"}]},
        {"role": "assistant", "content": "x", "reasoning": "t", "tool_calls": [CALL | {"function": function}]},
        RESULT | {"name": "f"},
        A,
    ]
    assert Prompt.render(ours, revision=revision).pieces == Prompt.render(theirs, revision=revision).pieces
    read = [Message.from_dict(message) for message in theirs[:2]]
    assert Prompt.render(read, revision=revision).text == text(*theirs[:2], revision=revision)


# ---- Rules that the vectors do not show


def test_same_roles_become_one_and_empty_texts_say_nothing() -> None:
    pair = [{"type": "text", "text": "one"}, {"type": "text", "text": ""}, {"type": "text", "text": "two"}]
    messages = [{"role": "user", "content": pair}, U | {"content": ""}, U, A, A | {"content": [THOUGHT]}, A]
    assert text(*messages) == "<s>[INST]one\n\ntwo\n\nq[/INST]a[THINK]T[/THINK]a</s>"


@EACH
def test_tools_stand_before_a_question_or_nowhere(revision: str) -> None:
    told = text(U, A, U, revision=revision, tools=[WEATHER])
    assert told.count("[AVAILABLE_TOOLS]") == 1
    assert told.startswith("<s>[AVAILABLE_TOOLS]") == (revision != "2506")
    assert "[/AVAILABLE_TOOLS][INST]" in told
    assert "[AVAILABLE_TOOLS]" not in text(S, revision=revision, tools=[WEATHER])
    assert text(U, revision=revision, tools=[]) == text(U, revision=revision)


def test_a_call_without_an_id_may_end_a_2506_conversation() -> None:
    call = {key: value for key, value in CALL.items() if key != "id"}
    calling = [U, {"role": "assistant", "tool_calls": [call]}]
    assert text(*calling, revision="2506") == "<s>[INST]q[/INST][TOOL_CALLS]f[ARGS]{}</s>"
    with pytest.raises(TemplateError, match=r"^Message 2 \(assistant\): every call needs an id"):
        text(*calling, revision="2507")


@pytest.mark.parametrize(
    ("content", "first"),
    [
        ([{"type": "text", "text": "t"}, PICTURE], "[IMG][IMG_END]t"),
        ([{"type": "text", "text": "t"}, PICTURE, PICTURE], "t[IMG][IMG_END][IMG][IMG_END]"),
        ([{"type": "text", "text": "t"}, PICTURE, {"type": "text", "text": "u"}], "t[IMG][IMG_END]u"),
        ([{"type": "text", "text": "t"}, {"type": "text", "text": "u"}, PICTURE], "[IMG][IMG_END]t\n\nu"),
    ],
)
def test_a_picture_comes_before_the_one_text(content: list[Json], first: str) -> None:
    assert text({"role": "user", "content": content}, revision="2509") == f"<s>[INST]{first}[/INST]"


@pytest.mark.parametrize(
    ("reply", "ending"),
    [
        (A, "a"),
        (A | {"content": "a \n"}, "a \n"),
        (A | {"content": [THOUGHT | {"closed": False}]}, "[THINK]T"),
        (A | {"content": [THOUGHT]}, "[THINK]T[/THINK]"),
        (A | {"reasoning_content": "T"}, "[THINK]T[/THINK]a"),
        (CALLING, "[TOOL_CALLS]f[ARGS]{}"),
    ],
)
def test_a_reply_is_continued_where_it_ended(reply: Json, ending: str) -> None:
    assert text(U, reply, continue_final=True) == text(U, reply | {"prefix": True}) == f"<s>[INST]q[/INST]{ending}"
    assert text(U, reply) == f"<s>[INST]q[/INST]{ending}</s>"


@pytest.mark.parametrize(("closed", "ending"), [(False, "<think>\nT"), (True, "<think>\nT\n</think>\n")])
def test_an_open_thought_of_2506(closed: bool, ending: str) -> None:
    reply = A | {"content": [THOUGHT | {"closed": closed}]}
    assert text(U, reply, revision="2506", continue_final=True) == f"<s>[INST]q[/INST]{ending}"


# ---- The demonstration model


def test_the_demonstration_model_has_its_examples_first_and_a_thought_begun() -> None:
    prompt = Prompt.render([U], revision="demo")
    assert prompt.text.endswith("<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n[THINK]\n")
    assert prompt.parts[0] == ("control", "<|im_start|>")
    assert [piece.role for piece in prompt.pieces[-5:]] == ["user", "user", "user", "assistant", "assistant"]
    assert prompt.pieces[-1].text == "assistant\n[THINK]\n"  # [THINK] is no token of that model


# ---- Tokens


def test_tokens_are_an_estimate_until_a_tokenizer_counts() -> None:
    prompt = Prompt.render([U | {"content": "four words are here"}])
    assert prompt.tokens == TokenCount(9, exact=False)
    assert str(prompt.tokens) == "about 9 tokens"
    counted = prompt.counted(TokenCounter(lambda text: len(text.split()), by="counting words", exact=True))
    assert counted.tokens == TokenCount(7, exact=True)
    assert [piece.tokens for piece in counted.pieces] == [1, 1, 4, 1]
    assert str(TokenCount(1, exact=True)) == "1 token"


def test_a_picture_counts_and_keeps_the_count_an_estimate() -> None:
    prompt = Prompt.render([U | {"content": [PICTURE, {"type": "image_url", "image_url": "https://x.org/cat.png"}]}])
    assert [piece.tokens for piece in prompt.pieces if piece.text == "[IMG]"] == [1, 3079]
    assert not prompt.counted(TokenCounter(len, by="", exact=True)).tokens.exact


@pytest.mark.parametrize(("revision", "sees"), [("2506", False), ("2507", False), ("2509", True)])
def test_who_reads_pictures(revision: str, sees: bool) -> None:
    (notice,) = Prompt.render([U | {"content": [PICTURE]}], revision=revision).notices or ("",)
    assert (notice == "") == sees
    assert sees or f"Magistral Small {revision} reads none" in notice


# ---- For a file, a page and a terminal


def test_it_is_json_html_and_text() -> None:
    prompt = Prompt.render([U, assistant("a", thinking="t"), U], revision="2509")
    data = prompt.to_dict()
    assert json.loads(json.dumps(data)) == data
    assert data["template"] == "2509"
    assert data["text"] == prompt.text
    assert data["tokens"] == {
        "total": prompt.tokens.total,
        "exact": False,
        "by": "estimated from the length of the text",
    }
    assert sum(part["tokens"] for part in data["parts"]) == prompt.tokens.total
    bundle = prompt._repr_mimebundle_()
    assert bundle[PROMPT_MIME] == data
    assert "● [THINK]" in bundle["text/plain"]
    assert "[THINK]</span>" in bundle["text/html"]


def test_what_was_dropped_is_in_the_data() -> None:
    dropped = (Dropped(2, "a long thought", 5),)
    prompt = Prompt.render([U, A, U])
    data = Prompt(prompt.revision, prompt.pieces, prompt.messages, dropped=dropped).to_dict()
    assert data["dropped"] == [{"message": 2, "text": "a long thought", "tokens": 5}]


def test_rendering_leaves_what_it_was_given_alone() -> None:
    messages, tools = [S, U, CALLING, RESULT, A | {"prefix": True}], [copy.deepcopy(WEATHER)]
    before = copy.deepcopy((messages, tools))
    prompt = Prompt.render(messages, tools=tools)
    assert (messages, tools) == before
    assert (list(prompt.messages), list(prompt.tools), prompt.continue_final) == (messages, tools, True)
