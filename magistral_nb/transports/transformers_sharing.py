"""Models of `transformers` in this process."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from magistral_nb.transports.sharing import Loan, Shared, Shelf
from magistral_nb.transports.transformers_loading import Progress, TransformersModel, load

if TYPE_CHECKING:
    from magistral_nb.transports.transformers_engine import Engine

Key = tuple[str, str]
"""The model's name or folder, and how it is loaded."""


def _free(engine: Engine) -> None:
    engine.free()


SHELF: Shelf[Key, Progress, Engine] = Shelf(_free)


def borrow(name: str, how: TransformersModel) -> Loan[Key, Progress, Engine]:
    """Lend the model of that name, which is loaded if need be. It may still be loading."""
    path = Path(name).expanduser()
    key = (str(path.resolve()) if path.exists() else name, repr(how))
    return SHELF.borrow(key, partial(Progress, name), lambda shared: _load(shared, how))


def _load(shared: Shared[Key, Progress, Engine], how: TransformersModel) -> Engine:
    from magistral_nb.transports.transformers_engine import Engine

    return Engine(load(shared.key[0], how, shared.news))
