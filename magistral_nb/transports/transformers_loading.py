"""How a model of the package `transformers` is loaded, from the hub or a folder: its arguments, and how far it is.

Only safetensors files (and GGUF files by their path) are read, and code that comes with a model is never run.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from magistral_nb.errors import ConfigurationError
from magistral_nb.transports.transformers_needs import check_needs, shown, weights_of

INSTALL = 'pip install "magistral_nb[transformers]"'


@dataclass(frozen=True, slots=True)
class TransformersModel:
    """How to load whatever model a question names.

    device_map : where it goes, as `transformers` names places: "cuda", "mps", "cpu", "auto", or a dict. None is
        "auto" where there is CUDA, "mps" on a Mac, and the processor elsewhere.
    dtype : the type of its numbers, such as "bfloat16"; None for that of its files.
    load_in_4bit : with bitsandbytes. So a Magistral Small fits into 24 GB.
    """

    device_map: str | Mapping[str, Any] | None = None
    dtype: str | None = None
    load_in_4bit: bool = False


@dataclass(eq=False)
class Loaded:
    """A model and its tokenizer, ready to be asked."""

    name: str
    tokenizer: Any
    model: Any


class Progress:
    """How far loading is, for whoever waits: `text` says what is loaded and what it needs, `share` is 0 to 1."""

    def __init__(self, name: str) -> None:
        self.text = f"Loading {shown(name)}"
        self.share: float | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model's files are: a hub's name or a folder, and maybe one GGUF file in it."""

    place: str
    gguf_file: str | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """What every `from_pretrained` is told. Code that comes with a model is never run."""
        return {"trust_remote_code": False} | ({"gguf_file": self.gguf_file} if self.gguf_file else {})


def load(name: str, how: TransformersModel, progress: Progress) -> Loaded:
    """Load a model. It takes from seconds to many minutes. Raises ConfigurationError, which says what is missing."""
    for package in ("transformers", "torch", "accelerate"):
        _import(package)
    source = source_of(name)
    with _told(name):
        weights = weights_of(source.place, source.gguf_file)
        arguments = load_arguments(how)
        needs = check_needs(shown(name), weights, arguments, load_in_4bit=how.load_in_4bit)
        progress.text = needs.text
        return _load(name, source, arguments, progress)


def source_of(name: str) -> Source:
    """Return where a model's files are. Raises ConfigurationError for a path to nothing."""
    path = Path(name).expanduser()
    if path.suffix == ".gguf":
        if not path.is_file():
            raise ConfigurationError(f"There is no model file {path}.", hint="Give the path of a GGUF file.")
        _import("gguf")
        return Source(str(path.resolve().parent), path.name)
    if path.is_dir():
        return Source(str(path.resolve()))
    if path.is_absolute() or name.startswith(("~", ".")) or name.count("/") > 1:
        raise ConfigurationError(
            f"There is no folder {path}.",
            hint="Give a folder with config.json and *.safetensors, or a name on the hub.",
        )
    return Source(name)


def load_arguments(how: TransformersModel) -> dict[str, Any]:
    """Return the arguments of `from_pretrained` that this machine and these wishes mean."""
    arguments: dict[str, Any] = {"use_safetensors": True, "dtype": how.dtype or "auto"}
    device_map = how.device_map if how.device_map is not None else _usual_device_map()
    if device_map is not None:
        arguments["device_map"] = device_map
    if how.load_in_4bit:
        arguments["quantization_config"] = _four_bits()
    return arguments


def _usual_device_map() -> str | None:
    torch = _import("torch")
    if torch.cuda.is_available():
        return "auto"
    return "mps" if torch.backends.mps.is_available() else None


def _four_bits() -> Any:
    if find_spec("bitsandbytes") is None:
        raise ConfigurationError("Loading in 4 bits needs the package bitsandbytes.", hint="pip install bitsandbytes")
    torch, transformers = _import("torch"), _import("transformers")
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def _load(name: str, source: Source, arguments: Mapping[str, Any], progress: Progress) -> Loaded:
    transformers = _import("transformers")
    config = transformers.AutoConfig.from_pretrained(source.place, **source.arguments)
    tokenizer = transformers.AutoTokenizer.from_pretrained(source.place, **source.arguments)
    with _watched(progress):
        model = _model_class(config).from_pretrained(source.place, **source.arguments, **arguments)
    return Loaded(name, tokenizer, model.eval())


def _model_class(config: Any) -> Any:
    """Return what loads a model of this kind. Magistral Small 2509 reads pictures too: it is no plain causal model."""
    transformers = _import("transformers")
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    is_causal = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING
    return transformers.AutoModelForCausalLM if is_causal else transformers.AutoModelForImageTextToText


@contextmanager
def _watched(progress: Progress) -> Generator[None, None, None]:
    """Follow the progress bar that transformers shows in this thread; whoever followed it before still does."""
    from transformers.utils import logging

    thread = threading.get_ident()

    def hook(make: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        bar = before(make, args, options) if before else make(*args, **options)
        return _FollowedBar(bar, progress) if threading.get_ident() == thread else bar

    before = logging.set_tqdm_hook(hook)
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)


class _FollowedBar:
    """A progress bar that tells how far it is."""

    def __init__(self, bar: Any, progress: Progress) -> None:
        self._bar = bar
        self._progress = progress

    def __iter__(self) -> Iterator[Any]:
        total = getattr(self._bar, "total", None)
        for number, item in enumerate(self._bar):
            if total:
                self._progress.share = number / total
            yield item

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bar, name)


@contextmanager
def _told(name: str) -> Generator[None, None, None]:
    """Say in our own words why a model cannot be loaded. What went wrong below is the cause."""
    try:
        yield
    except ConfigurationError:
        raise
    except Exception as error:
        said = str(error).strip() or type(error).__name__
        raise ConfigurationError(
            f"{shown(name)} could not be loaded: {said[:500]}",
            hint="Is it the name of a model on the hub, or a folder with config.json, a tokenizer and *.safetensors?",
        ) from error


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigurationError(f"A model by transformers needs the package {name}.", hint=INSTALL) from error
