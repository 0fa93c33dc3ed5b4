"""Certificates are read once for all clients, and not at all for a server of this machine that is not encrypted."""

from __future__ import annotations

import httpx2
import pytest

from magistral_nb.transports import tls
from tests.fake_server import FakeServer
from tests.test_client import GOOD, client_for


def test_certificates_are_read_once_and_only_if_needed(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bool] = []
    whole = httpx2.create_ssl_context

    def reading(trust_env: bool) -> object:
        read.append(trust_env)
        return whole(trust_env=trust_env)

    tls._usual.cache_clear()
    monkeypatch.setattr(httpx2, "create_ssl_context", reading)
    contexts = {id(tls.trust(None, is_encrypted=True, trust_env=True)) for _ in range(3)}
    assert len(contexts) == len(read) == 1
    tls._usual.cache_clear()
    server.play(GOOD)
    client_for(server).chat("q")
    assert len(read) == 1
    monkeypatch.setenv("SSL_CERT_FILE", "")
    tls.trust(None, is_encrypted=True, trust_env=True)
    assert len(read) == 2  # the environment names other ones


def test_a_context_for_what_is_not_encrypted_trusts_nobody() -> None:
    context = tls.trust(None, is_encrypted=False, trust_env=False)
    assert not isinstance(context, bool)
    assert context.get_ca_certs() == []
    assert context.check_hostname
