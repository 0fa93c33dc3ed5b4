"""What browser tests share: Chromium, a JupyterLab for the whole session, and pages that note where they call.

They need the Python packages `playwright` and `jupyterlab`, and Debian's `chromium` (`apt-get install chromium`), or
any Chromium that `$CHROMIUM` names. No browser is downloaded. `$MAGISTRAL_SHOTS` names a folder for screenshots.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.browser.jupyterlab import JupyterLab
from tests.browser.listener import Listener
from tests.hostile import HOST

pytest.register_assert_rewrite("tests.browser.harm")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright, Request

_SHOTS = os.environ.get("MAGISTRAL_SHOTS")  # read before the tests clean the environment
_CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Let plain `pytest` run where playwright is not installed; when browser tests are asked for, they fail."""
    return True if "not browser" in config.option.markexpr and not find_spec("playwright") else None


@pytest.fixture(scope="package")  # not longer: while it lives, an event loop runs in the main thread
def playwright() -> Iterator[Playwright]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


def launch(playwright: Playwright, *rules: str) -> Browser:
    """Start Chromium. Nothing leaves this machine; `rules` say which hosts are played on it."""
    if not _CHROMIUM or not Path(_CHROMIUM).exists():
        pytest.fail("Browser tests need Chromium: `apt-get install chromium`, or set $CHROMIUM to one.", pytrace=False)
    resolver = ", ".join([*rules, "MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1"])
    flags = [*_FLAGS, f"--host-resolver-rules={resolver}"]
    return playwright.chromium.launch(executable_path=_CHROMIUM, args=flags)


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = launch(playwright)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    with JupyterLab(tmp_path_factory.mktemp("jupyterlab")) as lab:
        yield lab


@pytest.fixture(scope="package")
def locked_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """Give a server as people have it: with a token, guarded against XSRF, and with our labextension."""
    with JupyterLab(tmp_path_factory.mktemp("locked"), labextension=True, locked=True) as lab:
        yield lab


@pytest.fixture(scope="package")
def listener() -> Iterator[Listener]:
    with Listener() as listener:
        yield listener


@pytest.fixture(scope="package")
def open_browser(playwright: Playwright, listener: Listener) -> Iterator[Browser]:
    """Give a Chromium that takes the listener for `collect.invalid`, its subdomains, and every port of theirs."""
    browser = launch(playwright, f"MAP {HOST} 127.0.0.1:{listener.port}", f"MAP *.{HOST} 127.0.0.1:{listener.port}")
    yield browser
    browser.close()


@pytest.fixture
def victim(open_browser: Browser) -> Iterator[Page]:
    """Give a page that fails the test if a dialog or a second page opens."""
    context = open_browser.new_context(viewport={"width": 1200, "height": 1000})
    page = context.new_page()
    opened: list[str] = []
    page.on("dialog", lambda dialog: opened.append(dialog.message))
    page.on("popup", lambda popup: opened.append(popup.url))
    yield page
    assert opened == []
    context.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    yield context.new_page()
    context.close()


@pytest.fixture
def hosts_called(page: Page) -> set[str]:
    """Collect the other hosts that the page tries to reach, whether or not it succeeds."""
    hosts: set[str] = set()

    def note(request: Request) -> None:
        host = urlsplit(request.url).hostname
        if host and host != "127.0.0.1":
            hosts.add(host)

    page.on("request", note)
    return hosts


@pytest.fixture
def take_shot() -> Callable[[Page, str], None]:
    """Save a picture of the whole page for a person to look at, if $MAGISTRAL_SHOTS names a folder."""

    def take(page: Page, name: str) -> None:
        if _SHOTS:
            page.screenshot(path=Path(_SHOTS) / f"{name}.png", full_page=True)

    return take
