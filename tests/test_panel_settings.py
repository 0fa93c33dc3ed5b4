"""What a reader sets in a chat panel, and what it says beside the log."""

from __future__ import annotations

import pytest

from magistral_nb import (
    Budget,
    ChatPanel,
    Client,
    Price,
)
from tests.fake_server import FakeServer
from tests.panels import Page
from tests.panels import caught as caught
from tests.panels import panel as panel
from tests.test_client import GOOD, client_for, sent

KEY = "zq7Kp2Xw-planted-0123456789-Lm9Rt4Vb"


def test_a_question_without_a_key_says_what_to_do_and_was_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = ChatPanel(Client("navigator"))
    assert "NAVIGATOR_API_KEY" in panel.welcome["help"]
    assert panel.welcome["endpoint"] == "navigator"
    assert len(panel.welcome["examples"]) == 3
    page = Page(panel)
    page.op("ask", text="hi")
    (turn,) = page.settle()
    assert (turn["id"], turn["text"], turn["error"]["kind"]) == (None, "hi", "MissingKeyError")
    assert "NAVIGATOR_API_KEY" in turn["error"]["message"] + turn["error"]["hint"]
    assert panel.conversation.turns == ()


def test_with_nothing_set_up_it_opens_and_says_what_would_work() -> None:
    panel = ChatPanel()
    assert panel.welcome["endpoint"] is None
    assert "demo" in panel.welcome["help"]
    assert {"demo", "navigator"} <= {row["name"] for row in panel.choices["endpoints"]}
    page = Page(panel)
    page.op("set", name="endpoint", value="demo")
    assert (panel.settings["endpoint"], panel.welcome["help"]) == ("demo", None)


def test_settings_are_checked_and_go_along(panel: ChatPanel, server: FakeServer) -> None:
    server.play(GOOD)
    page = Page(panel)
    for name, value in [
        ("temperature", 7), ("temperature", "hot"), ("top_p", -1), ("max_tokens", 0), ("max_tokens", 1.5),
        ("seed", "x"), ("seed", True), ("keep_thinking", "some"), ("endpoint", "nowhere"), ("system", 5), ("x", 1),
    ]:  # fmt: skip
        before = dict(panel.settings)
        error = page.op("set", name=name, value=value)["error"]
        assert name in error["message"] or "nowhere" in error["message"]
        assert error["hint"]
        assert panel.settings == before
    values = {"temperature": 0.1, "max_tokens": 50, "instructions": "Be brief.", "keep_thinking": "all", "seed": 3}
    page.op("set", values=values)
    assert panel.settings | values == panel.settings
    page.op("ask", text="hi")
    page.settle()
    body = sent(server)
    assert (body["temperature"], body["max_tokens"], body["seed"]) == (0.1, 50, 3)
    assert "Be brief." in str(body["messages"][0])
    page.op("set", values=dict.fromkeys(values))
    assert (panel.settings["temperature"], panel.settings["keep_thinking"]) == (0.7, "none")


def test_the_system_prompt_is_the_models_ones_own_or_none(server: FakeServer) -> None:
    panel = ChatPanel(client_for(server), system="The author's.")
    page = Page(panel)

    def asked() -> list[tuple[str, str]]:
        server.play(GOOD)
        page.op("ask", text="hi")
        page.settle()
        shown = "".join(text for _, text in page.op("prompt", text="")["data"]["parts"])
        told = [(one["role"], str(one["content"])) for one in sent(server)["messages"]]
        assert all(text.split("\n")[0][:9] in shown for role, text in told if role == "system")
        return told

    assert asked()[0] == ("system", "The author's.")
    page.op("set", name="system", value="")
    assert panel.settings["system"] is None
    assert asked()[0] == ("user", "hi")
    resumed = ChatPanel.resume(panel._repr_mimebundle_()[0]["application/vnd.magistral.panel.v1+json"])
    assert resumed.settings["system"] is None
    page.op("set", name="system", value="default")
    assert "reasoning" in asked()[0][1] or "thinking" in asked()[0][1]
    page.op("set", name="system", value="Mine.")
    assert asked()[0] == ("system", "Mine.")
    page.op("set", name="system", value=None)
    assert panel.settings["system"] == "The author's."


def test_where_nothing_is_set_up_the_prompt_is_the_models() -> None:
    panel = ChatPanel()
    assert panel.settings["system"] == "default"
    Page(panel).op("set", name="system", value="")
    assert panel.settings["system"] is None


def test_another_endpoint_gets_the_instructions_and_neither_model_nor_key(server: FakeServer) -> None:
    panel = ChatPanel(client_for(server, instructions="You are a tutor.", api_key=KEY, model="own"))
    page = Page(panel)
    page.op("set", name="endpoint", value="navigator")
    assert panel.settings["instructions"] == "You are a tutor."
    assert panel.settings["model"] != "own"
    page.op("ask", text="hi")
    assert page.settle()[0]["error"]["kind"] == "MissingKeyError"
    page.op("set", name="endpoint", value=None)
    server.play(GOOD)
    page.op("ask", text="hi")
    assert page.settle()[-1]["reply"]["answer"] == "4"


def test_models_prompt_and_exports(panel: ChatPanel, server: FakeServer) -> None:
    server.play_json({"data": [{"id": "magistral-small"}, {"id": "other"}]}, path="/v1/models")
    server.play(GOOD)
    page = Page(panel)
    page.op("ask", text="Two <b>and</b> two?")
    page.settle()
    assert page.op("models")["data"]["models"] == panel.choices["models"] == ["magistral-small", "other"]
    prompt = page.op("prompt", text="And three?")["data"]
    text = "".join(part for _, part in prompt["parts"])
    assert text.index("Two <b>and</b> two?") < text.index("And three?")
    assert ["control", "[INST]"] in prompt["parts"]
    marks = {
        "notebook": '"cell_type"',
        "markdown": "## 1. You",
        "html": "<!doctype",
        "json": '"magistral_conversation"',
    }
    for form, mark in marks.items():
        made = page.op("export", format=form)["data"]
        assert mark in made["text"]
        assert "two?" in made["text"]
        assert made["filename"].startswith("conversation.")
    assert "no format" in page.op("export", format="exe")["error"]["message"]


def test_meter_cost_and_budget(server: FakeServer) -> None:
    usage = b'data: {"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 10}}\n\ndata: [DONE]\n\n'
    server.play(GOOD.replace(b"data: [DONE]\n\n", usage))
    panel = ChatPanel(client_for(server, price=Price(1.0, 2.0), budget=Budget(tokens=1000)))
    before = panel.meter["used"]
    panel.ask("hi").result(30)
    assert panel.meter["used"] > before > 0
    assert panel.meter["tokens"]["prompt"] == 100
    assert panel.meter["cost"] == pytest.approx(120e-6)
    assert panel.meter["budget"] == {"spent": 110, "limit": 1000, "unit": "tokens", "text": "110 of 1,000 tokens"}
