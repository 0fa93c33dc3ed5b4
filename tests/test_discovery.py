"""`auto`: which servers answer on this machine, which one is asked, and that nothing else happens meanwhile."""

from __future__ import annotations

import asyncio
import json
import socket
import socketserver
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from magistral_nb import ENDPOINTS, Client, ConfigurationError, Endpoint, Price, settings_files
from magistral_nb.choosing import choose_endpoint
from magistral_nb.cli import main
from magistral_nb.dialects import Dialect
from magistral_nb.reports import endpoints_report
from magistral_nb.transports.discovery import MOST_BYTES, Found, Place, find_servers, pick, places_of
from tests.bombs import gzip_bomb
from tests.fake_server import MODELS, FakeServer, Script
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


def test_no_proxy_no_key_and_no_redirect(two: FakeServer, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAGISTRAL_API_KEY", KEY)
    with FakeServer() as elsewhere, FakeServer() as proxy, FakeServer() as signpost:
        signpost.play(b"", path=MODELS, status=307, headers={"location": f"{elsewhere.url}/v1/models"})
        lists(elsewhere, MAGISTRAL)
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert find_servers([Place(signpost.base_url, ())]) == []
        assert len(signpost.requests) == 1
        Client("auto").chat("hi")
        assert elsewhere.connections == proxy.connections == 0
    assert server.requests[0].headers["accept-encoding"] == "identity"  # nothing to unpack
    sent = "".join(str(request.headers) for request in [*server.requests, *two.requests])
    assert "authorization" not in sent.lower()
    assert KEY not in sent


NOT_SERVERS: dict[str, Script] = {
    "silence": Script(head_bytes=0, end="hold"),
    "half a head": Script(head_bytes=10, end="hold"),
    "a slow head": Script(head_pause=0.1),
    "404": Script(b'{"error": "nothing"}', 404),
    "a web page": Script(b"<html><title>Hub</title></html>", headers={"content-type": "text/html"}),
    "an endless stream": Script([b"data: {}\n\n", 0.05] * 1000),
    "too much": Script(b" " * (MOST_BYTES + 1) + b'{"object": "list", "data": []}'),
    "a bomb": Script(gzip_bomb(b'{"object": "list"}', 10), headers={"content-encoding": "gzip"}),
    "cut off": Script(b'{"object": "list"}', end="cut"),
    "other JSON": Script(b'{"data": [{"id": 1}, "x", {"name": "y"}]}'),
    "no list": Script(b"[1, 2, 3]"),
    "deep JSON": Script(b"[" * 100_000),
    "an escape sequence": Script(b'{"data": [{"id": "\\u001b]52;c;eA==\\u0007"}]}'),
    "an endless name": Script(json.dumps({"data": [{"id": "m" * 10_000}]}).encode()),
    "an error": Script(b'{"object": "list", "data": []}', 500),
}


def test_what_is_no_such_server_is_passed_over_in_time(other: FakeServer) -> None:
    """All of them at once, since each takes as long as a server may take to answer."""
    lists(other, QWEN)
    with ExitStack() as stack:
        servers = {what: stack.enter_context(FakeServer()) for what in NOT_SERVERS}
        for what, server in servers.items():
            server.play(NOT_SERVERS[what], path=MODELS)
        places = [Place(server.base_url, (what,)) for what, server in servers.items()]
        began = time.monotonic()
        found = find_servers([*places, Place(other.base_url, ())])
        assert time.monotonic() - began < 1
    assert [(one.row_name, one.base_url) for one in found] == [(None, other.base_url)]


@pytest.mark.parametrize("again", [False, True])
def test_a_port_that_speaks_something_else_is_passed_over(again: bool) -> None:
    said = (
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x02\x00",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"\x00" * 5000,
    )
    with ExitStack() as stack:
        urls = [stack.enter_context(port_that_says(words, again=again)) for words in said]
        began = time.monotonic()
        assert find_servers([Place(url, ()) for url in urls]) == []
        assert time.monotonic() - began < 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(head=st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 "]), rest=st.binary())
def test_no_bytes_make_looking_fail(head: bytes, rest: bytes) -> None:
    with FakeOnce(head + rest) as url:
        find_servers([Place(url, ("ollama", "litellm"))])


class FakeOnce:
    """A port that says something and hangs up."""

    def __init__(self, words: bytes) -> None:
        self._words = words
        self._listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> str:
        threading.Thread(target=self._serve, daemon=True).start()
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        try:
            connection, _ = self._listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(self._words)
        except OSError:
            pass


def test_all_ports_are_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        assert find_servers([Place(f"{url}/{number}", ()) for number in range(12)]) == []
        assert 0.3 < time.monotonic() - began < 1


NAMES = ("vllm", "sglang", "llama-server", "ollama", "lmstudio", "mlx", "transformers-serve", "litellm")


@pytest.mark.parametrize(
    ("facts", "headers", "name"),
    [
        ({"owned_by": "vllm"}, {}, "vllm"),
        ({"owned_by": "sglang"}, {}, "sglang"),
        ({"owned_by": "llamacpp", "status": {"value": "loaded"}}, {"server": "llama.cpp"}, "llama-server"),
        ({"owned_by": "library"}, {}, "ollama"),
        ({"owned_by": "organization_owner"}, {"x-powered-by": "Express"}, "lmstudio"),
        ({}, {"server": "BaseHTTP/0.6 Python/3.11.7"}, "mlx"),
        ({"owned_by": "", "status": {"value": "loaded"}}, {"server": "uvicorn"}, "transformers-serve"),
        ({"owned_by": "mistralai"}, {"server": "uvicorn"}, None),
        ({"owned_by": ["vllm"]}, {}, None),
    ],
)
def test_a_server_is_told_by_what_it_answers(
    facts: dict[str, object], headers: dict[str, str], name: str | None, server: FakeServer
) -> None:
    lists(server, "m", headers=headers, **facts)
    (found,) = find_servers([Place(server.base_url, NAMES)])
    assert (found.row_name, found.models) == (name, ("m",))
    assert 0 < found.seconds < 0.4


def test_a_server_that_does_not_say_is_asked_once_more(server: FakeServer) -> None:
    lists(server, "hf.co/me/my-model", owned_by="hf.co")
    server.play_json({"version": "0.15.1"}, path="/api/version")
    (found,) = find_servers([Place(server.base_url, ("ollama", "litellm"))])
    assert found.row_name == "ollama"
    server.play_json("I'm alive!", path="/health/liveliness")
    server.play_json({}, path="/api/version")
    (found,) = find_servers([Place(server.base_url, ("ollama", "litellm"))])
    assert found.row_name == "litellm"


def test_weak_signs_count_only_where_such_a_server_usually_is(server: FakeServer) -> None:
    lists(server, "m", headers={"server": "BaseHTTP/0.6"})
    (found,) = find_servers([Place(server.base_url, ("vllm",))])
    assert found.row_name is None


def test_a_row_that_somebody_wrote_for_this_address_counts(server: FakeServer) -> None:
    lists(server, "m", owned_by="vllm")
    (found,) = find_servers([Place(server.base_url, ("vllm", "my-box"))])
    assert found.row_name == "my-box"


def test_an_unknown_server_is_a_plain_endpoint_and_a_known_one_has_its_rows_facts(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialect = Dialect(name="of vLLM")
    row = Endpoint("vllm", server.base_url, "VLLM_KEY", dialect=dialect, also_at=("http://127.0.0.1:1/v1",))
    monkeypatch.setattr(settings_files, "ENDPOINTS", MappingProxyType({"vllm": row}))
    monkeypatch.setenv("VLLM_KEY", KEY)
    lists(server, "magistral-a", owned_by="vllm")
    found = choose_endpoint("auto", None).endpoint
    assert (found.name, found.dialect, found.model, found.key_env) == ("vllm", dialect, "magistral-a", None)
    lists(server, "magistral-b", owned_by="me")
    found = choose_endpoint("auto", None).endpoint
    assert (found.name, found.dialect.name, found.model, found.key_env) == (
        server.base_url,
        "plain",
        "magistral-b",
        None,
    )


def test_a_server_is_also_found_at_its_rows_other_address(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer() as gone:
        pass
    row = Endpoint("llama-server", gone.base_url, also_at=(server.base_url,))
    monkeypatch.setattr(settings_files, "ENDPOINTS", MappingProxyType({row.name: row}))
    lists(server, MAGISTRAL, owned_by="llamacpp")
    found = choose_endpoint("auto", None).endpoint
    assert (found.name, found.base_url) == ("llama-server", server.base_url)


@pytest.mark.parametrize(
    ("model", "revision"),
    [("magistral", "2506"), ("magistral:24b", "2506"), ("hf.co/Magistral-Small-2509", None), ("qwen3:8b", None)],
)
def test_what_a_row_says_of_its_model_holds_for_no_other(
    model: str, revision: str | None, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Endpoint("ollama", server.base_url, model="magistral", revision="2506", price=Price(1, 2))
    monkeypatch.setattr(settings_files, "ENDPOINTS", MappingProxyType({row.name: row}))
    lists(server, model, owned_by="library")
    found = choose_endpoint("auto", None).endpoint
    assert (found.model, found.revision) == (model, revision)
    assert found.price == (Price(1, 2) if revision else None)


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


def test_places_are_on_this_machine_only_and_each_once() -> None:
    urls = [
        ("vllm", "http://127.0.0.1:8000/v1"),
        ("far", "https://api.example.com/v1"),
        ("transformers-serve", "http://localhost:8000/v1/"),
        ("lan", "http://192.168.1.5:8000/v1"),
        ("trick", "http://127.0.0.1.example.com:8000/v1"),
        ("user", "http://127.0.0.1@example.com/v1"),
        ("tls", "https://127.0.0.1:8000/v1"),
        ("demo", ""),
        ("bare", "http://localhost"),
    ]
    assert places_of(urls) == [
        Place("http://127.0.0.1:8000/v1", ("vllm", "transformers-serve")),
        Place("http://127.0.0.1:80", ("bare",)),
    ]


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
