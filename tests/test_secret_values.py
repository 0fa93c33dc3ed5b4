"""A key in memory: whatever prints, copies or stores the objects that hold it does not get at it."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import pprint
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from IPython.lib.pretty import pretty

from magistral_nb import Client, ConfigurationError, Endpoint, MagistralError, Secret
from magistral_nb.choosing import choose_endpoint, find_key
from magistral_nb.connecting import Access
from magistral_nb.settings import Address, Unseen, environment, shown_address
from tests.fake_server import FakeServer

VALUE = "sk-planted-0123456789-abcdefgh"
PARTS = (VALUE, VALUE[:8], VALUE[-8:])
KEY = Secret(VALUE, source="$X")
ADDRESS = f"https://me:{VALUE}@llm.invalid/v1?api_key={VALUE}"
HOLDERS = {
    "secret": KEY,
    "in a list": [KEY],
    "access": Access(KEY, Unseen({"X-Api-Key": VALUE}), None, None),
    "endpoint": Endpoint("e", base_url=ADDRESS, headers={"X-Api-Key": VALUE}, api_key=KEY),
    "client": Client("navigator", api_key=VALUE, base_url=ADDRESS, default_headers={"X-Api-Key": VALUE}),
    "client with a secret": Client("navigator", api_key=KEY),
    "environment": environment({"X": VALUE}),
}


def as_json(value: Any) -> str:
    return json.dumps(value, default=lambda thing: repr(thing))


def as_dict(value: Any) -> str:
    return repr(dataclasses.asdict(value)) if dataclasses.is_dataclass(value) and not isinstance(value, type) else ""


def shown_by_ipython(value: Any) -> str:
    return str(pretty(value))  # type: ignore[no-untyped-call]  # IPython has no types here


PRINTERS: dict[str, Callable[[Any], str]] = {
    "repr": repr, "str": str, "format": lambda value: f"{value}", "pprint": pprint.pformat, "IPython": shown_by_ipython,
    "vars": lambda value: repr(vars(value)) if hasattr(value, "__dict__") else "",
    "slots": lambda value: repr([getattr(value, name, "") for name in getattr(type(value), "__slots__", ())]),
    "json": as_json, "copy": lambda value: repr(copy.copy(value)), "error": lambda value: repr(ValueError(value)),
}  # fmt: skip


@pytest.mark.parametrize("printer", PRINTERS)
@pytest.mark.parametrize("holder", HOLDERS)
def test_no_printer_shows_a_key_or_its_ends(holder: str, printer: str) -> None:
    shown = PRINTERS[printer](HOLDERS[holder])
    assert not [part for part in PARTS if part in shown]


def test_a_secret_shows_that_it_is_set_and_from_where() -> None:
    assert f"{KEY!r} {KEY} {KEY:>14}" == "<set, from $X> <set, from $X> <set, from $X>"
    assert f"{KEY:>16}" == "  <set, from $X>"
    assert copy.deepcopy(KEY) is copy.copy(KEY) is KEY
    assert KEY.reveal() == VALUE
    told = as_dict(Access(KEY, {}, None, None))
    assert "<set, from $X>" in told
    assert VALUE not in told
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(KEY, protocol)


def test_an_address_is_used_as_it_is_and_shown_without_its_password() -> None:
    address = Address(ADDRESS)
    assert address == ADDRESS
    assert f"{address}" == ADDRESS
    assert repr(address) == "'https://…@llm.invalid/v1?…'"
    for shown in (shown_address(f"me:{VALUE}@llm.invalid/v1"), shown_address(f"https://llm.invalid?key={VALUE}")):
        assert VALUE not in shown


def locals_of(error: BaseException) -> str:
    """Return what `%xmode Verbose` would print of the frames of ours: every local variable, as text."""
    frames = [
        frame for frame, _ in traceback.walk_tb(error.__traceback__) if "magistral_nb" in frame.f_code.co_filename
    ]
    assert frames
    ours = [frame for frame in frames if "/tests/" not in frame.f_code.co_filename]
    return repr([[shown_by_ipython(value) for value in frame.f_locals.values()] for frame in ours])


def wrong_keyword(server: FakeServer) -> Any:
    return Client("navigator", apikey=VALUE)  # type: ignore[call-arg]  # the mistake is the test


def wrong_option(server: FakeServer) -> Any:
    return Client("navigator", api_key=VALUE, default_headers={"X-Api-Key": VALUE}, n_ctx="many").settings  # type: ignore[arg-type]  # so is this


def no_such_endpoint(server: FakeServer) -> Any:
    return choose_endpoint("nowhere", ADDRESS, env={"NAVIGATOR_API_KEY": VALUE})


def two_keys(server: FakeServer) -> Any:
    return choose_endpoint(None, None, env={"NAVIGATOR_API_KEY": VALUE, "TOGETHER_API_KEY": VALUE})


def no_key(server: FakeServer) -> Any:
    return find_key(choose_endpoint("navigator", None, env={}).endpoint, None, env={"OTHER_KEY": VALUE})


def broken_key(server: FakeServer) -> Any:
    return Client("navigator", api_key=f"{VALUE}\u200b").chat("hi")


def cleartext(server: FakeServer) -> Any:
    return Client(base_url=ADDRESS.replace("https", "http"), model="m", api_key=VALUE).chat("hi")


def broken_address(server: FakeServer) -> Any:
    return Client(base_url="http://[::1", model="m", api_key=VALUE).chat("hi")


def refused(server: FakeServer) -> Any:
    server.play_json({"error": {"message": f"bad key {VALUE}"}}, status=401)
    return Client(base_url=server.base_url, model="m", api_key=VALUE, default_headers={"X-Api-Key": VALUE}).chat("hi")


def hung_up(server: FakeServer) -> Any:
    server.play(b"", head_bytes=0, end="reset")
    return Client(base_url=server.base_url, model="m", api_key=VALUE, max_retries=0).chat("hi")


FAILURES = [
    wrong_keyword, wrong_option, no_such_endpoint, two_keys, no_key, broken_key, cleartext, broken_address, refused,
    hung_up,
]  # fmt: skip


@pytest.mark.parametrize("fail", FAILURES, ids=lambda fail: fail.__name__)
def test_no_frame_of_an_error_holds_a_key(server: FakeServer, fail: Callable[[FakeServer], Any]) -> None:
    with pytest.raises((MagistralError, TypeError)) as caught:
        fail(server)
    error: BaseException | None = caught.value
    assert isinstance(error, ConfigurationError | TypeError) or server.requests
    while error is not None:
        shown = repr(error) + str(error) + (locals_of(error) if error is caught.value else "")
        assert error is caught.value or error.__traceback__ is None  # frames of others hold the headers
        assert not [part for part in PARTS if part in shown], shown
        error = error.__cause__
