"""What an engine in this process can be told: `Client("gguf", model="…", n_ctx=16384, kv="q8_0")`."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any, Literal, TypedDict, cast

from magistral_nb.errors import ConfigurationError

Kv = Literal["f16", "q8_0"]
"""How the cache holds what was read so far; q8_0 takes about half the memory."""


class EngineOptions(TypedDict, total=False):
    """Options of engines in this process; each is of use to some engines only.

    n_ctx : the window, prompt and reply together, in tokens.
    kv : how the cache is kept. gpu_layers : how many layers the graphics card gets; -1 for all.
    threads : for computing. check_memory : False to load even where memory seems too small.
    device_map, dtype, load_in_4bit : as Transformers names them.
    """

    n_ctx: int
    kv: Kv
    gpu_layers: int
    threads: int
    check_memory: bool
    device_map: str | Mapping[str, Any]
    dtype: str
    load_in_4bit: bool


USED_BY: Mapping[str, Collection[str]] = {
    "n_ctx": ("llamacpp", "demo"),
    "kv": ("llamacpp", "demo"),
    "gpu_layers": ("llamacpp",),
    "threads": ("llamacpp", "demo"),
    "check_memory": ("llamacpp",),
    "device_map": ("transformers",),
    "dtype": ("transformers",),
    "load_in_4bit": ("transformers",),
}
"""Option → the engines that have a use for it."""
_LEAST: Mapping[str, int] = {"n_ctx": 256, "gpu_layers": -1, "threads": 1}
_MOST = 2**31 - 1
_BOOLEANS = ("check_memory", "load_in_4bit")


def checked_options(options: dict[str, Any], *, other_keywords: Collection[str] = ()) -> EngineOptions:
    """Return engine options as they were given, if they can be meant.

    Raises TypeError for a keyword that does not exist, with the nearest of all keywords of `Client`, and
    ConfigurationError for a value that cannot be meant.
    """
    for name in options:
        if name not in USED_BY:
            options.clear()  # it may be `apikey`, and tracebacks can print what stands in the variables of a function
            close = difflib.get_close_matches(name, [*other_keywords, *USED_BY], n=1)
            guess = f". Did you mean {close[0]!r}?" if close else ""
            raise TypeError(f"Client.__init__() got an unexpected keyword argument {name!r}{guess}")
    for name, value in options.items():
        if wanted := _what_it_must_be(name, value):
            raise ConfigurationError(f"{name} is {value!r}.", hint=f"It must be {wanted}.")
    return cast(EngineOptions, dict(options))


def refuse_useless(options: EngineOptions, *, endpoint: str, engine: str, engines: Mapping[str, str]) -> None:
    """Raise ConfigurationError for an option that an endpoint's engine has no use for.

    `engines` : the engine of every known endpoint, to say for which endpoints the option is.
    """
    for name in options:
        if engine not in USED_BY[name]:
            useful = [repr(known) for known, its_engine in engines.items() if its_engine in USED_BY[name]]
            raise ConfigurationError(
                f"{endpoint} has no use for {name}=….",
                hint=f"It is for {' and '.join(useful) or 'other engines'}. A server decides such things by itself.",
                endpoint=endpoint,
            )


def _what_it_must_be(name: str, value: object) -> str:
    """Return what a value must be, in words, or "" if it is that."""
    if name == "kv":
        return "" if value in ("f16", "q8_0") else "'f16' or 'q8_0'"
    if name in _BOOLEANS:
        return "" if isinstance(value, bool) else "True or False"
    if name in ("device_map", "dtype"):
        kinds = (str,) if name == "dtype" else (str, Mapping)
        wanted = "a text" if name == "dtype" else "a text such as 'cuda', or a dict"
        return "" if isinstance(value, kinds) and value else wanted
    least = _LEAST[name]
    fits = isinstance(value, int) and not isinstance(value, bool) and least <= value <= _MOST
    return "" if fits else f"a whole number of at least {least}"
