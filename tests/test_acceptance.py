"""Acceptance cases that need no kernel, each as it was stated: see `shared/notes/peers.md`, 2b."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from tests.fake_server import FakeServer
from tests.html_reading import read
from tests.test_client import GOOD, events_of
from tests.test_magics import asked, at, run, shell

__all__ = ["shell"]


def test_a1_braces_go_out_as_typed_and_jinja_fills_in(shell: InteractiveShell, server: FakeServer) -> None:
    server.play(GOOD)
    body = r'Fix this: d = {"k": [1, {2: "z"}]} and \frac{a}{b}'
    run(shell, f"{at(server)}\n{body}")
    assert asked(server) == body

    shell.user_ns["t"] = 7
    run(shell, f"{at(server, '--jinja')}\nt is {{{{ t }}}}")
    assert asked(server) == "t is 7"
    result, red, _ = run(shell, f"{at(server, '--jinja')}\nfine\nt is {{{{ missing }}}}")
    assert not result.success
    assert "missing" in red
    assert "line 2" in red
    assert len(server.requests) == 2  # nothing was sent


LOST: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "length": ([{"reasoning": f"step{n} "} for n in range(30)], "length", "raise max_tokens"),
    "stop": ([{"reasoning": "Paris"}], "stop", "No answer"),
}


@pytest.mark.parametrize("finish", LOST)
def test_a3_a_lost_answer_is_told_and_its_thinking_open(
    shell: InteractiveShell, server: FakeServer, finish: str
) -> None:
    deltas, reason, words = LOST[finish]
    server.play(events_of(*deltas, finish=reason))
    result, printed, red = run(shell, f"{at(server, '-o r')}\nWhat is the capital of France?")
    reply = shell.user_ns["r"]
    assert (result.success, red) == (True, "")
    assert (reply.answer, reply.finish_reason) == ("", reason)
    assert reply.thinking.split() == [delta["reasoning"].strip() for delta in deltas]
    shown = reply._repr_mimebundle_()
    for text in (printed, read(shown["text/html"]).text, shown["text/plain"]):
        assert words in text
        assert "still thinking" in text
        assert deltas[-1]["reasoning"].strip() in text
    (fold,) = read(shown["text/html"]).all("details")
    assert "open" in fold.attributes
