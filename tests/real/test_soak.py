"""Thousands of streams with faults drawn at random: none hangs, none loses a character, nothing is left behind.

pytest -m real -s tests/real/test_soak.py
MAGISTRAL_SOAK_SEED=7 MAGISTRAL_SOAK_STREAMS=20000 pytest -m real -s tests/real/test_soak.py
"""

from __future__ import annotations

import os

import pytest

from magistral_nb.transports import bodies, retrying
from tests.soak import Soak, all_kinds

SEED = int(os.environ.get("MAGISTRAL_SOAK_SEED", "20261130"))
STREAMS = int(os.environ.get("MAGISTRAL_SOAK_STREAMS", "2000"))
"""Read here: the tests' own environment has no setting of anybody's."""


@pytest.mark.real
def test_a_soak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(bodies, "ERROR_PATIENCE", 5.0)
    soak = Soak(SEED, STREAMS)
    soak.run()
    print(f"\n{soak.account()}")
    assert soak.problems == []
    assert STREAMS < 1_000 or {outcome.plan.kind for outcome in soak.outcomes} == all_kinds()
