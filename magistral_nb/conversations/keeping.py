"""A conversation that is kept: saved and loaded, and written as a notebook, as Markdown and as a page."""

from __future__ import annotations

from typing import Any, Self

from magistral_nb.client import Client
from magistral_nb.conversations.again import Again
from magistral_nb.conversations.notebooks import read_notebook, write_notebook
from magistral_nb.conversations.showing import shown_turns, title_of
from magistral_nb.conversations.storing import Stored, load_tree, save_tree
from magistral_nb.conversations.tree import Tree
from magistral_nb.conversations.window import OnOverflow
from magistral_nb.dialects import KeepThinking
from magistral_nb.events import Notice
from magistral_nb.file_names import AnyPath
from magistral_nb.rendering.conversation import conversation_html, conversation_markdown, conversation_page


class Keeping(Again):
    """The verbs that write a conversation down and read it again. Keys are never written."""

    client: Client
    on_overflow: OnOverflow
    notices: list[Notice]

    def __init__(
        self,
        client: Client,
        *,
        keep_thinking: KeepThinking | None = None,
        on_overflow: OnOverflow = "error",
        tree: Tree | None = None,
    ) -> None:
        super().__init__(tree)
        self.client, self.keep_thinking, self.on_overflow, self.notices = client, keep_thinking, on_overflow, []

    def save(self, path: AnyPath) -> None:
        """Write the conversation to a file, every branch of it, as JSON (see `docs/conversations.md`).

        The file is replaced whole or not at all. Raises ConfigurationError if it cannot be written, or is a link.
        """
        save_tree(path, self.tree, self._own_settings())

    @classmethod
    def load(cls, path: AnyPath, *, client: Client) -> Self:
        """Return the conversation that a file holds. Nothing in it is run; a next question is the same request.

        Of a torn file you get the turns that are good; a copy is kept beside it as `NAME.bad`, and a warning says so.
        Raises ConfigurationError, which names the place, for a file that is no conversation.
        """
        return cls._of(load_tree(path), client)

    def to_notebook(self, path: AnyPath) -> None:
        """Write the current line as a notebook whose cells ask the questions again, with the replies as outputs."""
        write_notebook(path, self.tree, self.client, self._own_settings())

    @classmethod
    def from_notebook(cls, path: AnyPath, *, client: Client) -> Self:
        """Return the conversation that the `%%magistral` cells of a notebook tell. Nothing in it is run."""
        return cls._of(read_notebook(path), client)

    def to_markdown(self) -> str:
        """Return the current line as Markdown, the thinking folded, and every text quoted."""
        return conversation_markdown(shown_turns(self), title=title_of(self))

    def to_html(self) -> str:
        """Return the current line as an HTML page of its own, with no script and nothing to load."""
        return conversation_page(shown_turns(self), title=title_of(self))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return {"text/html": conversation_html(shown_turns(self)), "text/plain": repr(self)}

    def _own_settings(self) -> dict[str, Any]:
        return {"keep_thinking": self.keep_thinking, "on_overflow": self.on_overflow}

    @classmethod
    def _of(cls, stored: Stored, client: Client) -> Self:
        conversation = cls(client, tree=stored.tree, **stored.settings)
        conversation.notices = list(stored.notices)
        return conversation
