"""Options of engines in this process: which exist, what they may be, and for whom they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from magistral_nb import Client, ConfigurationError
from magistral_nb.choosing import choose_endpoint
from magistral_nb.connecting import look_at_model, with_options
from magistral_nb.engine_options import USED_BY, EngineOptions, checked_options
from tests.gguf_writer import header, magistral, write


@pytest.mark.parametrize(
    ("misspelt", "meant"), [("n_ctxx", "n_ctx"), ("temprature", "temperature"), ("baseurl", "base_url")]
)
def test_an_unknown_keyword_is_a_type_error_with_a_guess(misspelt: str, meant: str) -> None:
    with pytest.raises(TypeError, match=rf"unexpected keyword argument '{misspelt}'. Did you mean '{meant}'\?"):
        Client("gguf", **{misspelt: 1})  # type: ignore[arg-type]  # wrong on purpose


def test_a_keyword_like_no_other_gets_no_guess() -> None:
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'zzzzzz'$"):
        Client("gguf", zzzzzz=1)  # type: ignore[call-arg]  # wrong on purpose


WRONG: list[tuple[str, object]] = [
    ("n_ctx", 0), ("n_ctx", True), ("n_ctx", 4096.0), ("n_ctx", "8192"), ("n_ctx", 2**40), ("kv", "q4"), ("kv", None),
    ("gpu_layers", -2), ("threads", 0), ("check_memory", 1), ("load_in_4bit", "yes"), ("dtype", ""), ("device_map", 3),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_value_that_cannot_be_meant_is_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=rf"{name} is .*It must be"):
        checked_options({name: value})


def test_every_option_is_checked_and_is_of_use_to_some_engine() -> None:
    assert set(USED_BY) == set(EngineOptions.__annotations__)
    good: dict[str, Any] = {
        "n_ctx": 8_192, "kv": "q8_0", "gpu_layers": -1, "threads": 4, "check_memory": False,
        "device_map": "auto", "dtype": "bfloat16", "load_in_4bit": True,
    }  # fmt: skip
    assert checked_options(good) == good
    assert all(USED_BY.values())


def test_an_option_of_no_use_says_for_whom_it_is() -> None:
    for client in (Client("vllm", n_ctx=8_192), Client(base_url="http://127.0.0.1:9/v1", model="m", n_ctx=8_192)):
        with pytest.raises(ConfigurationError, match=r"no use for n_ctx=.*'gguf'.*'demo'"):
            client.chat("x")
    with pytest.raises(ConfigurationError, match=r"no use for gpu_layers=.*It is for 'gguf'\."):
        Client("demo", gpu_layers=1).chat("x")


def test_the_window_asked_for_is_the_endpoints_and_the_demos_is_bounded() -> None:
    assert Client("gguf", n_ctx=16_384).endpoint.context == 16_384
    assert Client("gguf").endpoint.context == 40_960
    assert Client("demo", n_ctx=2_048).endpoint.context == 2_048
    with pytest.raises(ConfigurationError, match=r"n_ctx is 9,000.*8,192"):
        Client("demo", n_ctx=9_000).chat("x")


def test_a_client_that_adopts_another_endpoint_keeps_its_options() -> None:
    client = Client("gguf", n_ctx=4_096)
    client.adopt(choose_endpoint("demo", None, env={}))
    assert client.endpoint.context == 4_096
    with pytest.raises(ConfigurationError, match="no use for"):
        client.adopt(choose_endpoint("vllm", None, env={}))


def test_what_a_file_says_of_itself_becomes_the_endpoints(tmp_path: Path) -> None:
    row = Client("gguf").endpoint
    known = str(write(tmp_path / "Magistral-Small-2509-Q4_K_M.gguf", header(magistral()))[0])
    small = header(magistral(general__name="Some Chat Model", llama__context_length=8_192))
    other = str(write(tmp_path / "some-chat-model.gguf", small)[0])
    seen = look_at_model(row, known, None, {})
    assert (seen.context, seen.revision, seen.system) == (40_960, "2509", True)
    seen = look_at_model(row, other, None, {})
    assert (seen.context, seen.revision, seen.system) == (8_192, None, False)
    seen = look_at_model(row, other, "2507", {})
    assert (seen.revision, seen.system) == ("2507", True)
    with pytest.raises(ConfigurationError, match="trained with a window of 8,192"):
        look_at_model(row, other, None, {"n_ctx": 9_000})


def test_options_leave_other_endpoints_as_they_are() -> None:
    choice = choose_endpoint("vllm", None, env={})
    assert with_options(choice, {}) is choice


def test_no_model_and_a_wrong_path_are_said_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"No model was named for gguf.*model='~/models"):
        Client("gguf").chat("x")
    with pytest.raises(ConfigurationError, match="There is no model file"):
        Client("gguf", model=str(tmp_path / "nothing.gguf")).chat("x")


def test_models_are_the_files_in_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b.gguf", "a.gguf", "mmproj-a.gguf", "notes.txt"):
        (tmp_path / name).write_bytes(b"GGUF")
    assert Client("gguf").models() == ["a.gguf", "b.gguf"]
