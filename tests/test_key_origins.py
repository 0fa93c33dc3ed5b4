"""What servers really receive: the right key goes to the right place, over a way that nobody else can read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from magistral_nb import Client, ConfigurationError, Endpoint, MagistralError, NotAnAPIError
from magistral_nb.settings_files import settings_paths
from tests.asking import COLOURS, Ask
from tests.fake_server import FakeServer
from tests.test_client import GOOD
from tests.test_magics import notebook, run

MINE, NAVIGATORS, TOGETHERS, ANOTHER = (f"sk-{name}-0123456789abcdef" for name in ("mine", "navi", "toge", "other"))
PROMPT = "a question that is nobody's business"


@pytest.fixture
def elsewhere() -> Iterator[FakeServer]:
    with FakeServer() as server:
        server.play(GOOD)
        yield server


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the keys of two providers, of addresses of one's own, and of others."""
    for name, key in {
        "MAGISTRAL_API_KEY": MINE, "NAVIGATOR_API_KEY": NAVIGATORS, "TOGETHER_API_KEY": TOGETHERS,
        "OPENAI_API_KEY": ANOTHER, "CAMPUS_KEY": ANOTHER,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, key)


def received(server: FakeServer) -> list[str]:
    """Return which of the keys stand in anything that a server received: lines, headers, bodies."""
    everything = "".join(
        f"{request.method} {request.path} {dict(request.headers)} {request.body!r}" for request in server.requests
    )
    return [key for key in (MINE, NAVIGATORS, TOGETHERS, ANOTHER) if key in everything]


CUSTOM: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a custom address": ({}, [MINE]),
    "a provider at a custom address": ({"endpoint": "navigator"}, [MINE]),
    "another provider there": ({"endpoint": "together", "model": "m"}, [MINE]),
    "a local row there": ({"endpoint": "vllm", "model": "m"}, [MINE]),
    "a key that is given": ({"api_key": "sk-given-0123456789"}, []),
    "a provider with a key that is given": ({"endpoint": "navigator", "api_key": "sk-given-0123456789"}, []),
}


@pytest.mark.parametrize("case", CUSTOM)
@pytest.mark.parametrize("colour", COLOURS)
def test_of_two_keys_only_the_named_one_goes_to_a_custom_address(server: FakeServer, colour: str, case: str) -> None:
    settings, wanted = CUSTOM[case]
    server.play(GOOD)
    client = Client(settings.get("endpoint"), base_url=server.base_url, **{"model": "m"} | _without(settings))
    COLOURS[colour](client, PROMPT)
    assert received(server) == wanted
    if "api_key" in settings:
        assert server.requests[0].headers["authorization"] == f"Bearer {settings['api_key']}"


def _without(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != "endpoint"}


def test_a_cell_sends_the_key_that_it_names(server: FakeServer) -> None:
    server.play(GOOD)
    with notebook() as shell:
        for options, wanted in (("", MINE), ("--key-env CAMPUS_KEY", ANOTHER), ("-e navigator", MINE)):
            assert run(shell, f"%%magistral --base-url {server.base_url} -m m {options}\nhi")[0].success
            assert server.requests[-1].headers["authorization"] == f"Bearer {wanted}"
    assert received(server) == [MINE, ANOTHER]


def test_an_endpoint_of_ones_own_gets_its_key_only(server: FakeServer) -> None:
    server.play(GOOD)
    Client(Endpoint("campus", base_url=server.base_url, key_env="CAMPUS_KEY", model="m")).chat(PROMPT)
    assert received(server) == [ANOTHER]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("colour", COLOURS)
def test_a_redirect_to_another_origin_takes_nothing_along(
    server: FakeServer, elsewhere: FakeServer, colour: str, status: int
) -> None:
    server.play(b"", status=status, headers={"location": f"{elsewhere.base_url}/chat/completions"})
    ask: Ask = COLOURS[colour]
    with pytest.raises(NotAnAPIError):
        ask(Client(base_url=server.base_url, model="m"), PROMPT)
    assert received(server) == [MINE]
    assert PROMPT in server.requests[0].body.decode()
    assert elsewhere.requests == []


def test_models_are_not_asked_for_along_a_redirect_either(server: FakeServer, elsewhere: FakeServer) -> None:
    server.play(b"", status=307, headers={"location": f"{elsewhere.base_url}/models"}, path="/v1/models")
    with pytest.raises(MagistralError):
        Client(base_url=server.base_url).models()
    assert elsewhere.requests == []


AWAY = [
    "http://api.example.invalid/v1",
    "HTTP://API.EXAMPLE.INVALID/v1",
    "http://192.168.1.5:8000/v1",
    "http://10.0.0.1/v1",
    "http://gpu-node-3:8000/v1",
    "http://localhost.evil.example/v1",
    "http://sub.localhost/v1",
    "http://localhost./v1",
    "http://127.0.0.1.nip.io/v1",
    "http://0.0.0.0:8000/v1",
    "http://2130706433/v1",
    "http://0x7f000001/v1",
    "http://127.1/v1",
    "http://localhost@evil.example/v1",
    "http://localhost:80@evil.example/v1",
    "http://127.0.0.1\\@evil.example/v1",
    "http://[::]/v1",
    "http://[fe80::1]/v1",
    "http://[::ffff:8.8.8.8]/v1",
    "http://localhost%2eevil.example/v1",
]  # fmt: skip


def answering(addresses: list[str]) -> httpx2.Client:
    def answer(request: httpx2.Request) -> httpx2.Response:
        addresses.append(str(request.url))
        return httpx2.Response(200, content=GOOD, headers={"content-type": "text/event-stream"})

    return httpx2.Client(transport=httpx2.MockTransport(answer))


@pytest.mark.parametrize("url", AWAY)
def test_no_key_goes_over_http_to_another_machine(url: str) -> None:
    addresses: list[str] = []
    with pytest.raises(ConfigurationError, match="encryption") as caught:
        Client(base_url=url, model="m", http_client=answering(addresses)).chat(PROMPT)
    assert addresses == []
    assert "allow_insecure" in caught.value.hint
    assert "$MAGISTRAL_API_KEY" in caught.value.message
    assert MINE not in str(caught.value)
    Client(base_url=url, model="m", http_client=answering(addresses), allow_insecure=True).chat(PROMPT)
    assert len(addresses) == 1


@pytest.mark.parametrize(
    "url", ["http://localhost:8/v1", "HTTP://LocalHost/v1", "http://127.0.0.1:8/v1", "http://127.8.8.8/v1",
            "http://[::1]:8/v1", "https://api.example.invalid/v1", "HTTPS://api.example.invalid/v1"],
)  # fmt: skip
def test_a_key_goes_to_this_machine_and_anywhere_over_https(url: str) -> None:
    addresses: list[str] = []
    assert Client(base_url=url, model="m", http_client=answering(addresses)).chat(PROMPT).answer == "4"
    assert len(addresses) == 1


CARRIED: dict[str, tuple[dict[str, Any], str]] = {
    "a header": ({"default_headers": {"X-Api-Token": "t"}}, "X-Api-Token"),
    "a cookie": ({"default_headers": {"cookie": "c"}}, "cookie"),
    "a password": ({"base_url": "http://me:hunter2@away.invalid/v1"}, "password"),
    "a user alone": ({"base_url": "http://sk-0123456789@away.invalid/v1"}, "password"),
    "a query": ({"base_url": "http://away.invalid/v1?api_key=1"}, "key in the address"),
}


@pytest.mark.parametrize("case", CARRIED)
def test_what_is_secret_by_its_name_counts_as_a_key(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    monkeypatch.delenv("MAGISTRAL_API_KEY")
    settings, named = CARRIED[case]
    addresses: list[str] = []
    settings = {"base_url": "http://away.invalid/v1", "model": "m", "http_client": answering(addresses), **settings}
    with pytest.raises(ConfigurationError, match=named) as caught:
        Client(**settings).chat(PROMPT)
    assert addresses == []
    assert "hunter2" not in str(caught.value)
    assert "sk-0123456789" not in str(caught.value)


def test_without_a_key_http_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAGISTRAL_API_KEY")
    addresses: list[str] = []
    client = Client(
        base_url="http://away.invalid/v1",
        model="m",
        http_client=answering(addresses),
        default_headers={"X-Course": "1"},
    )
    assert client.chat(PROMPT).answer == "4"
    assert len(addresses) == 1


def test_a_settings_file_may_say_that_the_way_is_safe() -> None:
    path = settings_paths()[0]
    path.parent.mkdir(parents=True)
    table = '[endpoints.lan]\nbase_url = "http://10.0.0.1/v1"\nkey_env = "CAMPUS_KEY"\nmodel = "m"\n'
    path.write_text(table)
    addresses: list[str] = []
    with pytest.raises(ConfigurationError, match=r"CAMPUS_KEY.*encryption"):
        Client("lan", http_client=answering(addresses)).chat(PROMPT)
    path.write_text(table + "allow_insecure = true\n")
    assert Client("lan", http_client=answering(addresses)).chat(PROMPT).answer == "4"
    assert len(addresses) == 1


def test_a_password_in_the_address_is_sent_as_a_header_and_in_no_url(server: FakeServer) -> None:
    server.play(GOOD)
    address = server.base_url.replace("://", "://me:hunter%202@")
    Client(base_url=address, model="m").chat(PROMPT)
    assert server.requests[0].headers["authorization"] == "Basic bWU6aHVudGVyIDI="
    assert "hunter" not in server.requests[0].path


def test_an_authorization_header_of_ones_own_is_sent(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAGISTRAL_API_KEY")
    server.play(GOOD)
    Client(base_url=server.base_url, model="m", default_headers={"authorization": "Token abc"}).chat(PROMPT)
    assert server.requests[0].headers["authorization"] == "Token abc"


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://a\nb/v1",
        "http://\u2460.invalid/v1",
        "http://x:port/v1",
        "localhost:8000/v1",
        "//x/v1",
        "ftp://x/v1",
        "https:///v1",
    ],
)
def test_what_is_no_address_is_said_to_be_none(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is no address"):
        Client(base_url=url, model="m").chat(PROMPT)
