"""The table of chat formats: which template a revision has, what its control tokens are, and which rules hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from magistral_nb.chat_format.demonstration import settle_demonstration
from magistral_nb.chat_format.normalising import settle
from magistral_nb.chat_format.turns import Turn
from magistral_nb.errors import TemplateError

Settle = Callable[..., list[Turn]]
"""Called with the turns and `continue_final`; puts them in order or raises TemplateError."""


@dataclass(frozen=True, slots=True)
class Format:
    """How conversations are spelled for one revision.

    template : a file in `templates/`.
    settle : puts a conversation in order, and refuses what the format cannot say.
    controls : its control tokens: each is one id, and no text becomes one.
    openers : after which control token, or which and the line behind it, whose part begins.
    closers : after which control tokens it is the assistant's turn.
    sees : whether the model reads pictures. The format has a place for them either way.
    knows_functions : whether definitions, calls and results have a place in it.
    begins_reply : the template itself writes the beginning of the reply, which opens a thought.
    """

    template: str
    settle: Settle
    controls: tuple[str, ...]
    openers: Mapping[str, str]
    closers: frozenset[str]
    sees: bool = False
    knows_functions: bool = True
    begins_reply: bool = False


_OPENERS = {"[SYSTEM_PROMPT]": "system", "[AVAILABLE_TOOLS]": "tools", "[INST]": "user", "[TOOL_RESULTS]": "tool"}
_CLOSERS = {opening: f"[/{opening[1:]}" for opening in _OPENERS}
_BOTH = ("<s>", "</s>", *_CLOSERS, *_CLOSERS.values(), "[TOOL_CALLS]", "[ARGS]", "[IMG]", "[IMG_END]")


def _mistral(template: str, *controls: str, ids_of_nine: bool = False, sees: bool = False) -> Format:
    return Format(
        template=template,
        settle=partial(settle, ids_of_nine=ids_of_nine),
        controls=_BOTH + controls,
        openers=_OPENERS,
        closers=frozenset({"<s>", *_CLOSERS.values()}),
        sees=sees,
    )


FORMATS: Mapping[str, Format] = {
    "2506": _mistral("2506.jinja", "[CALL_ID]", "[TOOL_CONTENT]", ids_of_nine=True),
    "2507": _mistral("2507.jinja", "[THINK]", "[/THINK]"),
    "2509": _mistral("2507.jinja", "[THINK]", "[/THINK]", sees=True),
    "demo": Format(
        template="demo.jinja",
        settle=settle_demonstration,
        controls=("<|im_start|>", "<|im_end|>"),
        openers={f"<|im_start|>{role}": role for role in ("system", "user", "assistant")},
        closers=frozenset(),
        knows_functions=False,
        begins_reply=True,
    ),
}
"""The formats by revision. 2506 is what Mistral calls v11; 2507 and 2509 are v13 and share a template."""


def format_of(revision: str) -> Format:
    """Return the format of a revision. Raises TemplateError if there is none of that name."""
    if revision in FORMATS:
        return FORMATS[revision]
    raise TemplateError(f"There is no chat format {revision!r}.", hint=f"Use one of {', '.join(FORMATS)}.")


def check_functions(format_: Format, tools: Sequence[object]) -> None:
    """Raise TemplateError where there are tools, and no place for them."""
    if tools and not format_.knows_functions:
        raise TemplateError("The demonstration model's format has no place for tools.", hint="Leave tools out.")
