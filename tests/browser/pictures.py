"""Takes the pictures in the documents, in real JupyterLab and Notebook 7, of replies that a server here plays.

python -m tests.browser.pictures docs/images
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.conftest import launch
from tests.browser.jupyterlab import FrontEnd, JupyterLab, run_cell, wait_for_kernel
from tests.browser.panel_page import ask, panel_of
from tests.browser.test_live_reply import START_CELL, notebook_with
from tests.fake_server import FakeServer
from tests.test_client import events_of

_REPLIES = Path(__file__).parents[1] / "data" / "pictured"
THINKING, ANSWER, RIGHT_TO_LEFT = (
    (_REPLIES / f"{name}.md").read_text("utf-8") for name in ("thinking", "answer", "right_to_left")
)
QUESTION = "Why is the sum of the first n odd numbers a square?"
WIDE, PHONE = {"width": 1000, "height": 1500}, {"width": 390, "height": 1500}
VERY_WIDE = {"width": 1500, "height": 1500}
COLOURS = 160
"""In a picture: fewer make its file smaller, and are not seen."""
PANEL_PAGE = (Path(__file__).parents[2] / "docs" / "panel.md").read_text("utf-8")
PLAIN = """
.jp-Cell { padding: 8px !important; }
.jp-Collapser, .jp-cell-toolbar, .jp-cell-menu, .jp-OutputArea-promptOverlay { display: none !important; }
"""


def words(key: str, text: str, seconds: float) -> list[bytes | float]:
    """Return a script that says a text in so many seconds."""
    parts = [f"{word} " for word in text.split(" ")]
    script: list[bytes | float] = []
    for part in parts:
        script += [events_of({key: part}, finish=None), seconds / len(parts)]
    return script


def whole(thinking: str, answer: str, seconds: float, *, tokens: int = 612) -> list[bytes | float]:
    """Return a script of a whole reply."""
    stop, done = events_of().split(b"data: [DONE]")[0], b"data: [DONE]\n\n"
    usage = f'data: {{"choices": [], "usage": {{"prompt_tokens": 214, "completion_tokens": {tokens}}}}}\n\n'
    said = [*words("reasoning", thinking, 0.75 * seconds), *words("content", answer, 0.25 * seconds)]
    return [*said, stop, usage.encode(), done]


class Photographer:
    """Opens notebooks and takes pictures of their second cell."""

    def __init__(self, lab: JupyterLab, browser: Browser, server: FakeServer, folder: Path) -> None:
        self.lab, self.browser, self.server, self.folder = lab, browser, server, folder

    def open(
        self,
        question: str,
        *,
        look: str,
        front_end: FrontEnd = "lab",
        size: dict[str, int] = WIDE,
        setup: str = "%load_ext magistral_nb",
    ) -> Page:
        """Open a notebook with one question, and start asking it."""
        name = f"picture-{len(list(self.lab.notebooks.iterdir()))}.ipynb"
        (self.lab.notebooks / name).write_text(notebook_with(setup, question), "utf-8")
        self.lab.use_theme(f"JupyterLab {look.capitalize()}")
        page = self.browser.new_page(viewport=size, device_scale_factor=2, color_scheme=look)  # type: ignore[arg-type]
        self.lab.open(page, name, front_end=front_end)
        page.add_style_tag(content=PLAIN)
        if front_end == "lab":
            page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
        wait_for_kernel(page)
        run_cell(page, 0)
        page.evaluate(START_CELL, 1)
        return page

    def take(self, page: Page, name: str, *, part: str = "") -> None:
        """Take a picture of the cell, and keep it small."""
        page.evaluate("() => { document.activeElement?.blur(); window.getSelection()?.removeAllRanges(); }")
        page.mouse.move(0, 0)
        page.wait_for_timeout(400)
        cell = page.locator(".jp-Notebook .jp-Cell").nth(1)
        shot = (cell.locator(part).first if part else cell).screenshot(animations="disabled")
        picture = Image.open(io.BytesIO(shot)).convert("RGB")
        few = picture.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(self.folder / f"{name}.png", optimize=True)

    def wait_for_end(self, page: Page) -> None:
        """Wait until the cell is over and its reply drawn."""
        page.wait_for_function("() => window.done", timeout=60_000)
        expect(page.locator(".magistral-reply[aria-busy=false]")).to_have_count(1)

    def streaming_and_finished(self, look: str) -> None:
        self.server.play(whole(THINKING, ANSWER, 16))
        page = self.open(f"%%magistral\n{QUESTION}", look=look)
        expect(page.locator(".magistral-thinking-box")).to_contain_text("A picture would be", timeout=30_000)
        self.take(page, f"streaming-{look}")
        self.wait_for_end(page)
        self.take(page, f"finished-{look}")
        page.close()

    def error(self, look: str) -> None:
        self.server.play(
            [*words("reasoning", THINKING, 1.6), *words("content", ANSWER.partition(" dots and one")[0], 0.8)]
        )
        page = self.open(f"%%magistral\n{QUESTION}", look=look)
        self.wait_for_end(page)
        self.take(page, f"error-{look}")
        page.close()

    def right_to_left(self) -> None:
        self.server.play(whole("המשתמש שואל על סכום.", RIGHT_TO_LEFT, 4))
        page = self.open("%%magistral\nלמה סכום המספרים האי־זוגיים הראשונים הוא ריבוע?", look="light")
        self.wait_for_end(page)
        self.take(page, "right-to-left")
        page.close()

    def panels_beside_a_plot(self, look: str) -> None:
        """The example of docs/panel.md, after two questions to one of its panels and one to the other."""
        (code,) = (part for part in re.findall(r"```python\n(.*?)```", PANEL_PAGE, re.DOTALL) if "matplotlib" in part)
        client = "from magistral_nb import *\nclient = Client(price=Price(0.99, 0.99))"
        page = self.open(code, look=look, size=VERY_WIDE, setup=client)
        brief, long = panel_of(page), panel_of(page, 1)
        for panel, thinking, answer in (
            (brief, "Borders.", "It is the square of n: each odd number is the border of the next larger square."),
            (long, THINKING, ANSWER),
            (brief, "Sides.", "Because a square of side n has 2n − 1 dots more than the one before."),
        ):
            count = panel.locator(".magistral-turn").count()
            self.server.play(whole(thinking, answer, 1, tokens=len(thinking + answer) // 4))
            ask(panel, QUESTION if not count else "And why is that?")
            expect(panel.locator(".magistral-reply[aria-busy=false]")).to_have_count(count + 1, timeout=15_000)
        page.wait_for_timeout(500)
        self.take(page, f"panel-costs-{look}", part=".jp-Cell-outputWrapper")
        page.close()

    def phone(self) -> None:
        self.server.play(whole(THINKING, ANSWER, 4))
        page = self.open(f"%%magistral\n{QUESTION}", look="light", front_end="notebook", size=PHONE)
        self.wait_for_end(page)
        self.take(page, "phone")
        page.close()


def main(folder: Path) -> None:
    """Take all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, FakeServer() as server:
        settings = Path(home) / "settings.toml"
        campus = f'[defaults]\nendpoint = "campus"\n[endpoints.campus]\nbase_url = "{server.base_url}"\n'
        settings.write_text(f'{campus}model = "magistral-small-2509"\nkey_env = "CAMPUS_API_KEY"\n', "utf-8")
        os.environ |= {"MAGISTRAL_SETTINGS": str(settings), "CAMPUS_API_KEY": "none", "HOME": home}
        with JupyterLab(Path(home) / "lab", labextension=True, locked=True) as lab, sync_playwright() as playwright:
            photographer = Photographer(lab, launch(playwright), server, folder)
            for look in ("light", "dark"):
                photographer.streaming_and_finished(look)
                photographer.error(look)
                photographer.panels_beside_a_plot(look)
            photographer.right_to_left()
            photographer.phone()
            photographer.browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
