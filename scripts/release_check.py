"""Builds what would be released, and tries it as a stranger would: in an empty environment, far away, without Node.

Run by `make release-check`. It leaves the wheel and the sdist in dist/, or stops at what is wrong.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping
from pathlib import Path

from release_contents import check_sdist, check_wheel, contents
from release_lab import check_list, check_server

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"

TRY = """
import importlib.metadata, pathlib, sys
import magistral_nb
from magistral_nb.notebook.built import is_built
installed = importlib.metadata.version("magistral_nb")
assert magistral_nb.__version__ == installed, (magistral_nb.__version__, installed)
assert pathlib.Path(magistral_nb.__file__).is_relative_to(sys.prefix), magistral_nb.__file__
assert is_built(), "the page's half is not installed"
unknown = [name for name in magistral_nb.__all__ if not hasattr(magistral_nb, name)]
assert not unknown, unknown
print(f"{magistral_nb.__file__}: version {installed}, {len(magistral_nb.__all__)} public names")
"""


class Workshop:
    """A temporary folder in which commands run; they find no Node on their path."""

    def __init__(self, home: Path) -> None:
        self.home = home
        programs = home / "programs"
        programs.mkdir()
        for name in ("sh", "bash", "env", "uname"):  # what npm and Jupyter call
            if found := shutil.which(name):
                (programs / name).symlink_to(found)
        self.environment = os.environ | {"PATH": str(programs)}

    def run(self, *command: str | Path, cwd: Path | None = None, more: Mapping[str, str] | None = None) -> None:
        """Run a command, and stop with its code if it fails."""
        words = (Path(part).name if isinstance(part, Path) else part for part in command)
        print("$", *("…" if "\n" in word else word for word in words), flush=True)
        environment = self.environment | dict(more or {})
        done = subprocess.run(command, cwd=cwd or self.home, env=environment, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            sys.exit(done.returncode)


def clean_copy(workshop: Workshop) -> Path:
    """Copy what git knows or would take in: no environment, and nothing that was built."""
    source = workshop.home / "source"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode("utf-8").split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    return source


def build(workshop: Workshop, source: Path) -> tuple[Path, Path]:
    """Build the sdist, and the wheel from it, and return their paths."""
    shutil.rmtree(DIST, ignore_errors=True)
    python = Path(sys.executable)
    workshop.run(python, "-m", "build", "--sdist", "--outdir", DIST, cwd=source)
    (sdist,) = DIST.glob("*.tar.gz")
    # No Node is on the path, pip brings none for an sdist, and npm would find no registry.
    nothing = {"npm_config_registry": "http://127.0.0.1:9", "npm_config_cache": str(workshop.home / "npm")}
    workshop.run(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", DIST, sdist, more=nothing)
    (wheel,) = DIST.glob("*.whl")
    workshop.run(python, "-m", "twine", "check", "--strict", sdist, wheel)
    return sdist, wheel


def check_same(workshop: Workshop, source: Path, wheel: Path) -> None:
    """Insist that the folder itself makes the very wheel that the sdist makes."""
    other = workshop.home / "other"
    workshop.run(Path(sys.executable), "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", other, source)
    ours, theirs = contents(wheel), contents(other / wheel.name)
    different = sorted(name for name in ours | theirs if ours.get(name) != theirs.get(name))
    if different:
        sys.exit(f"the sdist makes another wheel; different or missing: {', '.join(different)}")
    print("sdist and folder make the same wheel")


def try_wheel(workshop: Workshop, wheel: Path) -> None:
    """Install the wheel where nothing else is, use it from there, then with JupyterLab."""
    venv.create(workshop.home / "empty", with_pip=True)
    programs = workshop.home / "empty" / "bin"
    workshop.run(programs / "python", "-m", "pip", "install", "--quiet", wheel)
    workshop.run(programs / "python", "-m", "pip", "check")
    workshop.run(programs / "python", "-I", "-c", TRY)
    workshop.run(programs / "magistral-nb", "--help")
    workshop.run(programs / "python", "-m", "pip", "install", "--quiet", f"magistral_nb[lab] @ {wheel.as_uri()}")
    check_list(programs, workshop.environment)
    check_server(programs, workshop.environment, workshop.home)


def main() -> None:
    """Build, look inside, build again, install, import, and start JupyterLab."""
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(Path(folder))
        source = clean_copy(workshop)
        sdist, wheel = build(workshop, source)
        check_sdist(sdist, source)
        check_wheel(wheel, source)
        check_same(workshop, source, wheel)
        try_wheel(workshop, wheel)
    print("release-check passed")


if __name__ == "__main__":
    main()
