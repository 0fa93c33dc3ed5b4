"""A key in a prompt is said once a session, and the prompt is sent as it is."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import Client, MagistralError, Notice, Secret, user
from magistral_nb.keys import looks
from magistral_nb.keys.looks import holds_key
from tests.asking import COLOURS
from tests.fake_server import FakeServer
from tests.test_client import GOOD

ROOT = Path(__file__).parents[1]
H47 = "why does OPENAI_API_KEY=sk-TESTSECRET-0123456789abcdef fail?"
MIXED = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6lM9oR2uX5"
JWT = ".".join(
    base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
    for part in ({"alg": "HS256", "typ": "JWT"}, {"sub": "1234567890", "iat": 1516239022}, {"x": "y" * 20})
)
KEYS = {
    "H47": H47, "openai": f"sk-proj-{MIXED}", "anthropic": f"key: sk-ant-api03-{MIXED}", "hub": f"hf_{MIXED[:34]}",
    "amazon": "AKIAIOSFODNN7EXAM123", "github": f"ghp_{MIXED[:36]}", "fine": f"github_pat_{MIXED}",
    "gitlab": f"glpat-{MIXED[:20]}", "slack": "xoxb-123456789012-abcdefABCDEF", "google": f"AIza{MIXED[:35]}",
    "bearer": f"Authorization: Bearer {MIXED}", "token": f'{{"auth": "{JWT}"}}', "groq": f"gsk_{MIXED}",
    "private": "-----BEGIN RSA PRIVATE KEY-----\nMIIE", "variable": f"export MISTRAL_API_KEY={MIXED[:32]}",
    "quoted": f'os.environ["NAVIGATOR_API_KEY"] = "{MIXED[:24]}"', "url": f"https://x.invalid/?key=AIza{MIXED[:35]}",
}  # fmt: skip


@pytest.fixture(autouse=True)
def new_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "_told", False)


@pytest.mark.parametrize("kind", KEYS)
def test_keys_of_well_known_kinds_are_seen(kind: str) -> None:
    assert holds_key([f"Please look at this:\n{KEYS[kind]}\nThanks!"])


def ordinary_texts() -> dict[str, str]:
    """Return what people paste, and what is no key."""
    picture = random.Random(1).randbytes(200_000)
    return {
        "our own code": "\n".join(path.read_text("utf-8") for path in (ROOT / "magistral_nb").rglob("*.py")),
        "our documents": "\n".join(path.read_text("utf-8") for path in (ROOT / "docs").rglob("*.md")),
        "hashes": " ".join(hashlib.new(name, b"x").hexdigest() for name in ("md5", "sha1", "sha256", "sha512")),
        "ids": " ".join(str(uuid.UUID(int=random.Random(n).getrandbits(128))) for n in range(1_000)),
        "a picture": f"data:image/png;base64,{base64.b64encode(picture).decode()}",
        "a picture for addresses": base64.urlsafe_b64encode(picture).decode(),
        "scikit-learn's HTML": '<div class="sk-estimator-doc-link" id="sk-container-id-12"><a class="sk-label-arrow">',
        "words": "the task-2024-01-01-report, risk-12345678901234567890, disk-0a1b2c3d4e5f6a7b8c9d, Bearer of bad news",
        "code": "MAX_TOKEN = tokenizer_of_some_long_name_here\nsk-your-key-goes-here-please\nAPI_KEY=os.environ['KEY']",
        "a git log": "commit 9fceb02d0ae598e95dc970b74767f19372d61af8\nAuthor: A <a@b.invalid>",
        "a placeholder": "OPENAI_API_KEY=your-api-key-goes-here-and-nowhere-else",
    }


@pytest.mark.parametrize("kind", ordinary_texts())
def test_ordinary_texts_hold_no_keys(kind: str) -> None:
    began = time.process_time()
    assert not holds_key([ordinary_texts()[kind]])
    assert time.process_time() - began < 1


def test_looking_takes_little_time_whatever_the_text() -> None:
    for text in (
        "a" * 500_000,
        "sk-" * 150_000,
        "A_" * 250_000,
        "eyJ" * 150_000,
        "-----BEGIN " * 50_000,
        "A" * 500_000,
    ):
        began = time.process_time()
        holds_key([text])
        assert time.process_time() - began < 1, text[:12]


def notices(events: list[Any]) -> list[str]:
    return [event.code for event in events if isinstance(event, Notice)]


@pytest.mark.parametrize("colour", COLOURS)
def test_it_is_said_once_and_sent_byte_for_byte(server: FakeServer, colour: str) -> None:
    server.play(GOOD)
    client = Client(base_url=server.base_url, model="m")
    reply, events = COLOURS[colour](client, H47)
    assert "key_in_prompt" in notices(events)
    assert "key_in_prompt" in [notice.code for notice in reply.notices]
    assert server.requests[0].json()["messages"][-1]["content"] == H47
    assert "sk-T" not in str(reply.to_dict())
    assert "key_in_prompt" not in notices(COLOURS[colour](client, H47)[1])
    assert len(server.requests) == 2


def test_a_registered_secret_counts_whatever_it_looks_like(server: FakeServer) -> None:
    server.play(GOOD)
    Secret("plain words as a key")
    client = Client(base_url=server.base_url, model="m")
    assert "key_in_prompt" not in notices(COLOURS["sync"](client, "plain words")[1])
    assert "key_in_prompt" in notices(COLOURS["sync"](client, [user("these are plain words as a key")])[1])


def test_a_failure_before_the_first_word_does_not_swallow_it(server: FakeServer) -> None:
    too_long = {"error": {"message": "This model's maximum context length is 8192 tokens."}}
    server.play_json(too_long, status=400)
    server.play(GOOD)
    client = Client(base_url=server.base_url, model="m")
    assert "key_in_prompt" in notices(COLOURS["sync"](client, H47)[1])
    assert len(server.requests) == 2


def test_it_is_said_of_a_failed_question_too(server: FakeServer) -> None:
    server.play_json({"error": {"message": "no"}}, status=400)
    with pytest.raises(MagistralError), Client(base_url=server.base_url, model="m").stream(H47) as stream:
        list(stream)
    assert "key_in_prompt" in [notice.code for notice in stream.reply.notices]


def test_a_look_at_a_prompt_says_it_each_time(server: FakeServer) -> None:
    for _ in range(2):
        assert "holds a key" in " ".join(Client("navigator").preview(H47).notices)
    assert "holds a key" not in " ".join(Client("navigator").preview("hi").notices)
    server.play(GOOD)
    _, events = COLOURS["sync"](Client(base_url=server.base_url, model="m"), H47)
    assert "key_in_prompt" in notices(events)
