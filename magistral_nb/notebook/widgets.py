"""The two widgets of `js/README.md`: what draws a live reply, and what brings the page its bundle, once a process.

Imported when the first live reply is drawn, and not before: ipywidgets takes a while.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from anywidget import AnyWidget
from traitlets import Bool, Bytes, Dict, Int, Unicode

from magistral_nb import __version__
from magistral_nb.notebook.built import BUNDLE, STUB, is_built
from magistral_nb.replies import Reply

UNBUILT = """export default { render({ el }) {
  el.textContent = "The page's half of magistral_nb is not built: npm --prefix js run build";
} };"""


class Stubbed(AnyWidget):
    """A widget whose code is the stub."""

    _esm = Unicode().tag(sync=True)
    version = Unicode(__version__).tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(_esm=STUB.read_text("utf-8") if is_built() else UNBUILT, **traits)

    def close(self) -> None:
        """Take the widget out of the page, and the layout that ipywidgets has made for it."""
        layout = self.layout
        super().close()
        if layout is not None:
            layout.close()


class Assets(Stubbed):
    """Brings the bundle; never displayed."""

    bundle = Bytes().tag(sync=True)


class ReplyWidget(Stubbed):
    """Draws one live reply. `snapshot` says what it was told so far: a page that is loaded again asks for it.

    The snapshot is not sent but when it is asked for: sending it at each change would send each word many times.
    """

    kind = Unicode("reply").tag(sync=True)
    reply_id = Unicode().tag(sync=True)
    reply = Dict(None, allow_none=True).tag(sync=True)
    seen = Int(0).tag(sync=True)
    live = Bool(True).tag(sync=True)
    show_thinking = Bool(True).tag(sync=True)
    can_insert = Bool(False).tag(sync=True)

    def __init__(self, snapshot: Callable[[], tuple[dict[str, Any], int]], **traits: Any) -> None:
        self._snapshot = snapshot
        self.was_asked_for = False
        super().__init__(**traits)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """Return the traits; all of them, once the widget is open, only for a page that was loaded again."""
        state: dict[str, Any] = super().get_state(key, drop_defaults)
        if key is None and self.comm is not None:
            self.was_asked_for = True
            state["reply"], state["seen"] = self._snapshot()
        return state

    def end(self, reply: Reply) -> None:
        """Take it out of the page, but not at once.

        A page that was loaded in mid-stream has no display that could be replaced, and a busy kernel cannot tell it
        anything. JupyterLab asks for the widget when the cell is over: then the whole reply is drawn.
        """
        self._snapshot = lambda: (reply.to_dict(), self.seen)
        self.live = False
        if self.was_asked_for:
            self.send({"type": "reply", "seq": self.seen, "reply": reply.to_dict(), "live": False})
        _ended.append(self)
        while len(_ended) > KEPT:
            _ended.popleft().close()


KEPT = 8
"""So many replies that have ended stay open, for pages that were loaded while cells ran."""
_ended: deque[ReplyWidget] = deque()
_assets: list[Assets] = []


def close_all() -> None:
    """Close what is still open: the bundle, and the replies that have ended."""
    for widget in [*_ended, *_assets]:
        widget.close()
    _ended.clear()
    _assets.clear()


def bring_bundle() -> None:
    """Make the widget that brings the bundle, if this process has none, or its comm was closed."""
    if is_built() and (not _assets or _assets[0].comm is None):
        _assets[:] = [Assets(bundle=BUNDLE.read_bytes())]
