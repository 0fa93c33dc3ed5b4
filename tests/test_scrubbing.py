"""Secrets that this process knows are taken out of texts and data."""

from __future__ import annotations

import json

import pytest

from magistral_nb import Secret, scrubbing
from magistral_nb.scrubbing import scrub, scrub_data


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrubbing, "_spellings", set())
    monkeypatch.setattr(scrubbing, "_pattern", None)


def test_a_secret_registers_itself() -> None:
    Secret('sk-"12345678/x')
    for spelled in ('sk-"12345678/x', "sk-%2212345678%2Fx", json.dumps('sk-"12345678/x')):
        assert "12345678" not in scrub(f"the key is {spelled}.")
        assert "<redacted>" in scrub(spelled)


def test_data_is_scrubbed_in_names_and_values() -> None:
    Secret("sk-12345678")
    assert scrub_data({"sk-12345678": ["sk-12345678", ("a", 1, None)]}) == {
        "<redacted>": ["<redacted>", ["a", 1, None]]
    }


def test_the_longer_of_two_secrets_goes_first() -> None:
    Secret("sk-12345678")
    Secret("sk-1234567890")
    assert scrub("sk-1234567890 sk-12345678") == "<redacted> <redacted>"


def test_placeholders_are_no_secrets() -> None:
    Secret("EMPTY")
    assert scrub("EMPTY") == "EMPTY"
