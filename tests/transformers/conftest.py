"""What these tests share: folders with tiny models, and a client that is closed whatever happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import Client
from tests.transformers import tiny_models

GENERATING = "magistral-generating"
AskClient = Callable[..., Client]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test in this folder."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.transformers)


@pytest.fixture(scope="session", autouse=True)
def stay_here() -> Iterator[None]:
    """Ask the hub for nothing: everything that is loaded lies in a folder of ours."""
    from huggingface_hub import constants  # which has read the environment long ago

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        yield


@pytest.fixture(scope="session")
def llama_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a random Llama with a real tokenizer and its template."""
    return tiny_models.save_llama(tmp_path_factory.mktemp("tiny-llama"), tiny_models.smol_tokenizer())


@pytest.fixture(scope="session")
def other_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give another random Llama."""
    return tiny_models.save_llama(tmp_path_factory.mktemp("other-llama"), tiny_models.smol_tokenizer(), seed=7)


@pytest.fixture(scope="session")
def endless_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a random Llama with a window so large that it would talk for minutes."""
    tokenizer = tiny_models.smol_tokenizer()
    model = tiny_models.llama(tokenizer, window=100_000)
    return tiny_models.save_llama(tmp_path_factory.mktemp("endless-llama"), tokenizer, model=model)


@pytest.fixture(scope="session")
def magistral_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a tiny Magistral that has learned a few replies by heart."""
    tokenizer = tiny_models.magistral_tokenizer()
    model = tiny_models.learned_magistral(tokenizer)
    return tiny_models.save_llama(tmp_path_factory.mktemp("tiny-magistral"), tokenizer, model=model)


@pytest.fixture
def ask() -> Iterator[AskClient]:
    """Give a function that makes a client for a folder; all of them are closed in the end, and no thread is left."""
    clients: list[Client] = []

    def make(folder: Path, **settings: Any) -> Client:
        clients.append(Client("transformers", model=str(folder), **({"system": None} | settings)))
        return clients[-1]

    yield make
    for client in clients:
        client.close()
    assert seconds_until_idle() < 5


def seconds_until_idle(patience: float = 10.0) -> float:
    """Wait until no thread generates any more, and return how long that took."""
    began = time.monotonic()
    while any(thread.name == GENERATING for thread in threading.enumerate()):
        if time.monotonic() - began > patience:
            raise AssertionError("A thread still generates.")
        time.sleep(0.005)
    return time.monotonic() - began
