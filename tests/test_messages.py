"""Messages in, replies out: values that say what was said."""

from __future__ import annotations

import copy
import pickle

import pytest

from magistral_nb import (
    AnswerDelta,
    ConfigurationError,
    Done,
    Message,
    Notice,
    Reclassified,
    Reply,
    Started,
    ThinkingDelta,
    ToolCall,
    Usage,
    assistant,
    system,
    tool,
    user,
)
from magistral_nb.events import Event


def folded(*events: Event) -> Reply:
    reply = Reply()
    for event in events:
        reply.add(event)
    return reply


WHOLE = (
    Started("magistral-small", "navigator"),
    ThinkingDelta("Two ", 1.0),
    ThinkingDelta("and two.", 2.0),
    AnswerDelta("4", 3.5),
    ToolCall("a", "f", "{}", 4.0),
    Usage(11, 7, 5, 0.00001, 4.0),
    Notice("n", "look", 4.0),
    Done("stop", "stop", "req_1", 4.5),
)


def test_a_reply_is_the_fold_of_its_events() -> None:
    reply = folded(*WHOLE)
    assert (reply.thinking, reply.answer, str(reply)) == ("Two and two.", "4", "4")
    assert (reply.model, reply.endpoint, reply.request_id) == ("magistral-small", "navigator", "req_1")
    assert (reply.complete, reply.finish_reason, reply.seconds) == (True, "stop", 4.5)
    assert reply.thinking_seconds == 2.5  # from its first word to the answer's first
    assert reply.usage == Usage(11, 7, 5, 0.00001, 4.0)


def test_reclassified_moves_the_answer_and_its_time() -> None:
    reply = folded(AnswerDelta("Two.", 1.0), Reclassified(3.0), AnswerDelta("4", 3.0), Done("stop", "stop", None, 4.0))
    assert (reply.thinking, reply.answer, reply.thinking_seconds) == ("Two.", "4", 2.0)


def test_no_thinking_time_where_none_was_seen() -> None:
    assert folded(ThinkingDelta("all at once", 2.0), AnswerDelta("4", 2.0)).thinking_seconds is None
    assert folded(AnswerDelta("4", 2.0)).thinking_seconds is None


def test_a_reply_survives_json_pickle_and_copy() -> None:
    reply = folded(*WHOLE)
    assert Reply.from_dict(reply.to_dict()) == reply
    assert pickle.loads(pickle.dumps(reply)) == reply
    assert copy.deepcopy(reply) == reply
    assert Reply.from_dict(reply.to_dict() | {"unknown": 1}).answer == "4"


def test_a_stopped_reply_says_so_and_a_whole_one_stays_whole() -> None:
    cut, whole = folded(ThinkingDelta("Two", 1.0)), folded(*WHOLE)
    cut.interrupt(seconds=2.0)
    whole.interrupt(seconds=9.0)
    assert (cut.finish_reason, cut.complete, cut.seconds) == ("interrupted", False, 2.0)
    assert (whole.finish_reason, whole.seconds) == ("stop", 4.5)


def test_a_reply_shows_itself_in_three_forms() -> None:
    bundle = folded(*WHOLE)._repr_mimebundle_()
    assert set(bundle) == {"application/vnd.magistral.reply.v1+json", "text/html", "text/plain"}
    assert bundle["application/vnd.magistral.reply.v1+json"]["answer"] == "4"


def test_constructors_and_openai_dicts_say_the_same() -> None:
    assert Message.from_dict({"role": "system", "content": "s"}) == system("s")
    assert Message.from_dict({"role": "user", "content": [{"type": "text", "text": "u"}]}) == user("u")
    assert Message.from_dict({"role": "tool", "content": "r", "tool_call_id": "a"}) == tool("r", tool_call_id="a")
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    spoken = Message.from_dict({"role": "assistant", "content": "A", "reasoning_content": "T", "tool_calls": [call]})
    assert spoken == assistant("A", thinking="T", tool_calls=[ToolCall("a", "f", "{}")])
    chunks = [{"type": "thinking", "thinking": [{"type": "text", "text": "T"}]}, {"type": "text", "text": "A"}]
    assert Message.from_dict({"role": "assistant", "content": chunks}) == assistant("A", thinking="T")
    assert folded(*WHOLE).to_message().thinking == "Two and two."


@pytest.mark.parametrize(
    "bad",
    [{"role": "robot", "content": "x"}, {"role": "user", "content": 3}, {"content": "x"},
     {"role": "user", "content": [{"type": "video"}]}],
)  # fmt: skip
def test_a_message_that_cannot_be_sent_is_refused_in_words(bad: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="message"):
        Message.from_dict(bad)
