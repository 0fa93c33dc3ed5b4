"""A real JupyterLab for tests: started on a free port of this machine, ended by its process id."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import magistral_nb

if TYPE_CHECKING:
    from playwright.sync_api import Page

_QUIET: dict[str, dict[str, Any]] = {
    "@jupyterlab/apputils-extension/notification.jupyterlab-settings": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    # A notebook that draws only what is in sight, or the first outputs, cannot be looked at as a whole.
    "@jupyterlab/notebook-extension/tracker.jupyterlab-settings": {
        "windowingMode": "none",
        "maxNumberOutputs": 1000,
    },
}
PACKAGE = Path(magistral_nb.__file__).parent
NAME = str(json.loads((PACKAGE.parent / "js" / "package.json").read_text("utf-8"))["name"])
"""Of our labextension."""
FrontEnd = Literal["lab", "notebook"]
_FOLDERS = {
    "JUPYTER_CONFIG_DIR": "config",
    "JUPYTER_DATA_DIR": "data",
    "JUPYTER_RUNTIME_DIR": "runtime",
    "IPYTHONDIR": "ipython",
    "JUPYTERLAB_SETTINGS_DIR": "settings",
    "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
}


class JupyterLab:
    """A server with folders of its own below `home`. Use it with `with`, and put notebooks in `notebooks`.

    labextension : whether pages have ours. It need not be installed; where it is, it is switched off otherwise.
    locked : whether the server asks for a token and guards against XSRF, as people's servers do.
    base : the path below which the server stands, as JupyterHub gives it: escaped, with a stroke at its end.
    """

    def __init__(self, home: Path, *, labextension: bool = False, locked: bool = False, base: str = "/") -> None:
        self.home, self.labextension, self.base = home, labextension, base
        self.token = secrets.token_hex() if locked else ""
        self.notebooks = home / "notebooks"
        self.notebooks.mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}{base.rstrip('/')}"
        self._opened = 0

    def __enter__(self) -> JupyterLab:
        for name, value in _QUIET.items():
            self.set(name, value)
        self._add_labextension() if self.labextension else self._disable_labextension()
        log = (self.home / "server.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *self._flags()],
            env=os.environ | {name: str(self.home / folder) for name, folder in _FOLDERS.items()},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        log.close()
        self._wait_until_it_answers()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()  # the server ends its kernels first
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)

    def set(self, plugin: str, value: Mapping[str, Any]) -> None:
        """Write a user setting; a page that is opened afterwards follows it."""
        path = self.home / "settings" / plugin
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value), "utf-8")

    def _add_labextension(self) -> None:
        built = PACKAGE / "labextension"
        if not (built / "package.json").exists():
            raise FileNotFoundError(f"There is no {built}: npm --prefix js run build:lab")
        place = self.home / "data" / "labextensions" / NAME
        place.parent.mkdir(parents=True)
        place.symlink_to(built)

    def _disable_labextension(self) -> None:
        page_config = self.home / "config" / "labconfig" / "page_config.json"
        page_config.parent.mkdir(parents=True)
        page_config.write_text(json.dumps({"disabledExtensions": {NAME: True}}), "utf-8")

    def use_theme(self, name: str) -> None:
        """Choose "JupyterLab Light" or "JupyterLab Dark" for the pages that are opened next."""
        self.set("@jupyterlab/apputils-extension/themes.jupyterlab-settings", {"theme": name})

    def open(self, page: Page, name: str, *, front_end: FrontEnd = "lab") -> None:
        """Open a notebook of the `notebooks` folder, and return when it is there to be read."""
        self._opened += 1  # a workspace of its own: no tab of an earlier test comes back
        place = f"lab/workspaces/test-{self._opened}/tree" if front_end == "lab" else "notebooks"
        page.goto(f"{self.url}/{place}/{name}" + (f"?token={self.token}" if self.token else ""))
        page.wait_for_function(
            """name => {
                const notebook = window.jupyterapp?.shell?.currentWidget;
                return notebook?.context?.path === name && notebook.context.isReady;
            }""",
            arg=name,
            timeout=60_000,
        )
        page.evaluate("() => window.jupyterapp.restored")
        page.wait_for_selector(".jp-Notebook .jp-Cell")

    def _flags(self) -> list[str]:
        return [
            "--no-browser",
            "--allow-root",
            "--ip=127.0.0.1",
            f"--port={self.port}",
            f"--ServerApp.base_url={self.base}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}",
            "--ServerApp.password=",
            f"--ServerApp.root_dir={self.notebooks}",
            f"--ServerApp.disable_check_xsrf={not self.token}",
            "--LabApp.expose_app_in_browser=True",
            "--JupyterNotebookApp.expose_app_in_browser=True",
        ]

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/api", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        self.__exit__()
        raise RuntimeError(f"JupyterLab did not start:\n{(self.home / 'server.log').read_text()[-3000:]}")


def wait_for_kernel(page: Page) -> None:
    """Wait until the kernel of the open notebook runs: before that, a cell that is run is lost without a word."""
    page.evaluate(
        """async () => {
            const session = window.jupyterapp.shell.currentWidget.sessionContext;
            await session.ready;
            await session.session.kernel.info;
        }"""
    )
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'"
    )


def run_cell(page: Page, index: int) -> None:
    """Run one cell of the open notebook, and return when it has ended."""
    page.evaluate(
        """async index => {
            const notebook = window.jupyterapp.shell.currentWidget.content;
            notebook.activeCellIndex = index;
            notebook.deselectAll();
            await window.jupyterapp.commands.execute('notebook:run-cell');
        }""",
        index,
    )


def outputs(page: Page, index: int) -> list[dict[str, Any]]:
    """Return the outputs that a cell holds now, as they would be saved."""
    found: list[dict[str, Any]] = page.evaluate(
        "index => window.jupyterapp.shell.currentWidget.content.widgets[index].model.outputs.toJSON()", index
    )
    return found
