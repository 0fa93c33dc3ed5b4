"""How a conversation begins: the default system prompts of Magistral Small's revisions, and the templates' text."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from magistral_nb.messages import Message
from magistral_nb.revisions import NEWEST_COMMON, REVISIONS, named_revision, revision_of

__all__ = ["NEWEST_COMMON", "REVISIONS", "default_system", "named_revision", "revision_of", "template_text"]


@cache
def default_system(revision: str) -> Message:
    """Return Mistral's default system prompt of a revision, word for word; the sources stand in `prompts/`."""
    data = json.loads(files("magistral_nb").joinpath(f"prompts/{revision}.json").read_text("utf-8"))
    return Message.from_dict({"role": "system", "content": data["parts"]})


@cache
def template_text(name: str) -> str:
    """Return the text of a file in `templates/`."""
    return files("magistral_nb").joinpath(f"templates/{name}").read_text("utf-8")
