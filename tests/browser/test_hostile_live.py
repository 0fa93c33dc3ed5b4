"""The corpus on the live widget: each answer streams in slices, and nothing runs or is fetched at any moment of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.harm import assert_harmless
from tests.browser.jupyterlab import JupyterLab, outputs, run_cell, wait_for_kernel
from tests.browser.listener import Listener
from tests.browser.test_live_reply import notebook_with
from tests.fake_server import FakeServer
from tests.hostile import BY_ID, CORPUS, SIBLINGS
from tests.test_client import events_of

pytestmark = pytest.mark.browser

SLICES = 7
PAUSE = 0.05
"""Seconds between two slices: the page draws each."""
WATCH_ALL = """() => {
    const bad = 'script, iframe, object, embed, form, input, link, meta, base, img, image, video, audio, source, style';
    const ours = one => one.localName === 'style'  // hides the text beside the widget
        && /^\\.magistral-so-far-[0-9a-f]{32},[\\w\\s.:()>-]*\\{[\\w\\s:;!-]*\\}$/.test(one.textContent.trim());
    window.watched = {harm: new Set(), drawn: 0, longest: 0};
    const look = element => {
        const inside = element.closest('.magistral');
        if (!inside) return;
        if (inside.closest('[aria-busy=true]')) window.watched.drawn += 1;
        for (const one of [element, ...element.querySelectorAll('*')]) {
            if (one.matches(bad) && !ours(one)) window.watched.harm.add(one.outerHTML.slice(0, 80));
            for (const {name, value} of one.attributes)
                if (/^on/.test(name) || /^\\s*(javascript|data|vbscript):/i.test(value))
                    window.watched.harm.add(`${name}=${value.slice(0, 60)}`);
        }
    };
    new MutationObserver(records => records.forEach(({target, addedNodes}) => {
        if (target instanceof Element) look(target);
        addedNodes.forEach(node => node instanceof Element && look(node));
    })).observe(document.body, {childList: true, subtree: true, attributes: true});
    new PerformanceObserver(list => list.getEntries().forEach(({duration}) => {
        window.watched.longest = Math.max(window.watched.longest, duration);
    })).observe({type: 'longtask'});
}"""
WATCHED = "() => ({...window.watched, harm: [...window.watched.harm]})"


def whole_text(case: dict[str, Any]) -> str:
    text = case["text"]
    return text if isinstance(text, str) else "".join(text)


TEXTS = {case["id"]: whole_text(case) for case in CORPUS if case["where"] == "answer"}
TEXTS |= {f"more {kind}": text for kind, text in SIBLINGS.items()}


def sliced(text: str, slices: int) -> list[str]:
    step = max(1, -(-len(text) // slices))
    return [text[start : start + step] for start in range(0, len(text), step)]


def streamed(text: str, slices: int = SLICES, *, finish: str | None = "stop") -> list[bytes | float]:
    """Return a script that streams a text in slices, as thinking and then as the answer."""
    script: list[bytes | float] = []
    for delta in [{"reasoning": part} for part in sliced(text, 3)] + [{"content": s} for s in sliced(text, slices)]:
        script += [events_of(delta, finish=None), PAUSE]
    return [*script, events_of(finish=finish)] if finish else script


@pytest.fixture
def prey(locked_lab: JupyterLab, victim: Page, server: FakeServer) -> Page:
    """Open a notebook with a question for every case, and watch it."""
    question = f"%%magistral --base-url {server.base_url} -m magistral-small\nWhat do you say?"
    written = notebook_with("%load_ext magistral_nb", *[question for _ in TEXTS])
    (locked_lab.notebooks / "prey.ipynb").write_text(written, "utf-8")
    locked_lab.open(victim, "prey.ipynb")
    wait_for_kernel(victim)
    run_cell(victim, 0)
    victim.evaluate(WATCH_ALL)
    return victim


def test_every_answer_of_the_corpus(prey: Page, server: FakeServer, listener: Listener, locked_lab: JupyterLab) -> None:
    for text in TEXTS.values():
        server.play(streamed(text))
    prey.evaluate("async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    shown = {name: outputs(prey, index) for index, name in enumerate(TEXTS, start=1)}
    assert {name: len(held) for name, held in shown.items() if len(held) != 1} == {}
    assert_harmless(prey, listener, boxes=len(TEXTS))
    watched = prey.evaluate(WATCHED)
    print("drawn live:", watched["drawn"], "longest task, ms:", watched["longest"])
    assert watched["harm"] == []
    assert watched["drawn"] > 3 * len(TEXTS)  # it was looked at while it streamed
    assert watched["longest"] < 1_000
    assert not list(locked_lab.notebooks.glob("**/magistral_pwned"))
    prey.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); }")
    saved = json.loads((locked_lab.notebooks / "prey.ipynb").read_text("utf-8"))
    assert len(saved["cells"]) == len(TEXTS) + 1
    assert all(source.startswith("%") for cell in saved["cells"] for source in ["".join(cell["source"])])


def test_floods(prey: Page, server: FakeServer, listener: Listener) -> None:
    """H57, a loop of half a megabyte; and H55, a line without an end: it is cut off, and what came before is kept."""
    loop = BY_ID["H57"]["text"]
    text = loop["repeat"] * loop["times"]
    script: list[bytes | float] = []
    for part in sliced(text, 60):
        script += [events_of({"content": part}, finish=None), PAUSE]
    server.play([*script, events_of()])
    run_cell(prey, 1)
    (final,) = outputs(prey, 1)
    assert final["data"]["text/plain"].count(loop["repeat"].strip()) == loop["times"]
    assert server.requests[-1].json()["max_tokens"] > 0

    line = BY_ID["H55"]["text"]
    server.play([*streamed("Before the flood. ", finish=None), b"data: ", *[line["repeat"].encode() * 2**20] * 64])
    run_cell(prey, 2)
    picture, error = outputs(prey, 2)
    assert "Before the flood." in picture["data"]["text/plain"]
    assert error["ename"] == "TooLargeError"
    assert sum(len(json.dumps(output)) for output in (picture, error)) < 50_000
    assert_harmless(prey, listener, boxes=2)
    watched = prey.evaluate(WATCHED)
    print("longest task, ms:", watched["longest"])
    assert watched["harm"] == []
    assert watched["longest"] < 3_000  # 270 ms on two cores that do nothing else
