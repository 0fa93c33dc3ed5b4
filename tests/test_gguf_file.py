"""What a GGUF file says of itself, and what a user reads whose file is damaged, cut, or made to do harm."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from magistral_nb.errors import ConfigurationError
from magistral_nb.transports.gguf_file import read_gguf
from magistral_nb.transports.model_files import find_model, models_in
from tests.gguf_writer import CONTROL, NORMAL, USER_DEFINED, header, magistral, text, write


def test_a_header_tells_shape_window_template_and_control_words(tmp_path: Path) -> None:
    model = read_gguf(write(tmp_path / "m.gguf", header(magistral())))
    assert (model.architecture, model.layers, model.context) == ("llama", 40, 131_072)
    assert model.kv_numbers == 40 * 8 * (128 + 128)
    assert model.cache_bytes(40_960, "f16") == 40_960 * 40 * 2_048 * 2
    assert model.cache_bytes(32, "q8_0") == 40 * 2_048 * 34
    assert model.controls == ("<s>", "</s>", "[INST]", "[THINK]", "[/THINK]")
    assert model.vocabulary == 6
    assert model.template
    assert model.size == (tmp_path / "m.gguf").stat().st_size


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    paths = write(tmp_path / "m.gguf", header(magistral()))
    assert read_gguf(paths).layers == 40
    write(tmp_path / "m.gguf", header(magistral(llama__block_count=3)))
    assert read_gguf(paths).layers == 3


def test_user_defined_words_count_only_if_they_look_like_signs(tmp_path: Path) -> None:
    words = ["a", "<|im_end|>", "\n\n", "<table>", "<think>", "[TOOL_CALLS]"]
    kinds = [NORMAL, CONTROL, USER_DEFINED, USER_DEFINED, USER_DEFINED, USER_DEFINED]
    entries = magistral(tokenizer__ggml__tokens=words, tokenizer__ggml__token_type=kinds)
    model = read_gguf(write(tmp_path / "m.gguf", header(entries)))
    assert model.controls == ("<|im_end|>", "<think>", "[TOOL_CALLS]")


@pytest.mark.parametrize(
    ("file", "name", "controls", "revision"),
    [
        ("Magistral-Small-2509-Q4_K_M", "x", (), "2509"),
        ("model", "Magistral Small 2507", (), "2507"),
        ("Magistral-Small-1.2-Q8_0", "x", (), "2509"),
        ("magistral", "Magistral", ("[THINK]",), "2507"),
        ("magistral", "Magistral", ("<s>",), "2506"),
        ("SmolLM2-135M-Instruct", "Smollm2", ("[THINK]",), None),
        ("my-model-2509", "something", ("[THINK]",), None),
    ],
)
def test_the_revision_is_told_from_names_and_vocabulary(
    tmp_path: Path, file: str, name: str, controls: tuple[str, ...], revision: str | None
) -> None:
    words, kinds = ["a", *controls], [NORMAL, *[CONTROL] * len(controls)]
    entries = magistral(tokenizer__ggml__tokens=words, tokenizer__ggml__token_type=kinds, general__name=name)
    assert read_gguf(write(tmp_path / f"{file}.gguf", header(entries))).revision == revision


def test_the_window_is_the_models_own_at_most(tmp_path: Path) -> None:
    small = read_gguf(write(tmp_path / "m.gguf", header(magistral(llama__context_length=8_192))))
    assert small.window(None, default=40_960) == 8_192
    assert small.window(4_096, default=40_960) == 4_096
    with pytest.raises(ConfigurationError, match=r"trained with a window of 8,192.*n_ctx=8192"):
        small.window(9_000, default=40_960)


def entries(**more: object) -> bytes:
    return header(magistral(**more))  # type: ignore[arg-type]  # wrong values on purpose


HOSTILE = {
    "empty": (b"", "does not begin with"),
    "a web page": (b"<!DOCTYPE html><html>", "web page"),
    "only the first letters": (b"GGUF", "damaged"),
    "half a count": (b"GGUF" + struct.pack("<I", 3) + b"\1\0", "damaged"),
    "an old version": (header(magistral(), version=1), "reads no more"),
    "a version to come": (header(magistral(), version=9), "version 9"),
    "another byte order": (b"GGUF" + struct.pack(">IQQ", 3, 1, 1), "byte order"),
    "absurdly many entries": (header(magistral(), counted=2**63), "makes no sense"),
    "absurdly many weights": (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0), "makes no sense"),
    "an endless name": (b"GGUF" + struct.pack("<IQQQ", 3, 1, 1, 2**62), "makes no sense"),
    "an endless text": (
        b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + text("general.name") + struct.pack("<IQ", 8, 2**63),
        "makes no sense",
    ),
    "a list of endless texts": (
        b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + text("a") + struct.pack("<IIQQ", 9, 8, 9, 2**63) + bytes(99),
        "makes no sense",
    ),
    "a list of a billion texts": (
        b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + text("a") + struct.pack("<IIQ", 9, 8, 10**9) + bytes(999),
        "makes no sense",
    ),
    "a list of lists": (
        b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + text("a") + struct.pack("<IIQ", 9, 9, 2) + bytes(99),
        "makes no sense",
    ),
    "an unknown type": (
        b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + text("a") + struct.pack("<I", 77) + bytes(99),
        "makes no sense",
    ),
    "weights cut off": (header(magistral(), tensors=5, weights=100), "last weights are missing"),
    "no weights": (header(magistral(), tensors=0), "no weights"),
    "an adapter": (entries(general__type="adapter"), r"adapter \(LoRA\)"),
    "eyes without a model": (entries(general__architecture="clip"), "sees pictures"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_or_damaged_header_is_refused_at_once_and_by_name(tmp_path: Path, name: str) -> None:
    data, words = HOSTILE[name]
    began = time.perf_counter()
    with pytest.raises(ConfigurationError, match=words) as caught:
        read_gguf(write(tmp_path / "m.gguf", data))
    assert time.perf_counter() - began < 1
    assert "m.gguf" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "wrong",
    [
        {"llama__block_count": "forty"},
        {"llama__attention__head_count": 0},
        {"llama__attention__head_count_kv": [8, 0, 8]},
        {"llama__context_length": -1 & 0xFFFFFFFF},
        {"llama__embedding_length": True},
        {"tokenizer__chat_template": 7},
        {"tokenizer__ggml__token_type": [3]},
    ],
)
def test_nonsense_in_a_value_is_not_believed_and_nothing_breaks(tmp_path: Path, wrong: dict[str, object]) -> None:
    model = read_gguf(write(tmp_path / "m.gguf", entries(**wrong)))
    assert model.cache_bytes(1_024, "f16") >= 0
    assert model.template is None or isinstance(model.template, str)


WHOLE = header(magistral())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=2_000, max_examples=150)
@given(end=st.integers(0, len(WHOLE) - 65))
def test_a_header_cut_anywhere_is_refused(tmp_path: Path, end: int) -> None:
    with pytest.raises(ConfigurationError):
        read_gguf(write(tmp_path / "cut.gguf", WHOLE[:end]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=2_000, max_examples=150)
@given(at=st.integers(4, len(WHOLE) - 65), junk=st.binary(min_size=1, max_size=12))
def test_junk_anywhere_in_a_header_ends_in_an_answer_or_our_own_error(tmp_path: Path, at: int, junk: bytes) -> None:
    data = WHOLE[:at] + junk + WHOLE[at + len(junk) :]
    try:
        model = read_gguf(write(tmp_path / "junk.gguf", data))
    except ConfigurationError:
        return
    assert model.cache_bytes(1_024, "f16") >= 0


def test_a_model_is_found_by_path_by_home_by_folder_and_by_any_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "models"
    folder.mkdir()
    one = folder / "one.gguf"
    one.write_bytes(b"GGUF")
    assert find_model(str(one)) == find_model("~/models/one.gguf") == find_model("models/one.gguf") == (one,)
    assert find_model("models") == (one,)
    one.unlink()
    parts = tuple(folder / f"big-{n:05}-of-00003.gguf" for n in (1, 2, 3))
    for part in (*parts, folder / "mmproj-big.gguf"):
        part.write_bytes(b"GGUF")
    assert models_in(folder) == [parts[0]]
    assert find_model("models") == find_model(str(parts[2])) == parts
    parts[1].unlink()
    with pytest.raises(ConfigurationError, match=r"big-00002-of-00003\.gguf is not there"):
        find_model(str(parts[0]))


def test_a_wrong_path_says_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "Magistral-Small-2509-Q4_K_M.gguf").write_bytes(b"GGUF")
    with pytest.raises(ConfigurationError, match=r"Did you mean Magistral-Small-2509-Q4_K_M\.gguf"):
        find_model(str(tmp_path / "Magistral-Small-2509-Q4_K.gguf"))
    with pytest.raises(ConfigurationError, match=r"In that folder are: Magistral-Small-2509-Q4_K_M\.gguf"):
        find_model(str(tmp_path / "x"))
    with pytest.raises(ConfigurationError, match="no such folder"):
        find_model(str(tmp_path / "no" / "x.gguf"))
    with pytest.raises(ConfigurationError, match="cannot be the path"):
        find_model("~nobody-of-this-name/x.gguf")
    (tmp_path / "two.gguf").write_bytes(b"GGUF")
    with pytest.raises(ConfigurationError, match="more than one model"):
        find_model(str(tmp_path))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ConfigurationError, match="holds no GGUF"):
        find_model(str(empty))
