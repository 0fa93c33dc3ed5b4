"""The Dockerfile for a class, as it stands on the page: its commands run, in a folder that plays the image.

It was built for real as well, see that page. Here files are touched, and what programs are asked is written down.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from magistral_nb.transports.demo_model import _INSTALL
from tests.test_documents import blocks

ROOT = Path(__file__).parents[1]
(DOCKERFILE,) = blocks((ROOT / "docs" / "jupyterhub.md").read_text("utf-8"), "dockerfile")
LINES = [line.split(None, 1) for line in DOCKERFILE.replace("\\\n", "").splitlines() if line]
KNOWN_PLACES = ("/etc/", "/opt/", "/var/lib/apt/lists/")


def told(instruction: str) -> list[str]:
    return [rest for name, rest in LINES if name == instruction]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Give a folder with programs that only write down what they are asked."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("pip", "apt-get", "fix-permissions", "python"):
        program = programs / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> "{tmp_path}/asked"\n')
        program.chmod(0o755)
    return tmp_path


def placed(image: Path, path: str) -> Path:
    return image / path.lstrip("/")


def copy(image: Path, source: str, target: str) -> None:
    """Do what COPY does with a teacher's folder where nobody thought of permissions."""
    place = placed(image, target)
    if source.endswith("/"):
        place.mkdir(parents=True)
        (place / "week1.jsonl").write_text("{}")
        (place / "week1.jsonl").chmod(0o600)
    else:
        place.parent.mkdir(parents=True)
        page = (ROOT / "docs" / "jupyterhub.md").read_text("utf-8")
        place.write_text(blocks(page, "toml")[0])
        place.chmod(0o666)


def run(image: Path, command: str) -> None:
    paths = re.findall(r"(?<![\w}.])/[\w./*]+", command)
    assert all(path.startswith(KNOWN_PLACES) for path in paths)
    for path in sorted(set(paths), key=len, reverse=True):
        command = re.sub(rf"(?<![\w}}.]){re.escape(path)}", str(placed(image, path)), command)
    environment = {"PATH": f"{image / 'programs'}:{os.environ['PATH']}", "CONDA_DIR": "/opt/conda"}
    bash = shutil.which("bash") or "bash"
    subprocess.run([bash, "-o", "pipefail", "-ec", command], env=environment, cwd=image, check=True, timeout=60)


def test_each_line_of_the_image_does_what_the_page_says(image: Path) -> None:
    for name, rest in LINES:
        if name == "RUN":
            run(image, rest)
        elif name == "COPY":
            copy(image, *rest.split())
    asked = (image / "asked").read_text().splitlines()
    assert "apt-get install --yes --no-install-recommends libgomp1" in asked  # else the engine cannot be loaded
    assert asked[-2:] == [_INSTALL, "fix-permissions /opt/conda"]
    (wanted,) = (line for line in asked if line.startswith("pip"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    package, extra = wanted.split()[-1].rstrip("]").split("[")
    assert package == project["name"]
    assert extra in project["optional-dependencies"]
    for path in ("/etc/magistral_nb/settings.toml", "/opt/lessons/week1.jsonl"):
        assert placed(image, path).stat().st_mode & 0o777 == 0o644  # all can read, none but root can write


def test_the_image_begins_with_one_of_choice_and_ends_with_the_students_user() -> None:
    assert told("ARG")[0].startswith("BASE=")
    assert told("FROM") == ["${BASE}"]
    assert told("USER") == ["root", "${NB_UID}"]
    assert LINES[-1][0] == "USER"
    assert [rest.split()[0] for rest in told("COPY")] == ["settings.toml", "lessons/"]
