"""Builds what would be released, and tries it as a stranger would: in an empty environment, far from here.

Run by `make release-check`. It leaves the wheel and the sdist in dist/, or stops at what is wrong.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "magistral_nb"
DIST = ROOT / "dist"
# Each is read at run time by a path or a pattern, so that nothing but this check would miss it in a wheel.
DATA = ("py.typed", "*.jinja", "*.gbnf", "prompts/*")
# Made from js/ beside what is packed, and not needed at run time.
NOT_PACKED = ("magistral_nb/static/magistral.js", "magistral_nb/labextension/")

TRY = """
import importlib.metadata, pathlib, sys
import magistral_nb
installed = importlib.metadata.version("magistral_nb")
assert magistral_nb.__version__ == installed, (magistral_nb.__version__, installed)
assert pathlib.Path(magistral_nb.__file__).is_relative_to(sys.prefix), magistral_nb.__file__
unknown = [name for name in magistral_nb.__all__ if not hasattr(magistral_nb, name)]
assert not unknown, unknown
print(f"{magistral_nb.__file__}: version {installed}, {len(magistral_nb.__all__)} public names")
"""


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command, and stop with its code if it fails."""
    words = (Path(part).name if isinstance(part, Path) else part for part in command)
    print("$", *("…" if "\n" in word else word for word in words), flush=True)
    finished = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, check=False)
    if finished.returncode:
        sys.exit(finished.returncode)


def build() -> tuple[Path, Path]:
    """Build the sdist and the wheel from this folder, and return their paths."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(Path(sys.executable), "-m", "build", "--sdist", "--wheel", "--outdir", DIST)
    (sdist,), (wheel,) = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    run(Path(sys.executable), "-m", "twine", "check", "--strict", sdist, wheel)
    return sdist, wheel


def contents(wheel: Path) -> dict[str, str]:
    """Return the files of a wheel, each with the hash of its bytes."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


def check_data(wheel: Path) -> None:
    """Insist that the wheel holds every file of the package, every kind of data file, and no other."""
    there = set(contents(wheel))
    ours = {path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*") if path.is_file()}
    ours = {name for name in ours if "/__pycache__/" not in name and "/." not in name}
    ours = {name for name in ours if name != NOT_PACKED[0] and not name.startswith(NOT_PACKED[1])}
    if strangers := sorted(name for name in there if not name.startswith("magistral_nb")):
        sys.exit(f"{wheel.name} holds files that are not the package's: {', '.join(strangers)}")
    missing = sorted(ours - there) + [f"any {kind}" for kind in DATA if not list(PACKAGE.glob(f"**/{kind}"))]
    if missing:
        sys.exit(f"missing from {wheel.name}: {', '.join(missing)}")
    print(f"{wheel.name} holds all {len(ours)} files of the package")


def check_sdist(sdist: Path, wheel: Path, workshop: Path) -> None:
    """Insist that the sdist builds the very wheel that this folder builds."""
    run(Path(sys.executable), "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", workshop, sdist)
    ours, theirs = contents(wheel), contents(workshop / wheel.name)
    different = sorted(name for name in ours | theirs if ours.get(name) != theirs.get(name))
    if different:
        sys.exit(f"the sdist builds another wheel; different or missing: {', '.join(different)}")
    print(f"{sdist.name} builds the same wheel")


def try_wheel(wheel: Path, workshop: Path) -> None:
    """Install the wheel where nothing else is, and use it from there."""
    venv.create(workshop / "empty", with_pip=True)
    programs = workshop / "empty" / "bin"
    run(programs / "python", "-m", "pip", "install", "--quiet", wheel, cwd=workshop)
    run(programs / "python", "-m", "pip", "check", cwd=workshop)
    run(programs / "python", "-I", "-c", TRY, cwd=workshop)
    run(programs / "magistral-nb", "--help", cwd=workshop)


def main() -> None:
    """Build, look inside, build again from the sdist, install and import."""
    sdist, wheel = build()
    check_data(wheel)
    with tempfile.TemporaryDirectory() as folder:
        check_sdist(sdist, wheel, Path(folder))
        try_wheel(wheel, Path(folder))
    print("release-check passed")


if __name__ == "__main__":
    main()
