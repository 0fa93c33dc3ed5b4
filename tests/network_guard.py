"""No test leaves this machine: whatever tries is stopped, written down, and fails the test.

The refusal is raised where the attempt is made, but code under test may swallow any exception; so every
attempt is also kept, and looked at when the test ends. Python's own audit events are the main watch: they are
raised for asyncio, TLS and any library that goes through `socket`, and nothing can unhook them. Allowed are
Unix sockets, loopback addresses, this machine's own name, and names under `.invalid`, which never exist
(RFC 6761): they fail here as they would on any network, without a resolver being asked.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Callable, Iterator

import pytest

attempts: list[str] = []
_CALLS = {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.getnameinfo"}
_LOOKUPS = {"socket.getaddrinfo", "socket.gethostbyname"}
_LOCAL_NAMES = {"", "localhost", "localhost.localdomain", socket.gethostname().lower()}


class LeftTheMachineError(AssertionError):
    """A test tried to reach another machine."""


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_this_machine(host: str) -> bool:
    address = _address(host)
    if address is None:
        return host.rstrip(".").lower() in _LOCAL_NAMES or host.endswith(".localhost")
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _text(host: object) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else str(host or "")


def _refuse(attempt: str) -> None:
    attempts.append(attempt)
    raise LeftTheMachineError(f"a test tried to leave this machine: {attempt}")


def _judge_address(verb: str, address: object) -> None:
    # A Unix socket's address is a path; only (host, port, …) can leave the machine.
    if isinstance(address, tuple) and not _is_this_machine(_text(address[0])):
        _refuse(f"{verb} {_text(address[0])} port {address[1]}")


def _judge_name(host: str) -> None:
    if host.rstrip(".").lower().endswith(".invalid"):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    # A number asks no resolver; if it leads anywhere, the connect is judged.
    if _address(host) is None and not _is_this_machine(host):
        _refuse(f"look up {host}")


def _watch(event: str, details: tuple[object, ...]) -> None:
    if event in _CALLS:
        _judge_address(event.removeprefix("socket."), details[-1])
    elif event in _LOOKUPS:
        _judge_name(_text(details[0]))
    elif event == "socket.gethostbyaddr" and not _is_this_machine(_text(details[0])):
        _refuse(f"look up {_text(details[0])}")


def _judged_first(method: Callable[..., object]) -> Callable[..., object]:
    """Judge the address before `method` runs: it looks a name up before it raises its audit event."""

    def connect(self: socket.socket, address: object, /) -> object:
        if isinstance(address, tuple):
            _judge_name(_text(address[0]))
        return method(self, address)

    return connect


sys.addaudithook(_watch)
for _name in ("connect", "connect_ex"):
    setattr(socket.socket, _name, _judged_first(getattr(socket.socket, _name)))


@pytest.fixture(autouse=True)
def network_guard() -> Iterator[list[str]]:
    """Fail the test if anything tried to leave this machine, even if the code under test hid it."""
    yield attempts
    found = "; ".join(attempts)
    attempts.clear()
    if found:
        pytest.fail(f"a test tried to leave this machine: {found}", pytrace=False)
