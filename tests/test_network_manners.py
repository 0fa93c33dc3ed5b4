"""How a client behaves on the network: past proxies on this machine, nowhere else than told, sparing of connections."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from magistral_nb import APIConnectionError, Client, MagistralError, NotAnAPIError
from magistral_nb.transports import draining
from tests.asking import COLOURS
from tests.fake_server import CHAT, MODELS, FakeServer
from tests.test_client import GOOD
from tests.test_faults import ask, client_at

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@pytest.fixture
def server_on_ipv6() -> Iterator[FakeServer]:
    """Give a server at ::1. A machine without that address fails here, and says so: nothing was tested then."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.fail(f"This machine has no IPv6 loopback (::1), which these tests need: {error}", pytrace=False)
    with FakeServer(host="::1") as server:
        yield server


def set_proxies(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.setenv(name, url)
        monkeypatch.setenv(name.lower(), url)


# ---- Proxies


@pytest.mark.parametrize("colour", COLOURS)
def test_no_proxy_variable_catches_a_server_on_this_machine(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, colour: str
) -> None:
    server.play(GOOD)
    server.play_json({"data": [{"id": "m"}]}, path=MODELS)
    with FakeServer() as proxy:
        for name in (*PROXY_VARIABLES, *(name.lower() for name in PROXY_VARIABLES)):
            with monkeypatch.context() as environment:
                environment.setenv(name, proxy.url)
                client = client_at(f"http://{'localhost' if name.islower() else '127.0.0.1'}:{server.port}/v1")
                assert COLOURS[colour](client)[0].answer == "4", name
                assert client.models() == ["m"], name
        assert proxy.connections == 0


@pytest.mark.parametrize("colour", COLOURS)
def test_a_proxy_is_used_for_other_machines(monkeypatch: pytest.MonkeyPatch, colour: str) -> None:
    """So the tests above can fail: the variables are read."""
    with FakeServer() as proxy:
        proxy.play(GOOD)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        client = client_at("http://llm.campus.invalid/v1", allow_insecure=True)
        assert COLOURS[colour](client)[0].answer == "4"
        assert proxy.connections == 1


# ---- IPv6


@pytest.mark.parametrize("colour", COLOURS)
def test_a_server_on_ipv6_is_on_this_machine(
    server_on_ipv6: FakeServer, monkeypatch: pytest.MonkeyPatch, colour: str
) -> None:
    """Its address needs no key, and no proxy catches it."""
    server_on_ipv6.play(GOOD)
    server_on_ipv6.play_json({"data": [{"id": "m"}]}, path=MODELS)
    assert server_on_ipv6.base_url == f"http://[::1]:{server_on_ipv6.port}/v1"
    with FakeServer() as proxy:
        set_proxies(monkeypatch, proxy.url)
        client = Client(base_url=server_on_ipv6.base_url, model="m")
        assert client.models() == ["m"]
        assert COLOURS[colour](client)[0].answer == "4"
        assert proxy.connections == 0
    assert {"authorization", "proxy-authorization"}.isdisjoint(server_on_ipv6.requests[-1].headers)
    assert server_on_ipv6.requests[-1].headers["host"] == f"[::1]:{server_on_ipv6.port}"


@pytest.mark.parametrize("colour", COLOURS)
def test_errors_show_an_address_of_ipv6_as_it_was_given(server_on_ipv6: FakeServer, colour: str) -> None:
    server_on_ipv6.play_json({"error": {"message": "no"}}, status=400)
    address = server_on_ipv6.base_url
    _, failure = ask(colour, client_at(address))
    assert failure
    assert f"{address} answered 400: no." in failure.message
    assert failure.endpoint == address
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as free:
        nowhere = f"http://[::1]:{free.getsockname()[1]}/v1"
    _, failure = ask(colour, client_at(nowhere, max_retries=0))
    assert isinstance(failure, APIConnectionError)
    assert f"{nowhere} could not be reached" in failure.message
    assert "Is the server running" in failure.hint


# ---- Redirects


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_to_another_origin_is_refused(server: FakeServer, status: int, colour: str) -> None:
    with FakeServer() as elsewhere:
        elsewhere.play(GOOD)
        server.play(b"", status=status, headers={"location": elsewhere.url + CHAT})
        server.play(b"", status=status, headers={"location": elsewhere.url + MODELS}, path=MODELS)
        _, failure = ask(colour, client_at(server.base_url))
        assert isinstance(failure, NotAnAPIError)
        assert elsewhere.url + CHAT in failure.hint
        with pytest.raises(NotAnAPIError):
            client_at(server.base_url).models()
        assert elsewhere.connections == 0


# ---- Certificates


@pytest.mark.parametrize("colour", COLOURS)
def test_a_file_of_a_ca_makes_only_its_own_servers_trusted(
    secure_server: FakeServer, authority: trustme.CA, tmp_path: Path, colour: str
) -> None:
    secure_server.play(GOOD)
    secure_server.play_json({"data": [{"id": "m"}]}, path=MODELS)
    authority.cert_pem.write_to_path(str(tmp_path / "ours.pem"))
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "theirs.pem"))
    trusting = client_at(secure_server.base_url, verify=str(tmp_path / "ours.pem"))
    assert trusting.models() == ["m"]
    assert COLOURS[colour](trusting)[0].answer == "4"
    _, failure = ask(colour, client_at(secure_server.base_url, verify=str(tmp_path / "theirs.pem")))
    assert isinstance(failure, APIConnectionError)
    assert "does not trust" in failure.message


def test_a_certificate_for_another_name_is_refused(authority: trustme.CA, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("llm.campus.invalid").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with FakeServer(tls=context) as impostor:
        _, failure = ask("sync", client_at(impostor.base_url, verify=str(tmp_path / "ca.pem")))
    assert isinstance(failure, APIConnectionError)
    assert "does not trust" in failure.message
    assert impostor.requests == []


# ---- Connections


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Await the end of a body for longer than 50 ms, after which a busy machine would give its connection up."""
    monkeypatch.setattr(draining, "PATIENCE", 5.0)
    monkeypatch.setattr(draining, "_watchdog", draining.Watchdog(5.0))


def test_one_connection_serves_many_questions(patient: None, server: FakeServer) -> None:
    many_answers(server)
    with client_at(server.base_url) as client:
        assert [client.chat("hi").answer for _ in range(2)] == ["4", "4"]
        with pytest.raises(MagistralError, match="400"):
            client.chat("hi")
        assert client.chat("hi").answer == "4"
        assert client.models() == ["m"]
        assert (server.connections, server.open_connections) == (1, 1)
    assert server.wait_for(lambda: not server.open_connections)


async def test_one_connection_serves_many_questions_on_an_event_loop(patient: None, server: FakeServer) -> None:
    many_answers(server)
    async with client_at(server.base_url) as client:
        assert [(await client.achat("hi")).answer for _ in range(2)] == ["4", "4"]
        with pytest.raises(MagistralError, match="400"):
            await client.achat("hi")
        assert (await client.achat("hi")).answer == "4"
        assert await client.amodels() == ["m"]
        assert (server.connections, server.open_connections) == (1, 1)
    assert await asyncio.to_thread(server.wait_for, lambda: not server.open_connections)


def many_answers(server: FakeServer) -> None:
    server.play(GOOD)
    server.play(GOOD, framing="length")
    server.play_json({"error": {"message": "no"}}, status=400)
    server.play(GOOD)
    server.play_json({"data": [{"id": "m"}]}, path=MODELS)


def test_threads_that_share_a_client_leave_no_connection_behind(server: FakeServer) -> None:
    """All ask their first question at once: one pool of connections is made, and closed."""
    server.play(GOOD)
    for _ in range(5):
        client, start = client_at(server.base_url), threading.Barrier(8)

        def ask_first(client: Client, start: threading.Barrier) -> None:
            start.wait()
            client.chat("hi")

        threads = [threading.Thread(target=ask_first, args=(client, start)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.close()
        assert server.wait_for(lambda: not server.open_connections, 2)
