"""What a model needs before it is loaded: safetensors files, and room for its weights."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from magistral_nb.errors import ConfigurationError
from magistral_nb.transports.machine import free_memory

BYTES_IN_4BIT = 0.516
"""Of a weight in NF4 with double quantisation: half a byte, and a share of the scales of its block."""
_SIZES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
_GB = 1e9
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack")


@dataclass(frozen=True, slots=True)
class Weights:
    """How many weights a model has. `matrices` become smaller in 4 bits, `others` do not; `stored` is in bytes."""

    matrices: int
    others: int
    stored: int

    @property
    def count(self) -> int:
        """All of them."""
        return self.matrices + self.others

    def bytes_needed(self, dtype: str, *, load_in_4bit: bool) -> int:
        """Return the room that they take in memory; `dtype` is a type's name, or "auto" for that of the files."""
        if load_in_4bit:
            return round(self.matrices * BYTES_IN_4BIT + self.others * 2)
        size = _SIZES.get(dtype)
        return self.count * size if size else self.stored


@dataclass(frozen=True, slots=True)
class Needs:
    """What a model needs, in words for whoever waits; `fits` is whether there is room, or None if nobody knows."""

    text: str
    fits: bool | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """The memory in which a model will be, in bytes: how much is free, and how much there is at all."""

    where: str
    free: int
    total: int


def weights_of(place: str, gguf_file: str | None = None) -> Weights | None:
    """Return what a model's files say of its weights, without loading them; None if nobody knows.

    `place` is a folder, or a name on the hub, which is asked unless the files are in its cache already. Raises
    ConfigurationError if there are no safetensors files: others can run code as they are read.
    """
    if gguf_file is not None:
        return _of_gguf(Path(place, gguf_file))
    from huggingface_hub import errors

    folder = Path(place) if Path(place).is_dir() else _cached(place)
    try:
        return _of_safetensors(folder, place)
    except errors.NotASafetensorsRepoError as error:
        found = sorted({file.name for pattern in _PICKLES for file in folder.glob(pattern)}) if folder else []
        only = f", only {', '.join(found[:4])}" if found else ""
        raise ConfigurationError(
            f"{shown(place)} has no model.safetensors{only}.",
            hint=(
                "Only safetensors files are loaded: reading the others can run code that somebody put there. "
                "Look for a version of the model in safetensors, or convert it where that can do no harm."
            ),
        ) from error


def check_needs(name: str, weights: Weights | None, arguments: dict[str, Any], *, load_in_4bit: bool) -> Needs:
    """Return what a model needs, in words. Raises ConfigurationError if this machine cannot ever hold it."""
    if weights is None:
        return Needs(f"Loading {name}; how much memory it needs is not known before")
    dtype = str(arguments["dtype"])
    needed = weights.bytes_needed(dtype, load_in_4bit=load_in_4bit)
    room = free_room(arguments.get("device_map"))
    kind = "4 bits" if load_in_4bit else "its files' type" if dtype == "auto" else dtype
    text = f"Loading {name}: {_many(weights.count)} weights, about {_gigabytes(needed)} in {kind}"
    if room is None:
        return Needs(text)
    text = f"{text}; {_gigabytes(room.free)} of {room.where} are free"
    if needed <= room.free:
        return Needs(text, fits=True)
    smaller = _gigabytes(weights.bytes_needed(dtype, load_in_4bit=True))
    hint = "" if load_in_4bit else f"In 4 bits it needs about {smaller} (load_in_4bit=True). "
    if room.where == MAIN and needed > room.total:
        there_are = f"and there are {_gigabytes(room.total)} of {MAIN}"
        raise ConfigurationError(
            f"{name} does not fit: it needs about {_gigabytes(needed)}, {there_are}.",
            hint=f"{hint}Or ask a server: `Client()` knows many.",
        )
    return Needs(f"{text}, which is not enough: it may be slow or fail. {hint}".strip(), fits=False)


MAIN = "main memory"


def shown(name: str) -> str:
    """Return how a model is called in a line for people: of a path its last part only."""
    return Path(name).name if Path(name).expanduser().exists() else name


def free_room(device_map: Any) -> Room | None:
    """Return the memory that a device map means, or None if it is one of its own."""
    import torch

    on_card = device_map == "mps" or torch.cuda.is_available()
    if device_map in (None, "cpu") or (isinstance(device_map, str) and not on_card):
        import psutil

        return Room(MAIN, free_memory(), psutil.virtual_memory().total + psutil.swap_memory().total)
    if device_map == "mps":
        total = torch.mps.recommended_max_memory()
        return Room("the graphics memory", total - torch.mps.current_allocated_memory(), total)
    if isinstance(device_map, str):
        sizes = [torch.cuda.mem_get_info(number) for number in range(torch.cuda.device_count())]
        return Room("the graphics memory", sum(free for free, _ in sizes), sum(total for _, total in sizes))
    return None


def _of_safetensors(folder: Path | None, name: str) -> Weights | None:
    import huggingface_hub
    from huggingface_hub import errors

    try:
        found = (
            huggingface_hub.get_local_safetensors_metadata(folder)
            if folder
            else huggingface_hub.get_safetensors_metadata(name)
        )
    except (errors.HfHubHTTPError, errors.OfflineModeIsEnabled, OSError):
        return None  # loading will say in its own words what is wrong
    tensors = [(key, tensor) for file in found.files_metadata.values() for key, tensor in file.tensors.items()]
    return _weights([(key, tuple(tensor.shape), _length(tensor.data_offsets)) for key, tensor in tensors])


def _of_gguf(path: Path) -> Weights:
    """Count the weights of a GGUF file. `transformers` unpacks them all: to 4 bytes each, if nothing else is asked."""
    from gguf import GGUFReader

    shapes = [(str(tensor.name), tuple(int(side) for side in tensor.shape)) for tensor in GGUFReader(path).tensors]
    return _weights([(key, shape, 4 * prod(shape)) for key, shape in shapes])


def _weights(tensors: list[tuple[str, tuple[int, ...], int]]) -> Weights:
    shrinks = [len(shape) >= 2 and not _stays(key) for key, shape, _ in tensors]
    counts = [prod(shape) for _, shape, _ in tensors]
    matrices = sum(count for count, small in zip(counts, shrinks, strict=True) if small)
    return Weights(matrices, sum(counts) - matrices, sum(size for *_, size in tensors))


def _stays(name: str) -> bool:
    """Tell whether bitsandbytes leaves a tensor as it is: words go in and come out at full size."""
    return any(part in name for part in ("embed", "lm_head", "token_embd", "output.weight"))


def _cached(name: str) -> Path | None:
    """Return the folder in which the hub's cache has a model's weights already."""
    import huggingface_hub

    for file in ("model.safetensors", "model.safetensors.index.json"):
        found = huggingface_hub.try_to_load_from_cache(name, file)
        if isinstance(found, str):
            return Path(found).parent
    return None


def _length(offsets: tuple[int, int]) -> int:
    begin, end = offsets
    return end - begin


def _many(count: int) -> str:
    if count >= 1e9:
        return f"{count / 1e9:.1f} billion"
    return f"{count / 1e6:.0f} million" if count >= 1e6 else f"{count:,}"


def _gigabytes(size: int) -> str:
    return f"{size / _GB:.1f} GB" if size >= 0.1 * _GB else f"{size / 1e6:.1f} MB"
