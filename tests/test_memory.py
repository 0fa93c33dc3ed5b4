"""What a model is told to need, what there is, and what is offered where it does not fit."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from magistral_nb.engine_options import Kv
from magistral_nb.errors import ConfigurationError
from magistral_nb.transports import machine
from magistral_nb.transports.gguf_file import GgufFile, read_gguf
from magistral_nb.transports.gpus import Card, unused_card_advice, usable_cards
from magistral_nb.transports.memory import OVERHEAD, Plan, Room, check_room, memory_text
from tests.gguf_writer import header, magistral, write

MIB = 1024**2
Q4_K_M = 14_333_908_832
"""The size of Magistral-Small-2509-Q4_K_M.gguf, in bytes."""


@pytest.fixture
def model(tmp_path: Path) -> GgufFile:
    """Give a file of Magistral Small's shape and size."""
    read = read_gguf(write(tmp_path / "Magistral-Small-2509-Q4_K_M.gguf", header(magistral())))
    return replace(read, size=Q4_K_M)


def plan(model: GgufFile, *, n_ctx: int = 40_960, kv: Kv = "f16", gpu_layers: int = 0) -> Plan:
    return Plan(model, n_ctx, kv, gpu_layers)


@pytest.mark.parametrize(
    ("shape", "n_ctx", "logged"),
    [
        # width, inner width; what llama.cpp of xllamacpp 2026.10.11549 logs as its compute buffer, in MiB.
        ((576, 1_536), 8_192, 22.64),
        ((5_120, 32_768), 8_192, 250.02),
        ((5_120, 32_768), 40_960, 282.02),
    ],
)
def test_the_buffers_are_as_large_as_llamacpp_says(
    model: GgufFile, shape: tuple[int, int], n_ctx: int, logged: float
) -> None:
    shaped = replace(model, width=shape[0], inner_width=shape[1], vocabulary=0)
    assert (plan(shaped, n_ctx=n_ctx).need.computing - OVERHEAD) / MIB == pytest.approx(logged, rel=0.01)


def test_the_text_tells_what_is_needed_for_what_and_what_there_is(model: GgufFile) -> None:
    text = memory_text(plan(model), Room(24_000_000_000))
    assert text.splitlines() == [
        "Magistral-Small-2509-Q4_K_M.gguf needs about 21.4 GB of memory: 14.3 GB for its weights, "
        "6.7 GB for a window of 40,960 tokens (f16), 0.4 GB to compute.",
        "This machine has 24.0 GB free.",
    ]
    with_card = memory_text(plan(model, gpu_layers=41), Room(64 * 10**9, (Card("RTX 4090", 24 * 10**9, False),)))
    assert with_card.endswith("All of its layers are on RTX 4090 (24.0 GB free).")


def test_a_file_that_does_not_tell_its_shape_is_told_so(model: GgufFile) -> None:
    text = memory_text(plan(replace(model, kv_numbers=None)), Room(24 * 10**9))
    assert "does not let us compute" in text


OFFER = re.compile(r'(?:n_ctx=(\d+))?(?:, )?(?:kv="(q8_0)")? \((\d+\.\d) GB\)')


@pytest.mark.parametrize("free", [20.5e9, 19e9, 17e9, 16e9])
def test_offers_fit_and_the_next_larger_window_does_not(model: GgufFile, free: float) -> None:
    room = Room(int(free))
    with pytest.raises(ConfigurationError, match=r"needs about 21\.4 GB.*This machine has") as caught:
        check_room(plan(model), room)
    offers = [found for found in OFFER.findall(caught.value.hint) if found[0] or found[1]]
    assert offers
    for n_ctx, kv, _ in offers:
        offered = plan(model, n_ctx=int(n_ctx or 40_960), kv="q8_0" if kv else "f16")
        assert room.fits(offered)
        check_room(offered, room)
        if n_ctx:
            assert not room.fits(replace(offered, n_ctx=offered.n_ctx + 1_024))
    assert "check_memory=False" in caught.value.hint


def test_where_the_weights_alone_are_too_large_a_smaller_file_is_offered(model: GgufFile) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_room(plan(model), Room(10 * 10**9))
    assert "n_ctx=" not in caught.value.hint
    found = re.search(r"a file of up to (\d+\.\d) GB", caught.value.hint)
    assert found
    smaller = replace(model, size=int(float(found[1]) * 1e9) - 10**8)
    assert Room(10 * 10**9).fits(plan(smaller, n_ctx=8_192, kv="q8_0"))


def test_what_fits_raises_nothing(model: GgufFile) -> None:
    check_room(plan(model), Room(22 * 10**9))


def test_a_card_that_is_too_small_gets_some_of_the_layers(model: GgufFile) -> None:
    room = Room(64 * 10**9, (Card("RTX 4080", 16 * 10**9, False),))
    with pytest.raises(ConfigurationError) as caught:
        check_room(plan(model, gpu_layers=41), room)
    layers = re.search(r"gpu_layers=(\d+)", caught.value.hint)
    assert layers
    assert room.fits(plan(model, gpu_layers=int(layers[1])))
    assert not room.fits(plan(model, gpu_layers=int(layers[1]) + 1))


def test_a_card_that_shares_the_machines_memory_is_not_counted_twice(model: GgufFile) -> None:
    apple = Card("Apple M2", 30 * 10**9, shared=True)
    assert Room(32 * 10**9, (apple,)).fits(plan(model, gpu_layers=41))
    assert not Room(16 * 10**9, (apple,)).fits(plan(model, gpu_layers=41))
    assert Room(16 * 10**9, (replace(apple, shared=False),)).fits(plan(model, gpu_layers=41))


def test_free_memory_is_what_the_system_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "_OWN_GROUPS", tmp_path / "none")
    assert machine.free_memory() == pytest.approx(psutil.virtual_memory().available, rel=0.1)
    assert 1 <= machine.processors() <= (psutil.cpu_count() or 1)


def control_group(folder: Path, names: tuple[str, str, str], limit: str, used: int, cached: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {cached}\n")


@pytest.mark.parametrize(
    ("line", "root", "names"),
    [
        ("0::/job/step\n", "", ("memory.max", "memory.current", "inactive_file")),
        (
            "4:cpu,memory:/job/step\n0::/\n",
            "memory",
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ),
    ],
)
def test_the_limit_of_a_container_or_of_a_group_above_it_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str, root: str, names: tuple[str, str, str]
) -> None:
    (tmp_path / "own").write_text(line)
    monkeypatch.setattr(machine, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path / "groups")
    top = tmp_path / "groups" / root
    control_group(top / "job" / "step", names, "max", 1_000_000, 0)
    control_group(top / "job", names, "5000000", 3_000_000, 500_000)
    assert machine.free_memory() == 2_500_000
    control_group(top / "job" / "step", names, "1500000", 1_000_000, 0)
    assert machine.free_memory() == 500_000
    control_group(top / "job", names, "5000000", 9_000_000, 0)
    assert machine.free_memory() == 0


class Kinds:
    GGML_BACKEND_DEVICE_TYPE_CPU, GGML_BACKEND_DEVICE_TYPE_GPU, GGML_BACKEND_DEVICE_TYPE_IGPU = range(3)


def build(*devices: tuple[int, str, int]) -> SimpleNamespace:
    """A build of xllamacpp that sees these devices; there is no graphics card where this project is built."""
    told = [{"type": kind, "name": "X", "description": name, "memory_free": free} for kind, name, free in devices]
    return SimpleNamespace(ggml_backend_dev_type=Kinds, get_device_info=lambda: told)


def test_cards_are_what_the_build_sees_and_processors_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    seen = usable_cards(build((0, "Xeon", 9), (1, "RTX 4090", 24), (2, "Iris", 8)))
    assert seen == (Card("RTX 4090", 24, False), Card("Iris", 8, True))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert usable_cards(build((1, "Apple M2", 22))) == (Card("Apple M2", 22, True),)


@pytest.mark.parametrize(
    ("there", "words"),
    [("/dev/nvidia0", "NVIDIA.*xllamacpp/whl/cu128"), ("/dev/kfd", "AMD.*xllamacpp/whl/rocm"), ("", "")],
)
def test_an_unused_card_is_named_with_the_command_that_makes_it_useful(
    monkeypatch: pytest.MonkeyPatch, there: str, words: str
) -> None:
    monkeypatch.setattr(os.path, "exists", lambda path: path == there)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "platform", "linux")
    advice = unused_card_advice()
    assert re.search(words, advice) if words else advice == ""


def test_an_unused_chip_of_apple_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert "Apple" in unused_card_advice()
    assert "--index-url" not in unused_card_advice()
