"""Whom an encrypted connection trusts. To read the certificates takes 40 ms, so it is done once, and only if needed."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


def trust(verify: bool | str | None, *, is_encrypted: bool, trust_env: bool) -> ssl.SSLContext | bool:
    """Return what `httpx2` takes as `verify`; a text is the file of a CA.

    A connection that is not encrypted gets a context that trusts nobody: it is never used.
    """
    import ssl

    if isinstance(verify, str):
        return ssl.create_default_context(cafile=verify)
    if verify is False:
        return False
    if not is_encrypted:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _usual(trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=4)
def _usual(trust_env: bool, cert_file: str | None, cert_dir: str | None) -> ssl.SSLContext:
    """Return the context that trusts the usual authorities, or those that the environment names."""
    import httpx2

    return httpx2.create_ssl_context(trust_env=trust_env)
