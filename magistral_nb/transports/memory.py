"""What a model will need in memory, what there is, and what would fit instead: told before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from magistral_nb.engine_options import Kv
from magistral_nb.errors import ConfigurationError
from magistral_nb.transports.gguf_file import GgufFile
from magistral_nb.transports.gpus import Card

BATCH = 512
"""How many tokens llama.cpp reads at once."""
OVERHEAD = 64 * 1024**2
"""Connections, the vocabulary, and what is never counted, in bytes; measured, between 45 and 60 MB."""
_LEAST_WINDOW = 2_048
_WINDOW_STEP = 1_024


@dataclass(frozen=True, slots=True)
class Need:
    """What a model needs, in bytes: for its weights, for the cache of its window, and for computing."""

    weights: int
    cache: int
    computing: int

    @property
    def total(self) -> int:
        """All of it, in bytes."""
        return self.weights + self.cache + self.computing


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model is to be loaded. n_ctx in tokens; gpu_layers of its layers on graphics cards."""

    model: GgufFile
    n_ctx: int
    kv: Kv
    gpu_layers: int

    @property
    def need(self) -> Need:
        """What it will need in all.

        The buffers for computing are llama.cpp's: for each token of a batch, three inner layers and five layers in
        32 bits, and a mask over the window in 16. That is what it logs (`compute buffer size`), to the megabyte.
        """
        model = self.model
        buffers = BATCH * (4 * (3 * model.inner_width + 5 * model.width) + 2 * self.n_ctx)
        return Need(model.size, model.cache_bytes(self.n_ctx, self.kv), buffers + 4 * model.vocabulary + OVERHEAD)

    def needs(self, *, shared: bool) -> tuple[int, int]:
        """Return the bytes needed of the machine's memory, and of the cards'; `shared` says that they are one."""
        need = self.need
        of_cards = self._share * (need.weights + need.cache) + (need.computing if self.gpu_layers else 0)
        of_machine = need.total if shared else (1 - self._share) * (need.weights + need.cache) + need.computing
        return int(of_machine), int(of_cards)

    @property
    def _share(self) -> float:
        """How much of the model is on cards. What follows the last layer counts as one layer."""
        if not self.gpu_layers:
            return 0.0
        return min(1.0, self.gpu_layers / (self.model.layers + 1)) if self.model.layers else 1.0


@dataclass(frozen=True, slots=True)
class Room:
    """What there is: the machine's free memory, in bytes, and the cards that llama.cpp can use."""

    free: int
    cards: tuple[Card, ...] = ()

    def fits(self, plan: Plan) -> bool:
        """Tell whether there is room for a plan."""
        of_machine, of_cards = plan.needs(shared=any(card.shared for card in self.cards))
        return of_machine <= self.free and of_cards <= sum(card.free for card in self.cards)


def memory_text(plan: Plan, room: Room) -> str:
    """Return, in a few lines, what a model will need and what there is."""
    need = plan.need
    window = f"{gigabytes(need.cache)} for a window of {plan.n_ctx:,} tokens ({plan.kv})"
    if not need.cache:
        window = f"more for a window of {plan.n_ctx:,} tokens, which its file does not let us compute"
    parts = f"{gigabytes(need.weights)} for its weights, {window}, {gigabytes(need.computing)} to compute"
    lines = [f"{plan.model.paths[0].name} needs about {gigabytes(need.total)} of memory: {parts}."]
    lines.append(f"This machine has {gigabytes(room.free)} free.")
    if room.cards:
        free = ", ".join(f"{card.name} ({gigabytes(card.free)} free)" for card in room.cards)
        layers = _layers_text(plan)
        lines.append(f"{layers} on {free}.")
    return "\n".join(lines)


def check_room(plan: Plan, room: Room) -> None:
    """Raise ConfigurationError, with offers that fit, if there is no room for a plan."""
    if room.fits(plan):
        return
    offers = list(_offers(plan, room))
    raise ConfigurationError(
        f"There is not enough memory. {' '.join(memory_text(plan, room).splitlines())}",
        hint=f"What would fit: {'; or '.join(offers)}. check_memory=False loads it in any case.",
    )


def gigabytes(count: float) -> str:
    """Return a number of bytes as people say it.

    >>> gigabytes(14_333_908_832), gigabytes(98_362_432)
    ('14.3 GB', '0.1 GB')
    """
    return f"{max(count, 0.05e9) / 1e9:.1f} GB" if count else "0 GB"


def _layers_text(plan: Plan) -> str:
    layers = plan.model.layers
    if not plan.gpu_layers:
        return "None of its layers are"
    if layers is None or plan.gpu_layers > layers:
        return "All of its layers are"
    return f"{plan.gpu_layers} of its {layers} layers are"


def _offers(plan: Plan, room: Room) -> Iterator[str]:
    small_cache = replace(plan, kv="q8_0")
    if plan.kv != "q8_0" and plan.need.cache and room.fits(small_cache):
        yield f'kv="q8_0" ({gigabytes(small_cache.need.total)})'
    elif plan.kv != "q8_0" and (window := _widest(small_cache, room)):
        yield f'n_ctx={window}, kv="q8_0" ({gigabytes(replace(small_cache, n_ctx=window).need.total)})'
    if window := _widest(plan, room):
        yield f"n_ctx={window} ({gigabytes(replace(plan, n_ctx=window).need.total)})"
    if layers := _most_layers(plan, room):
        yield f"gpu_layers={layers}, and the rest on the processor"
    # The cache and the buffers of a small window stay; what is left may hold weights.
    rest = replace(small_cache, n_ctx=min(plan.n_ctx, 8 * _WINDOW_STEP)).need
    largest = room.free - rest.cache - rest.computing
    if plan.model.size > largest > 0.2e9:
        yield f"a smaller version of the model (a file of up to {gigabytes(largest)}), such as with fewer bits"
    elif plan.model.size > largest:
        yield "a smaller model, on a machine with more memory, or asked on a server (docs/providers)"


def _widest(plan: Plan, room: Room) -> int | None:
    """Return the widest window that fits, in whole steps; None if not even a small one does."""
    for n_ctx in range(plan.n_ctx // _WINDOW_STEP * _WINDOW_STEP, _LEAST_WINDOW - 1, -_WINDOW_STEP):
        if n_ctx < plan.n_ctx and room.fits(replace(plan, n_ctx=n_ctx)):
            return n_ctx
    return None


def _most_layers(plan: Plan, room: Room) -> int | None:
    layers = min(plan.gpu_layers, plan.model.layers or 0)
    return next((n for n in range(layers, 0, -1) if room.fits(replace(plan, gpu_layers=n))), None)
