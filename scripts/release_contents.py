"""What a wheel and an sdist must hold, and what they must not."""

from __future__ import annotations

import hashlib
import json
import sys
import tarfile
import zipfile
from email.parser import BytesParser
from pathlib import Path

# Each is read at run time by a path or a pattern, so that nothing but this check would miss it in a wheel.
DATA = ("py.typed", "*.jinja", "*.gbnf", "prompts/*")
# What is made from js/ goes into the package by these names, and nothing else of it does.
PAGE = {"magistral_nb/static/stub.js", "magistral_nb/static/magistral.js.gz"}
LABEXTENSION = "share/jupyter/labextensions/magistral_nb/"
LICENCES = ("katex", "markdown-it", "highlight.js", "@rspack/core")
MOST_MEGABYTES = 3


def contents(wheel: Path) -> dict[str, str]:
    """Return the files of a wheel, each with the hash of its bytes."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


def check_wheel(wheel: Path, source: Path) -> None:
    """Insist that the wheel holds every file of the package, the page's half once, licences, and nothing else."""
    there = set(contents(wheel))
    stem = "-".join(wheel.name.split("-")[:2])
    data, info = f"{stem}.data/data/{LABEXTENSION}", f"{stem}.dist-info/"
    package = {path.relative_to(source).as_posix() for path in (source / "magistral_nb").rglob("*") if path.is_file()}
    package = {name for name in package if "/__pycache__/" not in name and "/." not in name}
    made = tuple(f"magistral_nb/{folder}/" for folder in ("static", "labextension"))
    wanted = {name for name in package if not name.startswith(made)} | PAGE
    _refuse(wheel, "lacks", wanted - there)
    _refuse(wheel, "lacks any", {kind for kind in DATA if not list(source.glob(f"magistral_nb/**/{kind}"))})
    others = there - wanted
    _refuse(wheel, "holds what it must not", {name for name in others if not name.startswith((data, info))})
    _refuse(wheel, "holds maps", {name for name in there if name.endswith(".map")})
    with zipfile.ZipFile(wheel) as archive:
        _check_labextension(wheel, archive, data)
        _check_licences(wheel, archive, info)
    size = wheel.stat().st_size
    if size > MOST_MEGABYTES * 1_000_000:
        sys.exit(f"{wheel.name} is larger than {MOST_MEGABYTES} MB: {size:,} bytes")
    print(f"{wheel.name} holds all {len(wanted)} files of the package and the labextension: {size:,} bytes")


def _check_labextension(wheel: Path, archive: zipfile.ZipFile, folder: str) -> None:
    names = set(archive.namelist())
    _refuse(wheel, "lacks", {f"{folder}package.json", f"{folder}install.json"} - names)
    install = json.loads(archive.read(f"{folder}install.json"))
    package = json.loads(archive.read(f"{folder}package.json"))
    entry = f"{folder}{package['jupyterlab']['_build']['load']}"
    _refuse(wheel, "lacks what JupyterLab loads", {entry} - names)
    found = {name for name in names if Path(name).name.startswith("remoteEntry")}
    _refuse(wheel, "holds the labextension more than once", found - {entry})
    if (install["packageManager"], install["packageName"]) != ("python", "magistral_nb"):
        sys.exit(f"{wheel.name}: install.json does not say how to remove the labextension: {install}")
    version = wheel.name.split("-")[1]
    if package["version"] != version:
        sys.exit(f"js/package.json has version {package['version']}, and magistral_nb/_version.py has {version}")


def _check_licences(wheel: Path, archive: zipfile.ZipFile, info: str) -> None:
    metadata = BytesParser().parsebytes(archive.read(f"{info}METADATA"))
    named = {f"{info}licenses/{name}" for name in metadata.get_all("License-File", [])}
    _refuse(wheel, "lacks licences that it names", named - set(archive.namelist()))
    beside = {name for name in archive.namelist() if name.endswith(f"{LABEXTENSION}static/third-party-licenses.txt")}
    for place in ({name for name in named if "third-party" in name}, beside):
        texts = "".join(archive.read(name).decode("utf-8") for name in place)
        _refuse(wheel, "lacks the licence of", {name for name in LICENCES if f"\n{name} " not in f"\n{texts}"})


def check_sdist(sdist: Path, source: Path) -> None:
    """Insist that the sdist holds the page's half, as sources and as built, and nothing that is fetched."""
    with tarfile.open(sdist) as archive:
        there = {name.partition("/")[2] for name in archive.getnames()}
    sources = {path.relative_to(source).as_posix() for path in (source / "js/src").rglob("*.ts")}
    built = PAGE | {f"magistral_nb/labextension/{name}" for name in ("package.json", "install.json")}
    _refuse(sdist, "lacks", (sources | built | {"js/package-lock.json", "scripts/packing/page_half.py"}) - there)
    _refuse(sdist, "holds", {name for name in there if "node_modules" in name or name.endswith(".map")})
    print(f"{sdist.name} holds {len(there)} files: {sdist.stat().st_size:,} bytes")


def _refuse(archive: Path, what: str, names: set[str]) -> None:
    if names:
        sys.exit(f"{archive.name} {what}: {', '.join(sorted(names))}")
