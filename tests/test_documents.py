"""The code in the documents runs: each block as it stands, only the address is that of a server in this process."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from magistral_nb import ENDPOINTS, Endpoint
from magistral_nb.dialects import Dialect
from magistral_nb.settings_format import read_settings_file
from tests.fake_server import FakeServer
from tests.hostile import CORPUS
from tests.test_chat_oracles import DIFFERENCES
from tests.test_client import events_of
from tests.test_dialect_samples import sample

DOCS = Path(__file__).parents[1] / "docs"
CAMPUS = "https://llm.campus.example/v1"
ADDING = (DOCS / "adding-a-provider.md").read_text("utf-8")
CHAT_FORMAT = (DOCS / "chat-format.md").read_text("utf-8")
TOML_NAMES = {
    "base_url", "key_env", "model", "revision", "context", "price_prompt", "price_completion", "headers", "hint",
    "dialect", "description",
}  # fmt: skip


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def campus(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    monkeypatch.setenv("CAMPUS_API_KEY", "sk-campus-1234")
    monkeypatch.setenv("MAGISTRAL_API_KEY", "sk-magistral-1234")
    server.play(sample("vllm_reasoning")[0])
    return server


def test_the_python_of_adding_a_provider(campus: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for number, block in enumerate(blocks(ADDING, "python"), start=1):
        exec(compile(block.replace(CAMPUS, campus.base_url), f"block {number}", "exec"), names)
        assert names["reply"].thinking == "Two and two."
        assert len(campus.requests) == number
    assert capsys.readouterr().out == f"4 {(11 * 0.50 + 7 * 1.50) / 1_000_000}\n"
    keys = [request.headers["authorization"] for request in campus.requests]
    assert keys == ["Bearer sk-magistral-1234", *["Bearer sk-campus-1234"] * (len(keys) - 1)]
    plain, row, smaller, chatty = (request.json() for request in campus.requests)
    assert isinstance(plain["messages"][0]["content"], str)
    assert isinstance(row["messages"][0]["content"], list)  # vLLM's dialect
    assert smaller["max_tokens"] < 16_000
    assert chatty["top_k"] == 0


def test_the_program_of_the_tools_page(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One call is let through and answered; one that leaves the folder is stopped by the function."""
    (code,) = blocks((DOCS / "tools.md").read_text("utf-8"), "python")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "monday.txt").write_text("Water the plants.", "utf-8")
    monkeypatch.chdir(tmp_path)
    shown: list[str] = []

    def agree(text: str) -> str:
        shown.append(text)
        return "y"

    monkeypatch.setattr("builtins.input", agree)
    program = compile(code.replace("http://127.0.0.1:8000/v1", server.base_url), "tools.md", "exec")
    for name in ("monday.txt", "../secret.txt"):
        arguments = json.dumps({"name": name})
        call = {"index": 0, "id": "call00001", "function": {"name": "read_note", "arguments": arguments}}
        server.play(events_of({"tool_calls": [call]}, finish="tool_calls"))
        server.play(events_of({"content": "The plants."}))
        if ".." in name:
            with pytest.raises(PermissionError):
                exec(program, {})
        else:
            exec(program, {})
            assert server.requests[-1].json()["messages"][-1]["content"] == "Water the plants."
    assert shown == [f"Run read_note(name={name!r})? [y/n] " for name in ("monday.txt", "../secret.txt")]
    assert capsys.readouterr().out == "The plants.\n"


def test_the_toml_of_adding_a_provider() -> None:
    (text,) = blocks(ADDING, "toml")
    table = tomllib.loads(text)["endpoints"]["campus"]
    assert set(table) == TOML_NAMES
    assert table["dialect"] in ENDPOINTS
    assert table["base_url"] == CAMPUS


def test_the_python_of_the_chat_format(capsys: pytest.CaptureFixture[str]) -> None:
    for block in blocks(CHAT_FORMAT, "python"):
        exec(compile(block, "a block", "exec"), {})
    printed = capsys.readouterr().out
    assert printed.startswith("<s>[SYSTEM_PROMPT]")
    assert "[INST]And 97?[/INST]\n" in printed
    (claimed,) = re.findall(r"about (\d+) tokens$", CHAT_FORMAT, re.MULTILINE)
    assert f"about {claimed} tokens\n" in printed


def test_every_deliberate_difference_of_the_chat_format_is_a_line() -> None:
    section = CHAT_FORMAT.partition("## Where we differ, on purpose")[2].partition("## Text never")[0]
    told = set(re.findall(r"^\| ([^|]+?) \|", section, re.MULTILINE)) - {"what", "---"}
    assert told == {*DIFFERENCES, "a reply to be continued"}


def test_every_field_of_an_endpoint_is_explained() -> None:
    section = ADDING.partition("## The same as a table")[0]
    explained = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    # What only our own rows have, or speaks for itself.
    inner = {"engine", "label", "key_counts", "description", "also_at", "template"}
    assert explained == {field.name for field in dataclasses.fields(Endpoint)} - inner


def test_the_table_of_dialects_is_true() -> None:
    section = ADDING.partition("## Which dialect?")[2]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    told = {name: line.split(" | ")[1:] for line in lines for name in re.findall(r"`([\w-]+)`", line.split(" | ")[0])}
    assert set(told) == {name for name, row in ENDPOINTS.items() if row.engine == "http"} - {"navigator"}
    for name, (goes_back, carries) in told.items():
        dialect: Dialect = ENDPOINTS[name].dialect
        words = {"tags": "tags in plain text", "reasoning": "the field `reasoning`", "chunks": "parts"}
        assert goes_back.startswith(words[dialect.history])
        assert set(re.findall(r"`(\w+)`", carries)) == set(dialect.extra_body)


def test_the_table_of_hostile_kinds_names_every_kind_and_its_test() -> None:
    section = (DOCS / "security.md").read_text("utf-8").partition("## What a text may try")[2].partition("\n## ")[0]
    rows = {row[0].strip("`"): row[3] for row in re.findall(r"^\| (\S+) \| (.+?) \| (.+?) \| (.+?) \|$", section, re.M)}
    rows.pop("kind", None)
    assert set(rows) == {case["kind"] for case in CORPUS}
    named = {name for where in rows.values() for name in re.findall(r"`([\w/.]+\.py)`", where)}
    assert named
    for name in named:
        assert any((DOCS.parent / folder / name).exists() for folder in ("tests", "."))


def test_the_settings_of_a_class_are_right_and_its_hub_file_is_python(tmp_path: Path) -> None:
    page = (DOCS / "jupyterhub.md").read_text("utf-8")
    (settings,) = blocks(page, "toml")
    path = tmp_path / "settings.toml"
    path.write_text(settings)
    file = read_settings_file(path)
    assert file.defaults["journal"] is False
    assert set(file.endpoints) == {"campus"}
    hub, recordings = blocks(page, "python")
    compile(hub, "jupyterhub_config.py", "exec")
    assert f'"{file.endpoints["campus"]["key_env"]}"' in hub  # the key goes where the endpoint looks for it
    assert "MAGISTRAL_CASSETTE" in recordings


@pytest.mark.asyncio
async def test_the_hub_gives_each_student_a_key_of_their_own(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hook as it stands on the page, with the hub's own HTTP client and a gateway that says that it knows Ada."""
    hub = blocks((DOCS / "jupyterhub.md").read_text("utf-8"), "python")[0]
    monkeypatch.setenv("LLM_GATEWAY", server.url)
    monkeypatch.setenv("LLM_GATEWAY_ADMIN_KEY", "sk-admin")
    names: dict[str, Any] = {"get_config": lambda: SimpleNamespace(Spawner=SimpleNamespace())}
    exec(compile(hub, "jupyterhub_config.py", "exec"), names)
    server.play_json({"error": "ada exists"}, path="/user/new", status=409)
    server.play_json({"key": "sk-ada-only"}, path="/key/generate")
    spawner = SimpleNamespace(user=SimpleNamespace(name="ada"), environment={})
    await names["c"].Spawner.pre_spawn_hook(spawner)
    assert spawner.environment == {"CAMPUS_LLM_KEY": "sk-ada-only"}
    budget, key = (request.json() for request in server.requests)
    assert (budget["user_id"], budget["max_budget"]) == ("ada", 2.0)
    assert (key["user_id"], key["duration"]) == ("ada", "12h")
