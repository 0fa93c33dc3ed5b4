"""`auto`: which servers answer on this machine, which one is asked, and that nothing else happens meanwhile."""

from __future__ import annotations

import asyncio
import socket
import socketserver
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import pytest

from magistral_nb import ENDPOINTS, Client, ConfigurationError, Endpoint, settings_files
from magistral_nb.cli import main
from magistral_nb.reports import endpoints_report
from magistral_nb.transports.discovery import Found, pick
from tests.fake_server import MODELS, FakeServer
from tests.test_client import GOOD, KEY
from tests.test_magics import notebook, run

QWEN, MAGISTRAL = "qwen3:8b", "magistral:24b"


def lists(server: FakeServer, *models: str, headers: Mapping[str, str] | None = None, **facts: object) -> None:
    data = [{"id": model, "object": "model", **facts} for model in models]
    server.play_json({"object": "list", "data": data}, path=MODELS, headers=headers or {})
    server.play(GOOD)


@pytest.fixture
def other(server: FakeServer) -> Iterator[FakeServer]:
    with FakeServer() as other:
        yield other


@contextmanager
def port_that_says(words: bytes, *, again: bool = False, hangs_up: bool = False) -> Iterator[str]:
    """Give the base URL of a port where something speaks at once, asked or not; then it is silent, or goes on.

    hangs_up : it closes as soon as it is asked, as an SSH server does at the sight of HTTP.
    """

    class Speaker(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                self.request.sendall(words)
                while again:
                    self.request.sendall(words)
                self.request.recv(65536)
                if not hangs_up:
                    self.request.recv(1)
            except OSError:
                pass

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Speaker) as listener:
        listener.daemon_threads = True
        threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.server_address[1]}/v1"
        listener.shutdown()


def rows_for_auto(monkeypatch: pytest.MonkeyPatch, **urls: str) -> None:
    """Replace the table of endpoints: no usual port of this machine is touched."""
    rows = {name: Endpoint(name.replace("_", "-"), base_url=url) for name, url in urls.items()}
    table = {row.name: row for row in rows.values()} | {"demo": ENDPOINTS["demo"]}
    monkeypatch.setattr(settings_files, "ENDPOINTS", MappingProxyType(table))


@pytest.fixture
def two(server: FakeServer, other: FakeServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """Two servers and a port held by something else; the second server has a Magistral, and is given."""
    lists(server, QWEN, owned_by="vllm")
    lists(other, "nomic-embed-text", MAGISTRAL, owned_by="library")
    with port_that_says(b"SSH-2.0-OpenSSH_9.2\r\n", hangs_up=True) as ssh:
        rows_for_auto(monkeypatch, sglang=ssh, vllm=server.base_url, ollama=other.base_url)
        yield other


def test_the_server_with_a_magistral_is_asked_and_the_choice_is_told(two: FakeServer, server: FakeServer) -> None:
    client = Client("auto")
    time.sleep(0.05)
    assert server.requests == two.requests == []  # the constructor does nothing
    reply = client.chat("hi")
    assert (reply.answer, reply.endpoint, reply.model) == ("4", "ollama", MAGISTRAL)
    assert two.requests[-1].json()["model"] == MAGISTRAL
    told = client.settings.sources
    assert told["endpoint"].value == "ollama"
    assert f"ollama at {two.base_url} serves {MAGISTRAL}" in told["endpoint"].source
    assert f"also found: vllm at {server.base_url} ({QWEN})" in told["endpoint"].source
    assert told["base_url"].value == two.base_url
    asked = len(server.requests)
    client.chat("and again")
    assert len(server.requests) == asked  # it looks once
    began = time.monotonic()
    assert Client("auto").models() == ["nomic-embed-text", MAGISTRAL]
    assert time.monotonic() - began < 1


async def test_it_works_inside_a_running_loop_in_both_colours(two: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    beats = 0

    async def heart() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    with socket.create_server(("127.0.0.1", 0)) as silent:  # looking takes as long as it may
        rows_for_auto(monkeypatch, vllm=f"http://127.0.0.1:{silent.getsockname()[1]}/v1", ollama=two.base_url)
        beating = asyncio.create_task(heart())
        for ask in (Client("auto").amodels, lambda: Client("auto").achat("hi")):
            before = beats
            await ask()
            assert beats > before + 10  # the loop went on meanwhile
        beating.cancel()
    assert Client("auto").chat("hi").model == MAGISTRAL


def test_it_works_in_a_thread_with_a_loop_of_its_own(two: FakeServer) -> None:
    models: list[str] = []

    async def ask() -> None:
        models.append((await Client("auto").achat("hi")).model)

    thread = threading.Thread(target=lambda: asyncio.run(ask()))
    thread.start()
    thread.join(5)
    assert models == [MAGISTRAL]


def test_a_server_that_wants_a_key_is_told_but_not_chosen(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    rows_for_auto(monkeypatch, llama_server=server.base_url)
    server.play_json({"error": {"message": "no key"}}, path=MODELS, status=401, headers={"server": "llama.cpp"})
    with pytest.raises(ConfigurationError) as caught:
        Client("auto").chat("hi")
    assert f"llama-server at {server.base_url} (wants a key)" in caught.value.message


def test_nothing_found_lists_the_addresses_and_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer() as gone:
        pass
    rows_for_auto(monkeypatch, vllm=gone.base_url, mine=gone.base_url, ollama=gone.base_url + "/more")
    client = Client("auto")
    with pytest.raises(ConfigurationError) as caught:
        client.chat("hi")
    for words in (f"{gone.base_url} (vllm, mine)", f"{gone.base_url}/more (ollama)", "ollama run", "demo", "base_url"):
        assert words in str(caught.value)


def test_a_server_that_starts_later_is_found_by_the_same_client(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows_for_auto(monkeypatch, ollama=server.base_url)
    client = Client("auto")
    server.play_json({"object": "list", "data": None}, path=MODELS)  # Ollama with no model yet
    with pytest.raises(ConfigurationError, match="no model"):
        client.chat("hi")
    lists(server, MAGISTRAL)
    assert client.chat("hi").model == MAGISTRAL


def test_the_model_that_the_user_names_decides_which_server(two: FakeServer, server: FakeServer) -> None:
    reply = Client("auto", model=QWEN).chat("hi")
    assert (reply.endpoint, reply.model) == ("vllm", QWEN)


def test_auto_in_the_environment_in_a_file_and_in_the_shell(
    two: FakeServer, server: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "-e", "auto", "hi"]) == 0
    assert capsys.readouterr().out == "4\n"
    settings_file = settings_files.settings_paths()[0]
    settings_file.parent.mkdir(parents=True)
    settings_file.write_text(f'[defaults]\nendpoint = "auto"\nmodel = "{QWEN}"')
    assert Client().chat("hi").model == QWEN
    settings_file.unlink()
    monkeypatch.setenv("MAGISTRAL_ENDPOINT", "auto")
    client = Client()
    assert client.chat("hi").model == MAGISTRAL
    assert "$MAGISTRAL_ENDPOINT" in client.settings.sources["endpoint"].source
    monkeypatch.setenv("MAGISTRAL_MODEL", QWEN)
    assert Client().chat("hi").endpoint == "vllm"


def test_auto_in_a_notebook(two: FakeServer, server: FakeServer) -> None:
    with notebook() as shell:
        run(shell, "%%magistral -e auto -o first\nhi")
        _, used, _ = run(shell, "%magistral use auto")
        run(shell, "%%magistral -o second\nhi")
        _, status, _ = run(shell, "%magistral status")
        assert [shell.user_ns[name].model for name in ("first", "second")] == [MAGISTRAL, MAGISTRAL]
    assert "→ ollama" in used
    for told in (used, status):
        assert f"ollama at {two.base_url} serves {MAGISTRAL}" in told


def test_auto_and_an_address_contradict_each_other() -> None:
    with pytest.raises(ConfigurationError, match="base_url names one"):
        Client("auto", base_url="http://127.0.0.1:9/v1").chat("hi")


def test_the_report_says_who_answers_and_never_a_key(
    two: FakeServer, server: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOGETHER_API_KEY", KEY)
    with FakeServer() as gone:
        pass
    lines = [
        f'[endpoints.{name}]\nbase_url = "{url}"' for name, url in (("mine", gone.base_url), ("far", "http://x/v1"))
    ]
    settings_file = settings_files.settings_paths()[0]
    settings_file.parent.mkdir(parents=True)
    settings_file.write_text("\n".join([*lines, 'key_env = "TOGETHER_API_KEY"']))
    assert main(["endpoints"]) == 0
    told = {line[2:].split(" ")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert f"answers: vllm at {server.base_url} ({QWEN})" in told["vllm"]
    assert f"answers: ollama at {two.base_url} (nomic-embed-text, {MAGISTRAL})" in told["ollama"]
    assert "does not answer" in told["mine"]
    assert "does not answer" in told["sglang"]
    assert "answer" not in told["demo"]
    assert told["far"].startswith("→ far")
    assert "$TOGETHER_API_KEY is set" in told["far"]
    report = endpoints_report()
    assert f"Settings file: {settings_file}" in report
    assert "Chosen: far. $TOGETHER_API_KEY is set" in report
    assert KEY not in report
    asked = len(server.requests)
    endpoints_report(look_around=False)
    assert len(server.requests) == asked


def found(name: str, *models: str, needs_key: bool = False) -> Found:
    return Found(f"http://127.0.0.1/{name}", name, models, 0.01, needs_key)


def test_picking_is_stable_and_says_why() -> None:
    a, b, c = (
        found("a", "text-embedding-nomic", "x"),
        found("b", "mistralai/Magistral-Small-2509"),
        found("c", "magistral"),
    )
    best = pick([a, b, c])
    assert best
    assert (best.found, best.model) == (b, "mistralai/Magistral-Small-2509")
    best = pick([a])
    assert best
    assert best.why == "a at http://127.0.0.1/a serves x"
    best = pick([c, b], wanted="nowhere")
    assert best
    assert best.found is c
    assert "none lists nowhere" in best.why
    best = pick([b, found("d", "magistral:latest")], wanted="magistral")
    assert best
    assert best.found.row_name == "d"
    best = pick([found("e", *"pqrst"), found("f", needs_key=True)])
    assert best
    assert "f at http://127.0.0.1/f (wants a key)" in best.why
    best = pick([a, found("e", *"pqrst")])
    assert best
    assert "(p, q, r and 2 more)" in best.why
    assert pick([]) is None
    assert pick([found("only", "bge-small", "my-reranker")]) is None
