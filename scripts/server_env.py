"""Makes an environment of its own for a server that the tests run: what such servers depend on clashes with our tools.

    python scripts/server_env.py litellm mlx

prints the Python of each environment, one a line. An environment is made once, in build/, from PyPI alone; afterwards
this takes a moment. `make clean` removes them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

BUILD = Path(__file__).resolve().parent.parent / "build"
REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    # The newest release that installs from PyPI: since 1.109 the extra asks for a package that is not there.
    "litellm": ("litellm[proxy]==1.108.7",),
    # On a Mac the extra changes nothing, and mlx brings Metal; elsewhere it brings the engine for processors.
    "mlx": ("mlx[cpu]==0.32.4", "mlx-lm==0.32.2"),
}


def python_of(name: str) -> Path:
    """Return the Python of an environment; make it first, if it is missing, half made, or made of something else."""
    folder = BUILD / f"env-{name}"
    stamp, python = folder / "made-of.txt", folder / "bin" / "python"
    made_of = "\n".join([sys.version, *REQUIREMENTS[name]])
    if not (python.exists() and stamp.exists() and stamp.read_text("utf-8") == made_of):
        _make(folder, python, REQUIREMENTS[name])
        stamp.write_text(made_of, "utf-8")
    return python


def _make(folder: Path, python: Path, requirements: tuple[str, ...]) -> None:
    print(f"Installing {', '.join(requirements)} into {folder} (a minute or so) …", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    command = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *requirements]
    # Standard output is for the caller, who reads paths there.
    finished = subprocess.run(
        command, stdout=sys.stderr, env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}, check=False
    )
    if finished.returncode:
        sys.exit(f"pip could not install {', '.join(requirements)} into {folder}.")


def main() -> None:
    """Print the Python of each environment that was asked for, or of all."""
    names = sys.argv[1:] or list(REQUIREMENTS)
    if unknown := sorted(set(names) - set(REQUIREMENTS)):
        sys.exit(f"There is no server named {', '.join(unknown)}; known are {', '.join(REQUIREMENTS)}.")
    for name in names:
        print(python_of(name), flush=True)


if __name__ == "__main__":
    main()
