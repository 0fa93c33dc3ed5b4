"""What is secret goes over https, or to this machine; over http to another one only if the user says so."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from magistral_nb.errors import ConfigurationError
from magistral_nb.settings import Secret, shown_address
from magistral_nb.transports.secrets_in import is_secret_name


def refuse_cleartext(base_url: str, api_key: Secret | None, headers: Mapping[str, str]) -> None:
    """Raise ConfigurationError if others on the way could read a secret of the requests that go to an address.

    It is also raised for an address that cannot be read, or that two readers of addresses read differently.
    """
    if (secret := _secret_on_its_way(base_url, api_key, headers)) is None or _is_safe(base_url):
        return
    place = shown_address(base_url)
    this_machine = "Write 127.0.0.1 for this machine." if urlsplit(base_url).hostname == "0.0.0.0" else ""  # noqa: S104
    raise ConfigurationError(
        f"{secret} would go to {place} without encryption, and everyone on the way could read it. Nothing was sent.",
        hint=f"{this_machine} Use https://, or a tunnel that ends on this machine. If you know that the way is safe, "
        "say allow_insecure=True, or allow_insecure = true in the endpoint's table of your settings file.".strip(),
    )


def check_address(base_url: str) -> None:
    """Raise ConfigurationError for an address that no request can be sent to."""
    if not _can_be_read(base_url):
        raise ConfigurationError(
            f"{shown_address(base_url) or 'An empty text'} is no address.", hint="It begins with https:// or http://."
        )


def _can_be_read(base_url: str) -> bool:
    import httpx2

    try:
        parts, url = urlsplit(base_url), httpx2.URL(base_url)
        return parts.scheme in ("http", "https") and bool(parts.hostname and url.host) and parts.port != 0
    except (ValueError, httpx2.InvalidURL):
        return False


def _secret_on_its_way(base_url: str, api_key: Secret | None, headers: Mapping[str, str]) -> str | None:
    """Return the name of a secret that a request carries, for people, or None."""
    parts = urlsplit(base_url)
    if api_key is not None:
        return f"The key from {api_key.source}"
    for name in headers:
        if is_secret_name(name):
            return f"The header {name}"
    if parts.username or parts.password:
        return "The password in the address"
    if any(is_secret_name(name) for name, _ in parse_qsl(parts.query)):
        return "The key in the address"
    return None


def _is_safe(base_url: str) -> bool:
    """Say whether an address is encrypted or leads nowhere. The library that sends must read the same host in it."""
    import httpx2

    url, parts = httpx2.URL(base_url), urlsplit(base_url)
    if url.scheme != parts.scheme or url.host != (parts.hostname or ""):
        return False
    if url.scheme == "https":
        return True
    # Names below "localhost" are left to whoever answers for names here; so they may lead elsewhere.
    return url.scheme == "http" and (url.host == "localhost" or _is_loopback(url.host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
