"""The kernel's side of a live reply that the page draws: how often it speaks, what it says, and who gets which view."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher

from magistral_nb.events import AnswerDelta, Done, Event, Notice, Reclassified, Started, ThinkingDelta
from magistral_nb.notebook import views
from magistral_nb.notebook.control import KEPT, TARGET, Control
from magistral_nb.notebook.gathering import Gatherer
from magistral_nb.notebook.telling import Telling
from magistral_nb.notebook.views import choose_view
from magistral_nb.rendering.live import UNFINISHED, unfinished_html, unfinished_text
from magistral_nb.replies import Reply
from magistral_nb.scrubbing import register


def sent_in_three_seconds(replies: int) -> list[tuple[float, str]]:
    now = 0.0
    gatherer = Gatherer(lambda: now)
    sent = []
    for step in range(3_000):
        now = step / 1000
        sent += [(now, name) for name in (f"r{n}" for n in range(replies)) if gatherer.may_send(name)]
    return sent


def most_in_a_second(sent: list[tuple[float, str]], who: str | None = None) -> int:
    times = [at for at, name in sent if who in (None, name)]
    return max(sum(begin <= at < begin + 1 for at in times) for begin in times)


def test_one_reply_speaks_twenty_times_a_second_and_evenly() -> None:
    sent = sent_in_three_seconds(1)
    assert most_in_a_second(sent) == 20
    assert len(sent) == 60
    assert min(b[0] - a[0] for a, b in itertools.pairwise(sent)) > 0.049


def test_seven_replies_share_seventy_messages_and_none_is_left_out() -> None:
    sent = sent_in_three_seconds(7)
    assert most_in_a_second(sent) == 70
    assert all(0 < most_in_a_second(sent, f"r{n}") <= 20 for n in range(4))


def told(telling: Telling) -> list[dict[str, Any]]:
    messages = []
    while telling.has_news():
        messages.append(telling.next_message())
    return messages


def put_together(messages: list[dict[str, Any]]) -> Reply:
    """Put a reply together from its events, as the page does."""
    kinds: dict[str, Any] = {kind.type: kind for kind in (Started, ThinkingDelta, AnswerDelta, Notice, Done)}
    reply, count = Reply(), 0
    for message in messages:
        assert message["seq"] == count
        for event in message["events"]:
            reply.add(kinds[event.pop("type")](**event))
        count += len(message["events"])
    return reply


EVENTS: list[Event] = [
    Started("m", "e"),
    *(ThinkingDelta(f"step {n} ", at=1 + n / 10) for n in range(10)),
    Notice("n", "look"),
    *(AnswerDelta(f"word {n} ", at=3 + n / 10) for n in range(10)),
    Done("stop", at=5.0),
]


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 100])
def test_gathered_pieces_make_the_same_reply_in_fewer_events(at_once: int) -> None:
    telling, messages = Telling(), []
    for end in range(at_once, len(EVENTS) + at_once, at_once):
        telling.take(EVENTS[end - at_once : end])
        messages += told(telling)
    whole = Reply()
    for event in EVENTS:
        whole.add(event)
    assert sum(len(message["events"]) for message in messages) <= (7 if at_once == 100 else len(EVENTS))
    assert put_together(messages) == whole


def test_a_snapshot_holds_what_was_told_and_its_time() -> None:
    telling = Telling()
    telling.take(EVENTS[:4])
    told(telling)
    telling.take(EVENTS[4:6])
    reply, seen = telling.snapshot()
    assert (reply["thinking"], seen, reply["seconds"]) == ("step 0 step 1 step 2 ", 3, 1.2)
    assert telling.next_message()["seq"] == 3


def test_what_the_page_would_put_together_in_another_way_is_told_whole() -> None:
    register("sk-between-two-texts")
    telling = Telling()
    telling.take([ThinkingDelta("sk-between", 1.0), AnswerDelta("-two-texts", 2.0), Reclassified(2.5)])
    events, whole = told(telling)
    assert events["type"] == "events"
    assert (whole["type"], whole["live"], whole["seq"]) == ("reply", True, 3)
    assert whole["reply"]["thinking"] == "<redacted>"


def test_a_page_that_missed_something_is_told_everything() -> None:
    telling = Telling()
    telling.take(EVENTS[:8])
    told(telling)
    telling.tell_whole()
    (whole,) = told(telling)
    assert whole["reply"]["thinking"].count("step") == 7


def test_a_silence_is_told_once_and_words_take_it_back() -> None:
    telling = Telling()
    telling.say_patience("No word for 5 s.")
    telling.say_patience("No word for 5 s.")
    assert told(telling) == [{"type": "patience", "text": "No word for 5 s."}]
    telling.say_patience("")
    telling.take(EVENTS[:2])
    assert [message["type"] for message in told(telling)] == ["events"]


def test_half_a_character_can_be_sent() -> None:
    telling = Telling()
    telling.take([AnswerDelta("half \ud83d", 1.0)])
    (message,) = told(telling)
    assert message["events"][0]["text"].encode()


def test_the_last_message_ends_a_reply_that_was_cut_off_too() -> None:
    telling = Telling()
    telling.take(EVENTS[:4])
    last = telling.last_message(Reply(finish_reason="interrupted", seconds=9.0))
    assert [event["type"] for event in last["events"]][-2:] == ["thinking.delta", "done"]
    assert last["events"][-1]["finish_reason"] == "interrupted"


class Comms:
    """What ipykernel has to register a target at."""

    def __init__(self) -> None:
        self.targets: dict[str, Any] = {}

    def register_target(self, name: str, opened: Any) -> None:
        self.targets[name] = opened

    def unregister_target(self, name: str, opened: Any) -> None:
        del self.targets[name]


def shell_of(*, cell: str | None = None) -> Any:
    parent = {"metadata": {"cellId": cell} if cell else {}}
    return SimpleNamespace(kernel=SimpleNamespace(comm_manager=Comms()), get_parent=lambda: parent)


def test_a_page_says_stop_to_the_reply_that_it_names() -> None:
    shell = shell_of()
    control, heard = Control(shell), []
    control.listen()
    control.add("a", {"stop": lambda: heard.append("a stops")})
    control.add("b", {"stop": lambda: heard.append("b stops")})
    receivers: list[Any] = []
    shell.kernel.comm_manager.targets[TARGET](
        SimpleNamespace(on_msg=receivers.append, close=lambda: heard.append("closed")), {}
    )
    for data in [{"type": "stop", "id": "b"}, {"type": "stop", "id": "gone"}, {"type": "eval", "id": "a"}, None, [1]]:
        receivers[0]({"content": {"data": data}})
    assert heard == ["b stops"]
    control.remove("a")
    control.hear({"type": "stop", "id": "a"})
    assert heard == ["b stops"]
    control.close()
    assert heard[-1] == "closed"
    assert shell.kernel.comm_manager.targets == {}


def test_a_page_is_told_how_a_reply_stands_and_of_the_last_ones_how_they_ended() -> None:
    control = Control(shell_of())
    heard: list[str] = []
    control.add("r", {"follow": lambda: heard.append("follows")}, lambda: {"live": True})
    assert control.answer({"type": "follow", "id": "r"}) == {"live": True}
    assert heard == ["follows"]
    assert control.answer({"type": "follow", "id": "another"}) is None
    assert control.answer({"type": "hello", "id": "r"}) is None
    assert control.answer("nonsense") is None
    for number in range(KEPT):
        control.end("r" if number == 0 else f"r{number}", {"live": False, "number": number})
    assert control.answer({"type": "follow", "id": "r"}) == {"live": False, "number": 0}
    control.end("one more", {})
    assert control.answer({"type": "follow", "id": "r"}) is None
    assert heard == ["follows"]


def test_questions_come_by_the_control_channel_and_other_requests_go_where_they_went() -> None:
    sent: list[Any] = []

    def before(*request: Any) -> str:
        return "answered by the kernel"

    shell = shell_of()
    shell.kernel.control_handlers = {"comm_info_request": before}
    shell.kernel.session = SimpleNamespace(send=lambda stream, kind, content, *rest: sent.append((kind, content)))
    control = Control(shell)
    control.listen()
    control.listen()  # as %load_ext does, if somebody is in doubt
    control.add("r", {}, lambda: {"live": True})
    asked = shell.kernel.control_handlers["comm_info_request"]
    assert asked(None, None, {"content": {"target_name": "t"}}) == "answered by the kernel"
    asked(None, None, {"content": {"magistral_nb": {"type": "follow", "id": "r"}}})
    assert sent == [("comm_info_reply", {"status": "ok", "comms": {}, "magistral_nb": {"live": True}})]
    control.close()
    assert shell.kernel.control_handlers == {"comm_info_request": before}


def test_what_is_kept_of_an_unfinished_reply_is_its_end() -> None:
    assert unfinished_text("", "") == UNFINISHED
    assert unfinished_text("Hm.", "Four.") == f"Thinking…\nHm.\n\nAnswer…\nFour.\n\n{UNFINISHED}"
    long = unfinished_text("", "é" * 5_000 + "end")
    assert long.startswith("… ")
    assert long.endswith(f"éend\n\n{UNFINISHED}")
    assert 4_000 < len(long.encode()) < 4_300
    assert "<b>" not in unfinished_html("r", unfinished_text("", "<b>"))


@pytest.mark.parametrize(
    ("wanted", "cell", "built", "view"),
    [
        ("auto", "cell-1", True, "widget"),
        ("auto", None, True, "html"),  # nbclient, a console
        ("auto", "vscode-notebook-cell:/a.ipynb#W0", True, "html"),
        ("auto", "cell-1", False, "html"),
        ("widget", "cell-1", False, "html"),
        ("widget", None, True, "widget"),
        ("html", "cell-1", True, "html"),
        ("text", "cell-1", True, "text"),
    ],
)
def test_the_view_is_what_is_wanted_and_possible(
    monkeypatch: pytest.MonkeyPatch, wanted: str, cell: str | None, built: bool, view: str
) -> None:
    monkeypatch.setattr(views, "is_built", lambda: built)
    shell = shell_of(cell=cell)
    assert choose_view(wanted, shell, Control(shell))[0] == view


def test_a_page_that_did_not_answer_gets_html_until_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "is_built", lambda: True)
    shell = shell_of(cell="cell-1")
    control = Control(shell)
    control.is_deaf = True
    assert choose_view("auto", shell, control)[0] == "html"
    control.hear({"type": "hello", "id": "late"})
    assert choose_view("auto", shell, control)[0] == "widget"


def test_vscode_is_known_by_the_name_that_it_leaves_in_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "is_built", lambda: True)
    shell = shell_of(cell="cell-1")
    shell.user_ns = {"__vsc_ipynb_file__": "/a.ipynb"}
    view, why = choose_view("auto", shell, Control(shell))
    assert (view, "VS Code" in why) == ("html", True)


def test_captured_output_holds_no_widget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "is_built", lambda: True)
    shell = shell_of(cell="cell-1")
    shell.display_pub = CapturingDisplayPublisher()  # type: ignore[no-untyped-call]  # IPython has no types here
    assert choose_view("auto", shell, Control(shell))[0] == "html"


def test_a_terminal_prints_whatever_is_wanted() -> None:
    shell = SimpleNamespace()
    assert choose_view("widget", shell, Control(shell))[0] == "text"
