"""A panel in a flood of events: what it keeps of them."""

from __future__ import annotations

import gc

from magistral_nb import (
    ChatPanel,
    events,
)
from tests.fake_server import FakeServer
from tests.panels import Page
from tests.panels import caught as caught
from tests.panels import panel as panel
from tests.test_client import events_of


def test_a_flood_of_events_is_not_kept(panel: ChatPanel, server: FakeServer) -> None:
    """A million deltas of one character took 380 MiB while they came, for 2 MB of text."""
    flood = [{"content": f"{n} "} for n in range(3_000)]
    server.play([events_of(*flood, finish=None), 60.0])
    page = Page(panel)
    pending = panel.ask("Count.")
    page.wait(lambda: "2999" in page.reply.answer)
    assert sum(isinstance(one, events.AnswerDelta) for one in gc.get_objects()) < 100
    panel.stop()
    assert pending.result(30).answer.split() == [str(n) for n in range(3_000)]
