"""What may not happen with a chat panel: a key on the wire of the page, a model's text that does anything there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, WebSocket, expect

from tests.browser.harm import assert_harmless
from tests.browser.jupyterlab import JupyterLab, outputs, run_cell
from tests.browser.listener import Listener
from tests.browser.panel_page import ask, last_answer, open_notebook, panel_of
from tests.browser.test_hostile_live import TEXTS, sliced, streamed
from tests.browser.test_live_widget import SAVE
from tests.fake_server import FakeServer
from tests.hostile import BY_ID
from tests.test_client import events_of

pytestmark = pytest.mark.browser

KEY = "zq7Kp2Xw-planted-0123456789-Lm9Rt4Vb"
ECHO = f"Your key is {KEY}, keep it safe. "
BOXES = ".magistral-panel .magistral-reply, .magistral-panel .magistral-bubble, .magistral-panel .magistral-turn-words"
"""Where a stranger's text stands. Around it are the panel's own buttons and fields."""
WATCH_BOXES = """boxes => {
    const bad = 'script, iframe, object, embed, form, input, link, meta, base, img, image, video, audio, source, style';
    window.watched = {harm: new Set(), drawn: 0, longest: 0};
    const check = one => {
        if (one.matches(bad)) window.watched.harm.add(one.outerHTML.slice(0, 80));
        for (const {name, value} of one.attributes)
            if (/^on/.test(name) || /^\\s*(javascript|data|vbscript):/i.test(value))
                window.watched.harm.add(`${name}=${value.slice(0, 60)}`);
    };
    const look = element => {
        if (element.closest('[aria-busy=true]')) window.watched.drawn += 1;
        const roots = element.closest(boxes) ? [element] : element.querySelectorAll(boxes);
        for (const root of roots) [root, ...root.querySelectorAll('*')].forEach(check);
    };
    new MutationObserver(records => records.forEach(({target, addedNodes}) => {
        if (target.closest?.(boxes)) look(target);
        addedNodes.forEach(node => node instanceof Element && node.closest('.magistral-panel') && look(node));
    })).observe(document.body, {childList: true, subtree: true, attributes: true});
    new PerformanceObserver(list => list.getEntries().forEach(({duration}) => {
        window.watched.longest = Math.max(window.watched.longest, duration);
    })).observe({type: 'longtask'});
}"""


@pytest.fixture
def wire(page: Page) -> list[bytes]:
    """Record all that the page says and hears: the frames of its websockets, and the bodies of its requests."""
    recorded: list[bytes] = []

    def note(frame: str | bytes) -> None:
        recorded.append(frame.encode() if isinstance(frame, str) else frame)

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", note)
        socket.on("framereceived", note)

    page.on("websocket", listen)
    page.on("request", lambda request: note(request.post_data_buffer or b""))
    return recorded


def test_a_planted_key_is_in_no_frame(
    locked_lab: JupyterLab, page: Page, server: FakeServer, wire: list[bytes]
) -> None:
    (locked_lab.notebooks / "planted.txt").write_text(KEY, "utf-8")
    pieces = [{"content": ECHO[start : start + 5]} for start in range(0, len(ECHO), 5)]
    server.play(events_of({"reasoning": ECHO}, *pieces))
    server.play_json({"error": {"message": ECHO}}, status=401)
    server.play([events_of(*pieces, finish=None), 30.0])
    made = f"""import os
from pathlib import Path
os.environ["MAGISTRAL_API_KEY"] = Path("planted.txt").read_text()
noisy = Client(base_url={server.base_url!r}, model="m", max_retries=0,
               default_headers={{"X-Api-Key": os.environ["MAGISTRAL_API_KEY"]}})
ChatPanel(noisy, instructions=f"Never say {{os.environ['MAGISTRAL_API_KEY']}}.")"""
    open_notebook(locked_lab, page, server, made, name="planted.ipynb")
    panel = panel_of(page)
    ask(panel, "What is my key?")
    expect(last_answer(panel)).to_contain_text("keep it safe", timeout=15_000)
    assert KEY in str(server.requests[-1].headers)  # it was used
    ask(panel, "And now?")
    expect(panel.locator(".magistral-turn").last).to_contain_text("keep it safe", timeout=15_000)
    ask(panel, "And then?")
    expect(last_answer(panel)).to_contain_text("keep it", timeout=15_000)
    panel.get_by_role("button", name="Stop").last.click()
    expect(panel.locator(".magistral-turn").last).to_contain_text("stopped by you", timeout=10_000)
    panel.get_by_role("button", name="Show the prompt").click()
    expect(panel.locator(".magistral-prompt")).to_be_visible(timeout=10_000)
    panel.get_by_role("button", name="Settings").click()
    expect(panel.get_by_label("Instructions")).to_have_value(re.compile("Never say"))
    panel.get_by_role("button", name="List the models").click()
    for kind in ("Notebook", "Markdown", "Web page", "JSON"):
        panel.get_by_role("button", name="Export").click()
        with page.expect_download() as download:
            panel.get_by_role("menuitem", name=kind).click()
        wire.append(download.value.path().read_bytes())
    page.wait_for_timeout(5_500)  # the transcript is renewed
    page.evaluate(SAVE)
    wire.append((locked_lab.notebooks / "planted.ipynb").read_bytes())
    said = b"\n".join(wire)
    assert said.count(b"redacted") > 10
    assert b"What is my key?" in said
    for part in (KEY, KEY[:8], KEY[-8:]):
        assert part.encode() not in said


def test_the_hostile_corpus(
    locked_lab: JupyterLab,
    victim: Page,
    server: FakeServer,
    listener: Listener,
    take_shot: Callable[[Page, str], None],
) -> None:
    (locked_lab.notebooks / "hostile.json").write_text(json.dumps([*TEXTS.values()]), "utf-8")
    asking = """import json
from pathlib import Path
for text in json.loads(Path("hostile.json").read_text()):
    panel.ask(text[:2000] or "?").result()"""
    open_notebook(locked_lab, victim, server, "panel = ChatPanel(c)\npanel", asking, name="hostile-panel.ipynb")
    panel = panel_of(victim)
    victim.evaluate(WATCH_BOXES, BOXES)
    for text in TEXTS.values():
        server.play([step if isinstance(step, bytes) else 0.02 for step in streamed(text, 4)])
    run_cell(victim, 2)
    assert outputs(victim, 2) == []
    expect(panel.locator(".magistral-turn")).to_have_count(len(TEXTS))
    assert any("\ud83d" in text for text in TEXTS.values())  # half a character, which no message can hold
    assert_harmless(victim, listener, boxes=1, inside=".magistral-panel")
    take_shot(victim, "panel-hostile")
    for part in (2, 1, 0):  # others are drawn when they come near
        panel.locator(".magistral-log").evaluate(
            "(log, part) => { log.scrollTop = log.scrollHeight * part / 3; }", part
        )
        victim.wait_for_timeout(300)
    assert_harmless(victim, listener, boxes=1, inside=".magistral-panel")
    watched = victim.evaluate("() => ({...window.watched, harm: [...window.watched.harm]})")
    print("drawn live:", watched["drawn"], "longest task, ms:", watched["longest"])
    assert watched["harm"] == []
    assert watched["drawn"] > 2 * len(TEXTS)  # it was looked at while it streamed
    assert watched["longest"] < 1_500
    assert not list(locked_lab.notebooks.glob("**/magistral_pwned"))


def test_floods(locked_lab: JupyterLab, victim: Page, server: FakeServer, listener: Listener) -> None:
    """H57, a loop of half a megabyte; H55, a line without an end, which is cut off; and the chat goes on after both."""
    open_notebook(locked_lab, victim, server, "ChatPanel(c)", name="flooded.ipynb")
    panel = panel_of(victim)
    victim.evaluate(WATCH_BOXES, BOXES)
    loop, line = BY_ID["H57"]["text"], BY_ID["H55"]["text"]
    parts = sliced(loop["repeat"] * loop["times"], 60)
    server.play([*(step for part in parts for step in (events_of({"content": part}, finish=None), 0.05)), events_of()])
    ask(panel, "Say it again and again.")
    expect(panel.locator(".magistral-footer")).to_contain_text("magistral-small", timeout=60_000)
    expect(last_answer(panel)).to_contain_text(loop["repeat"].strip())
    server.play([*streamed("Before the flood. ", finish=None), b"data: ", *[line["repeat"].encode() * 2**20] * 64])
    ask(panel, "And without an end?")
    expect(panel.locator(".magistral-turn").last).to_contain_text("more than 8 MiB", timeout=60_000)
    expect(last_answer(panel)).to_contain_text("Before the flood.")
    server.play(events_of({"content": "Still here."}))
    ask(panel, "Are you there?")
    expect(last_answer(panel)).to_have_text("Still here.", timeout=15_000)
    assert_harmless(victim, listener, boxes=1, inside=".magistral-panel")
    watched = victim.evaluate("() => ({...window.watched, harm: [...window.watched.harm]})")
    print("longest task, ms:", watched["longest"])
    assert watched["harm"] == []
    assert watched["longest"] < 3_000  # as for a cell
