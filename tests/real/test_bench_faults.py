"""Our column of the table in docs/reliability.md, as `make bench` measures it: each fault in a fresh process."""

from __future__ import annotations

import pytest

from benchmarks.bench_faults import ASKING, PAGE, play
from benchmarks.faults import FAULTS, Fault
from tests.fake_server import FakeServer

pytestmark = pytest.mark.real

HALF = "Half an answer"
OURS = {
    "cut stream": ("ConnectionLostError", HALF),
    "endless keep-alive": ("StreamStalledError", HALF),
    "`event: error`": ("ServerStreamError", HALF),
    "a web page, 200": ("NotAnAPIError", ""),
    "plain JSON, 200": ("", "The answer"),
    "gzip bomb, 400 MiB": ("TooLargeError", HALF),
    "silent end, no `[DONE]`": ("ConnectionLostError", HALF),
    "bytes that are no UTF-8": ("", f"{HALF}, �!"),
    "broken JSON": ("ProtocolError", HALF),
    "reader leaves the loop": ("", "word0 word1 word2 "),
    "proxy variable, server here": ("", HALF),
    "429, Retry-After 300 s": ("RateLimitError", ""),
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_what_our_user_sees(fault: Fault, server: FakeServer) -> None:
    seen = play(fault, "magistral_nb", server)
    assert "hangs" not in seen
    assert (seen["error"], seen["kept"]) == OURS[fault.name]
    assert seen["seconds"] < 10
    assert seen["mib"] < 150
    assert seen.get("told", 0) < 0.2
    assert seen["requests"] == 1
    if not seen["error"] and "told" not in seen:
        assert seen["whole"]


def test_the_table_has_every_fault() -> None:
    page = PAGE.read_text("utf-8")
    assert [fault.name for fault in FAULTS if f"| {fault.name} " not in page] == []
    assert len(FAULTS) == len(OURS) == 12
    assert set(ASKING) == {"openai", "magistral_nb"}
