"""`client.preview` and `--dry-run`: exactly what the model would see, with reasons, and nothing is sent."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from magistral_nb import (
    Client,
    ConfigurationError,
    Endpoint,
    Message,
    Prompt,
    TemplateError,
    assistant,
    system,
    tokens,
    user,
)
from magistral_nb.messages import Text, Thought
from magistral_nb.settings_files import VARIABLE
from magistral_nb.tokens import CHARACTERS, TokenCounter
from tests.chat_conversations import WEATHER
from tests.fake_server import FakeServer
from tests.test_client import GOOD, client_for, sent
from tests.test_magics import run
from tests.test_magics import shell as shell

TALK = [user("1?"), assistant("A", thinking="T one"), user("2?"), assistant("B", thinking="T two"), user("3?")]


@pytest.fixture(autouse=True)
def nothing_is_sent(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Fail a test that opens any connection, unless it asks for a server."""
    if "server" not in request.fixturenames:
        monkeypatch.setattr(socket.socket, "connect", _refuse)
        monkeypatch.setattr(socket.socket, "connect_ex", _refuse)


def _refuse(*_: object) -> None:
    raise AssertionError("something was sent")


def without_estimator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count as where the extra `tokens` is not installed."""
    monkeypatch.setattr(tokens, "find_spec", lambda name: None)


# ---- What it shows


@pytest.mark.parametrize("endpoint", ["navigator", "together", "vllm", "ollama", "demo", "auto", None])
def test_it_needs_no_key_no_model_and_no_server(endpoint: str | None) -> None:
    prompt = Client(endpoint).preview("Is 91 prime?")
    assert isinstance(prompt, Prompt)
    assert ("text", "Is 91 prime?") in prompt.parts or endpoint == "demo"
    assert "Is 91 prime?" in prompt.text


def test_two_keys_or_none_are_no_reason_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAVIGATOR_API_KEY", "sk-1")
    assert Client().preview("q").context == 40_000
    monkeypatch.setenv("TOGETHER_API_KEY", "sk-2")
    prompt = Client().preview("q")
    assert (prompt.revision, prompt.context) == ("2507", None)
    assert "no model is named" in prompt.why


def test_a_settings_file_counts_and_a_bad_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings.toml"
    monkeypatch.setenv(VARIABLE, str(file))
    file.write_text('[defaults]\nendpoint = "together"\nmodel = "mine"\ninstructions = "Be terse."\n')
    prompt = Client().preview("q")
    assert prompt.revision == "2506"
    assert "Be terse." in prompt.text
    file.write_text("[defaults]\ntemperatur = 1\n")
    with pytest.raises(ConfigurationError, match="temperatur"):
        Client().preview("q")


@pytest.mark.parametrize(
    ("settings", "revision", "why"),
    [
        ({"model": "mistralai/Magistral-Small-2509"}, "2509", "the model id 'mistralai/Magistral-Small-2509' names it"),
        ({"model": "magistral-small-1.0"}, "2506", "the model id 'magistral-small-1.0' names it"),
        ({"model": "magistral-small"}, "2507", "the model id 'magistral-small' does not say which Magistral it is"),
        ({"model": "gpt-5", "revision": "2509"}, "2509", "revision was set (argument)"),
        ({"endpoint": "together", "model": "x"}, "2506", "the endpoint together says so"),
        ({"endpoint": "demo"}, "demo", "it is the format of demo's model"),
    ],
)
def test_which_format_and_why(settings: dict[str, Any], revision: str, why: str) -> None:
    prompt = Client(**settings).preview("q")
    assert prompt.revision == revision
    assert f"Why this format: {why}." in prompt.why


@pytest.mark.parametrize(
    ("settings", "asked", "system_prompt", "why"),
    [
        ({}, "q", "the default prompt of 2509", "it is 2509's own"),
        ({"instructions": "Be terse."}, "q", "the default prompt of 2509, with instructions added", "it is 2509's own"),
        ({"system": "Be mean."}, "q", "one of its own", "system was set (argument)"),
        ({"system": "Be mean.", "instructions": "No."}, "q", "one of its own", "instructions were added (argument)"),
        ({"system": None}, "q", "none", "system was set (argument)"),
        ({"instructions": "No."}, [system("Mine."), user("q")], "one of its own", "the conversation brings its own"),
    ],
)
def test_which_system_prompt_and_why(settings: dict[str, Any], asked: Any, system_prompt: str, why: str) -> None:
    prompt = Client(model="magistral-small-2509", **settings).preview(asked)
    assert prompt.system == system_prompt
    assert why in prompt.why.partition("Why this system prompt: ")[2]


def test_instructions_are_one_text_with_the_end_of_the_system_prompt() -> None:
    prompt = Client(instructions="Be terse.").preview("q")
    assert ("text", "Here, provide a self-contained response.\n\nBe terse.") in prompt.parts
    alone = Client(system=None, instructions="Be terse.").preview("q")
    assert alone.text == "<s>[SYSTEM_PROMPT]Be terse.[/SYSTEM_PROMPT][INST]q[/INST]"


@pytest.mark.parametrize(
    ("keep", "dropped", "kept"),
    [("none", ["T one", "T two"], []), ("last", ["T one"], ["T two"]), ("all", [], ["T one", "T two"])],
)
def test_what_was_dropped_of_the_thinking(keep: Any, dropped: list[str], kept: list[str]) -> None:
    prompt = Client(keep_thinking=keep).preview(TALK)
    assert [thought.text for thought in prompt.dropped] == dropped
    assert [thought.message for thought in prompt.dropped] == [2, 4][: len(dropped)]  # counted in what was asked
    assert [text for text in ("T one", "T two") if text in prompt.text] == kept


def test_a_reply_to_be_continued_keeps_its_thinking_and_stays_open() -> None:
    begun = Message("assistant", (Thought("Let me", closed=False),))
    for keep in ("none", "last", "all"):
        prompt = Client("vllm", keep_thinking=keep).preview([*TALK, begun])
        assert prompt.text.endswith("[INST]3?[/INST][THINK]Let me")
    finished = Message("assistant", (Thought("Done."), Text("It is")))
    assert Client("vllm").preview([user("q"), finished]).text.endswith("[THINK]Done.[/THINK]It is")


def test_what_an_endpoint_cannot_do_is_refused_before_it_is_asked() -> None:
    with pytest.raises(ConfigurationError, match="cannot continue one"):
        Client("ollama").preview([user("q"), assistant("It is")])
    with pytest.raises(TemplateError, match=r"mistral-small-latest is no Magistral") as refused:
        Client("mistral").preview("q")
    assert "revision='2509'" in refused.value.hint
    assert Client("mistral", revision="2509").preview("q").revision == "2509"


def test_refusals_count_the_messages_that_the_user_wrote() -> None:
    wrong = [user("q"), assistant("")]
    with pytest.raises(TemplateError, match=r"^Message 2 \(assistant\): it says nothing"):
        Client("vllm").preview([*wrong, user("r")])
    with pytest.raises(TemplateError, match=r"^Message 3 \(assistant\): it says nothing"):
        Client("vllm").preview([system("s"), *wrong, user("r")])


def test_tools_and_their_place(server: FakeServer) -> None:
    prompt = client_for(server).preview("q", tools=[WEATHER])
    assert "[AVAILABLE_TOOLS]" in prompt.text
    assert server.requests == []


def test_it_says_where_a_server_may_read_something_else() -> None:
    (spoken,) = Client("navigator").preview("q").notices
    assert "a thought goes as text between tags" in spoken
    for endpoint in ("vllm", "demo", None):  # vLLM reads thinking parts; else it is we who write the prompt
        assert Client(endpoint).preview("q").notices == ()
    assert "vllm writes the prompt itself" in Client("vllm").preview("q").why
    assert "writes the prompt itself" not in Client("demo").preview("q").why + Client().preview("q").why


def test_a_prompt_that_does_not_fit_is_announced() -> None:
    prompt = Client("navigator").preview("word " * 60_000)
    assert "it would be refused" in prompt.notices[-1]
    assert not any("refused" in notice for notice in Client("navigator").preview("q").notices)


# ---- A prompt that was looked at can be asked


@pytest.mark.parametrize("keep", ["none", "last", "all"])
def test_what_was_looked_at_is_what_is_sent(server: FakeServer, keep: Any) -> None:
    server.play(GOOD)
    client = client_for(server, keep_thinking=keep, instructions="Be terse.")
    prompt = client.preview(TALK, tools=[WEATHER])
    client.chat(TALK, tools=[WEATHER])
    directly = sent(server)
    client.chat(prompt)
    assert sent(server) == directly
    assert client.preview(prompt).text == prompt.text


def test_a_rendered_prompt_gets_no_system_prompt(server: FakeServer) -> None:
    server.play(GOOD)
    client_for(server).chat(Prompt.render([user("q")]))
    assert sent(server)["messages"] == [{"role": "user", "content": "q"}]


def test_a_closed_reply_cannot_be_answered(server: FakeServer) -> None:
    prompt = Prompt.render([user("q"), assistant("A")])
    with pytest.raises(ConfigurationError, match="a reply that is closed"):
        client_for(server).chat(prompt)
    server.play(GOOD)
    client_for(server).chat(Prompt.render([user("q"), assistant("A")], continue_final=True))
    assert sent(server)["messages"][-1] == {"role": "assistant", "content": "A"}


# ---- Tokens


def test_an_estimate_says_so_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    without_estimator(monkeypatch)
    prompt = Client().preview("q")
    assert (prompt.tokens.exact, prompt.tokens.by) == (False, CHARACTERS.by)
    bundle = prompt._repr_mimebundle_()
    for shown in (bundle["text/plain"], bundle["text/html"]):
        assert "Prompt of about" in shown
        assert "Tokens: estimated from the length of the text" in shown
    assert str(prompt.tokens).startswith("about ")


# ---- The magic


def test_a_dry_run_shows_the_prompt_and_keeps_it(shell: InteractiveShell) -> None:
    result, printed, _ = run(shell, "%%magistral -e navigator --dry-run -o p\nIs [INST] a token?")
    assert isinstance(result.result, Prompt)
    assert shell.user_ns["p"] is shell.user_ns["_"] is result.result
    assert "│ Is [INST] a token?" in printed
    assert printed.count("│ Is [INST] a token?") == 1


def test_a_dry_run_uses_the_options_and_settings(shell: InteractiveShell) -> None:
    shell.user_ns["number"] = 91
    shell.run_line_magic("config", "Magistral.instructions = 'Be terse.'")
    run(shell, "%%magistral --dry-run --jinja -m magistral-small-2509\nIs {{ number }} prime?")
    prompt = shell.user_ns["_"]
    assert prompt.revision == "2509"
    assert "Is 91 prime?" in prompt.text
    assert "Be terse." in prompt.text


def test_a_dry_run_in_other_forms(shell: Any) -> None:
    with capture_output() as captured:
        shell.run_cell("%%magistral --dry-run -f json\nq", store_history=True)
    (output,) = captured.outputs
    assert output.data["application/json"] == shell.user_ns["_"].to_dict() == json.loads(output.data["text/plain"])
    result, printed, _ = run(shell, "%%magistral --dry-run -q\nq")
    assert printed == ""
    assert isinstance(result.result, Prompt)
    _, printed, _ = run(shell, "p = %magistral ask --dry-run What is 2 + 2?")
    assert (printed, isinstance(shell.user_ns["p"], Prompt)) == ("", True)


def test_a_dry_run_that_is_refused_is_one_line(shell: InteractiveShell) -> None:
    result, printed, red = run(shell, "%%magistral --dry-run -m gpt-5\nq")
    assert not result.success
    assert "TemplateError: gpt-5 is no Magistral" in printed + red
    assert "Traceback" not in printed + red


def test_a_dry_run_sends_nothing_to_a_server(shell: InteractiveShell, server: FakeServer) -> None:
    run(shell, f"%%magistral --base-url {server.base_url} -m magistral-small --dry-run\nq")
    assert server.requests == []


def test_a_prompt_that_just_fits_is_not_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer needs room too: a prompt as large as the window is refused by every server."""
    without_estimator(monkeypatch)
    total = Client(base_url="http://127.0.0.1:9/v1").preview("q").tokens.total
    for window, announced in ((total + 1, False), (total, True), (total - 1, True)):
        row = Endpoint("mine", base_url="http://127.0.0.1:9/v1", model="magistral", context=window, key_needed=False)
        notices = Client(row).preview("q").notices
        assert any("it would be refused" in notice for notice in notices) == announced


def test_thinking_that_is_left_out_is_counted_by_the_same_tokenizer() -> None:
    counter = TokenCounter(len, by="counting letters", exact=True)
    prompt = Client("vllm").preview(TALK).counted(counter)
    assert [thought.tokens for thought in prompt.dropped] == [len("T one"), len("T two")]


def test_tools_of_a_call_replace_those_of_a_prompt(server: FakeServer) -> None:
    server.play(GOOD)
    prompt = Prompt.render([user("q")], tools=[WEATHER])
    other = {"type": "function", "function": {"name": "other", "parameters": {}}}
    client_for(server).chat(prompt, tools=[other])
    assert [tool["function"]["name"] for tool in sent(server)["tools"]] == ["other"]
