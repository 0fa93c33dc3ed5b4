"""Every case of the corpus on every surface: HTML and text that do nothing, and an answer that is never run."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4.nbjson import JSONReader, JSONWriter

import magistral_nb
from magistral_nb import InternalServerError, Prompt, Reply
from magistral_nb.dialects import Decoder
from magistral_nb.events import AnswerDelta, Notice, Started, ThinkingDelta, ToolCall
from magistral_nb.notebook.outcomes import show_in_one_line
from magistral_nb.notebook.pictures import FORMS, picture, prompt_picture
from magistral_nb.rendering.live import live_answer_html, live_thinking_html
from magistral_nb.rendering.prompt import prompt_html, prompt_text
from magistral_nb.rendering.reply import reply_html, reply_text
from magistral_nb.rendering.text import plain
from magistral_nb.rendering.waiting import waiting_html
from tests.fake_server import FakeServer
from tests.hostile import BY_ID, CORPUS, KEYS, SIBLINGS, TEXTS, dangers, unseen
from tests.html_reading import read
from tests.test_client import GOOD, client_for, events_of
from tests.test_magics import asked, at, notebook, run

ELSEWHERE = {"H56": "tests/test_panel.py: how many messages a flood may cost"}
"""What a case asks for beyond its text, and where that is tested; that the text does no harm is tested here."""
IDS = [case["id"] for case in TEXTS]
UNSAFE = re.compile(
    r"^\s*(?:import|from) (?:pickle|cPickle|dill|cloudpickle|marshal|shelve|joblib)\b"
    r"|(?<![\w.\"'])(?:eval|exec|__import__)\(|torch\.load\(|os\.system\(|yaml\.load\("
    r"|trust_remote_code\"?[=:] ?True|allow_pickle=True|weights_only=False|\bshell=True",
    re.MULTILINE,
)


def hostile_reply(text: str) -> Reply:
    """Return a reply with a text in every place that a server, or the user, fills."""
    reply = Reply()
    call = ToolCall(text, text, text)
    for event in (
        Started(text, text, text),
        ThinkingDelta(text, 0.1),
        AnswerDelta(text, 0.2),
        call,
        Notice(text, text),
    ):
        reply.add(event)
    return reply


def hostile_prompt(text: str) -> dict[str, Any]:
    """Return `Prompt.to_dict()` with a text in every place."""
    parts = [{"kind": kind, "text": text, "role": "user", "tokens": 1} for kind in ("text", "control")]
    dropped = [{"message": text, "text": text, "tokens": 1}]
    return {"parts": parts, "template": text, "system": text, "why": text, "notices": [text], "dropped": dropped}


SURFACES: dict[str, Callable[[str], str]] = {
    "a reply": lambda text: reply_html(hostile_reply(text).to_dict()),
    "thinking on its way": lambda text: live_thinking_html(text, 3.0),
    "an answer on its way": live_answer_html,
    "waiting": lambda text: waiting_html("retry", 2, model=text, endpoint=text, text=text),
    "loading": lambda text: waiting_html("loading", 2, model=text, endpoint=text),
    "a prompt": lambda text: prompt_html(hostile_prompt(text)),
    "-f html": lambda text: picture(hostile_reply(text), form="html", show_thinking=True)["text/html"],
}


@pytest.mark.parametrize("case", TEXTS, ids=IDS)
def test_html_on_every_surface_does_nothing(case: dict[str, str]) -> None:
    found = {name: dangers(read(surface(case["text"]))) for name, surface in SURFACES.items()}
    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize("case", TEXTS, ids=IDS)
def test_every_stretch_of_a_stream_does_nothing(case: dict[str, str]) -> None:
    text = case["text"][:300]
    step = 1 if case["id"] == "H23" else 1 + len(text) // 15
    cuts = range(0, len(text), step)
    for start, end in [(0, end) for end in cuts] + [(start, len(text)) for start in cuts]:
        assert dangers(read(live_answer_html(text[start:end]))) == [], text[start:end]


@pytest.mark.parametrize("case", TEXTS, ids=IDS)
def test_what_a_terminal_prints_does_nothing(case: dict[str, str]) -> None:
    reply = hostile_reply(case["text"])
    shown = [reply_text(reply.to_dict()), prompt_text(hostile_prompt(case["text"])), repr(reply), plain(str(reply))]
    shown += [picture(reply, form=form, show_thinking=True)["text/plain"] for form in FORMS]
    for text in shown:
        assert unseen(text) == []
        text.encode()


@pytest.mark.parametrize("case", TEXTS, ids=IDS)
def test_no_form_hands_the_text_to_the_front_end_unless_asked(case: dict[str, str]) -> None:
    """Only `-f md` gives Markdown to the front end: that is what it is for."""
    for form in (None, *FORMS):
        kinds = set(picture(hostile_reply(case["text"]), form=form, show_thinking=True))
        assert ("text/markdown" in kinds) == (form == "md")
        assert kinds <= {
            "text/plain", "text/html", "text/markdown", "application/json", "application/vnd.magistral.reply.v1+json",
        }  # fmt: skip


@pytest.mark.parametrize("case", TEXTS, ids=IDS)
def test_a_notebook_with_any_output_can_be_saved(case: dict[str, str]) -> None:
    prompt = Prompt.render([{"role": "user", "content": case["text"]}], revision="2509")
    bundles = [picture(hostile_reply(case["text"]), form=form, show_thinking=True) for form in (None, *FORMS)]
    bundles += [prompt_picture(prompt, form="html"), prompt._repr_mimebundle_()]
    bundles.append(hostile_reply(case["text"])._repr_mimebundle_())
    made = nbformat.v4.new_output
    outputs = [made("display_data", data=data) for data in bundles]  # type: ignore[no-untyped-call]  # nbformat has no types here
    cell = nbformat.v4.new_code_cell("x", outputs=outputs)  # type: ignore[no-untyped-call]  # nor here
    written = nbformat.v4.new_notebook(cells=[cell])  # type: ignore[no-untyped-call]  # nor here
    encoded = JSONWriter().writes(written).encode()  # type: ignore[no-untyped-call]  # nor here
    assert JSONReader().reads(encoded.decode()).cells[0].outputs == outputs  # type: ignore[no-untyped-call]  # nor here


@pytest.fixture(scope="module")
def one_shell() -> Iterator[Any]:
    with notebook() as shell:
        yield shell


@pytest.mark.parametrize("case", TEXTS, ids=IDS)
def test_an_answer_is_never_run(
    case: dict[str, str],
    one_shell: Any,
    server: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Shown, kept, shown again, represented, saved: the shell runs nothing and gets no next cell."""
    monkeypatch.chdir(tmp_path)
    ran: list[str] = []
    for name in ("system", "run_line_magic", "run_cell_magic", "set_next_input"):
        monkeypatch.setattr(one_shell, name, _noting(ran, name, getattr(one_shell, name)))
    server.play(events_of({"reasoning": case["text"]}, {"content": case["text"]}))
    result, printed, _ = run(one_shell, f"{at(server, '-o r')}\nhi")
    assert result.success
    again, _, red = run(one_shell, "r\nrepr(r), str(r), r.to_dict(), Out")
    assert again.success, red
    assert ran == ["run_cell_magic magistral"]
    assert list(tmp_path.iterdir()) == []
    assert unseen(printed) == []


def _noting(ran: list[str], name: str, really: Callable[..., Any]) -> Callable[..., Any]:
    def note(*given: Any, **more: Any) -> Any:
        ran.append(f"{name} {given[0] if given else ''}")
        return really(*given, **more)

    return note


@pytest.mark.parametrize("name", ["H37", "H38", "H48"])
def test_a_prompt_is_no_template_unless_asked_for(
    name: str, one_shell: Any, server: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    server.play(GOOD)
    run(one_shell, "api_key = 'sk-TESTSECRET-0123456789abcdef'\nimport os")
    run(one_shell, f"{at(server)}\n{BY_ID[name]['text']}")
    assert asked(server) == BY_ID[name]["text"]
    assert not (tmp_path / "magistral_pwned").exists()


@pytest.mark.parametrize("name", ["H37", "H38", "H41", "H42"])
def test_a_prompt_stays_text_where_it_is_spelled_here(name: str) -> None:
    text = BY_ID[name]["text"]
    for revision in ("2506", "2507", "2509", "demo"):
        hostile, harmless = (
            Prompt.render([{"role": "user", "content": said}], revision=revision) for said in (text, "hi")
        )
        controls = [[part for kind, part in prompt.parts if kind == "control"] for prompt in (hostile, harmless)]
        assert controls[0] == controls[1]
        said = "".join(part for kind, part in hostile.parts if kind == "text")
        assert text.replace(" ", "") in said.replace(" ", "")  # the demonstration format writes "[ THINK]"
        assert hostile.dropped == harmless.dropped


def decoded(text: str) -> Reply:
    decoder, reply = Decoder(), Reply()
    for start in range(0, len(text), 100):
        delta = {"content": text[start : start + 100]}
        for event in decoder.feed({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}):
            reply.add(event)
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    for event in [*decoder.feed(end), *decoder.feed({"magistral": {"done": True}}), *decoder.close()]:
        reply.add(event)
    return reply


@pytest.mark.parametrize("name", ["H44", "H45"])
def test_no_text_is_swallowed_by_the_reader_of_tags(name: str) -> None:
    text = BY_ID[name]["text"]
    began = time.process_time()
    reply = decoded(text)
    took = time.process_time() - began
    assert took < 0.5  # measured: 0.02
    if name == "H44":
        assert reply.answer == text
    else:
        assert reply.thinking.count("[THINK]") >= 4_999


def test_another_turn_in_an_answer_stays_inside_the_answer() -> None:
    reading = read(reply_html({"answer": BY_ID["H26"]["text"], "complete": True}))
    (box,) = reading.all("div", "magistral-answer")
    assert "Magistral (verified)" in box.text
    assert reading.text.count("verified") == box.text.count("verified")


def test_a_page_instead_of_an_error_is_cut_and_shown_as_text(server: FakeServer) -> None:
    page = BY_ID["H65"]["text"] + "<script>window.__pwned=1</script>\x1b[2J" + "x" * 100_000
    server.play(page.encode(), status=502)
    with pytest.raises(InternalServerError) as caught:
        client_for(server, max_retries=0).chat("hi")
    (line,) = show_in_one_line(caught.value)._render_traceback_()  # type: ignore[attr-defined]  # IPython's protocol
    assert "502" in line
    assert "127.0.0.1" in line
    assert len(line) < 1_000
    assert "\x1b" not in line
    assert dangers(read(f"<pre>{escape(line)}</pre>")) == []


def test_a_model_that_repeats_itself_is_stopped_by_max_tokens(server: FakeServer) -> None:
    """The limit goes along with every question; `timeouts.total` is a second one, for who wants it."""
    server.play(GOOD)
    client_for(server).chat("hi")
    assert server.requests[-1].json()["max_tokens"] == 40_960


def test_the_package_unpickles_and_evaluates_nothing() -> None:
    sources = sorted(Path(magistral_nb.__file__).parent.rglob("*.py"))
    assert [f"{path.name}: {one}" for path in sources for one in UNSAFE.findall(path.read_text("utf-8"))] == []
    for line in (
        "import pickle",
        "x = eval(text)",
        "torch.load(path)",
        "f(trust_remote_code=True)",
        "  from dill import x",
    ):
        assert UNSAFE.search(line)


def test_every_case_is_accounted_for() -> None:
    """Each case is shown above; what it asks for beyond that is tested where `docs/security.md` says, or elsewhere."""
    assert {case["id"] for case in CORPUS} <= set(IDS)
    assert set(SIBLINGS) <= {case["kind"] for case in CORPUS}
    assert set(ELSEWHERE) <= set(IDS)
    assert set(ELSEWHERE) & KEYS == set()
