"""Engines of llama.cpp in this process: how one is loaded, weighed against what the machine has left."""

from __future__ import annotations

import atexit
import threading
from dataclasses import dataclass, replace

from magistral_nb.errors import ConfigurationError
from magistral_nb.transports.gguf_file import read_gguf
from magistral_nb.transports.gpus import Card, unused_card_advice, usable_cards
from magistral_nb.transports.llamacpp_engine import Engine, Load, import_xllamacpp
from magistral_nb.transports.machine import free_memory
from magistral_nb.transports.memory import Plan, Room, check_room, memory_text
from magistral_nb.transports.own_spelling import OwnSpelling, confirm_spelling, decide_spelling, probes_of
from magistral_nb.transports.own_tokens import OwnTokens
from magistral_nb.transports.sharing import Loan, Shared, Shelf

_ALL_LAYERS = 9_999
"""What llama.cpp takes for all, where a file does not say how many it has."""


@dataclass
class News:
    """What there is to tell while an engine is loading; one thread writes it, others read.

    progress : how much of the file has been read, from 0 to 1. notices : (code, text) for the first replies.
    """

    text: str = ""
    progress: float | None = None
    notices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Loaded:
    """An engine, and how requests to it are spelled; None leaves them as they are."""

    engine: Engine
    spelling: OwnSpelling | OwnTokens | None


SharedEngine = Shared[Load, News, Loaded]
"""An engine of this process, loading or loaded, and how many transports use it."""


def _stop(loaded: Loaded) -> None:
    loaded.engine.stop()


SHELF: Shelf[Load, News, Loaded] = Shelf(_stop)
stop_all = atexit.register(SHELF.free_all)
_one_at_a_time = threading.Lock()
"""Held while a file of the user's own is weighed and loaded: the next one is weighed against what is left then."""


class _NobodyWaits(Exception):
    """Whoever asked for an engine has closed."""


def borrow(load: Load) -> Loan[Load, News, Loaded]:
    """Lend the engine for a load, started if need be. It may still be loading."""
    return SHELF.borrow(load, News, _start)


def _start(shared: SharedEngine) -> Loaded:
    _import_what_questions_need()
    return _load_own(shared) if shared.key.is_own else Loaded(_engine(shared, gpu_layers=0), None)


def _import_what_questions_need() -> None:
    """Import here what the asking thread would import next.

    An interrupt that strikes the main thread within an import can leave Python's lock on imports locked for ever
    (seen with 3.11); in this thread none strikes.
    """
    import httpx2  # noqa: F401
    import openai.resources.chat.completions  # noqa: F401

    from magistral_nb.transports import clocked_network, http  # noqa: F401


def _load_own(shared: SharedEngine) -> Loaded:
    """Load a file of the user's own: look at its template, weigh it, tell, load, and look at its template again."""
    model = read_gguf(shared.key.paths)
    spelling = decide_spelling(model)
    with _one_at_a_time:
        layers = _weigh(shared.key, shared.news)
        engine = _engine(shared, gpu_layers=layers)
    if isinstance(spelling, OwnTokens):
        return Loaded(engine, spelling)
    try:
        return Loaded(engine, confirm_spelling(model, engine.render(probes_of(model))))
    except BaseException:
        engine.stop()
        raise


def _engine(shared: SharedEngine, *, gpu_layers: int) -> Engine:
    def on_progress(done: float) -> None:
        if shared.users == 0:
            raise _NobodyWaits
        shared.news.progress = done

    return Engine(replace(shared.key, gpu_layers=gpu_layers), on_progress=on_progress)


def _weigh(load: Load, news: News) -> int:
    """Tell what a model needs and what there is, and return how many of its layers go to graphics cards."""
    model, cards = read_gguf(load.paths), usable_cards(import_xllamacpp())
    advice = "" if cards else unused_card_advice()
    plan = Plan(model, load.context, load.kv, _gpu_layers(load, model.layers, cards, advice))
    room = Room(free_memory(), cards)
    news.text = "\n".join(filter(None, [memory_text(plan, room), advice]))
    news.notices = (("no_gpu_build", advice),) if advice else ()
    if load.check_memory:
        check_room(plan, room)
    return plan.gpu_layers


def _gpu_layers(load: Load, layers: int | None, cards: tuple[Card, ...], advice: str) -> int:
    every = layers + 1 if layers else _ALL_LAYERS
    asked = load.gpu_layers
    if asked and not cards:
        raise ConfigurationError(
            f"gpu_layers is {asked}, and the installed xllamacpp sees no graphics card.",
            hint=advice or "Leave it out, or install a build for your card: docs/providers/gguf.md.",
        )
    if asked is None:
        return every if cards else 0
    return every if asked == -1 else min(asked, every)
