"""The prompt as a value: what the model sees, part by part, and how it came about."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from magistral_nb.chat_format.formats import check_functions, format_of
from magistral_nb.chat_format.functions import read_tools
from magistral_nb.chat_format.parts import Dropped, Kind, PromptPart
from magistral_nb.chat_format.pictures import picture_tokens
from magistral_nb.chat_format.reading import read_turns
from magistral_nb.chat_format.spelling import spell
from magistral_nb.chat_format.system_prompt import kind_of_system
from magistral_nb.chat_format.turns import Turn
from magistral_nb.messages import Image, Message
from magistral_nb.rendering.prompt import prompt_html, prompt_text
from magistral_nb.scrubbing import scrub, scrub_data
from magistral_nb.templating import NEWEST_COMMON
from magistral_nb.tokens import CHARACTERS, TokenCount, TokenCounter
from magistral_nb.tools import Usable, definition_of

PROMPT_MIME = "application/vnd.magistral.prompt.v1+json"
"""The type under which `Prompt.to_dict()` is stored in a notebook."""
PICTURE = "[IMG]"


@dataclass(frozen=True, slots=True, repr=False)
class Prompt:
    """Exactly what a model sees of a conversation. Make it with `Prompt.render`; nothing is sent.

    revision : the chat format: 2506, 2507, 2509 or demo.
    pieces : control tokens and texts, in order, with whose they are and how many tokens they take.
    messages, tools, continue_final : what it was made of, as given.
    exact : whether the model's own tokenizer counted the tokens. counted_by : who did, in words.
    context : the model's window in tokens, or None if nobody knows.
    system, why : which system prompt it holds, and why this one and this format.
    dropped : thinking of earlier replies that is left out.
    notices : what the reader should know, such as a picture for a model that reads none.

    >>> prompt = Prompt.render([{"role": "user", "content": "Is [INST] a token?"}], revision="2507")
    >>> prompt.text
    '<s>[INST]Is [INST] a token?[/INST]'
    >>> [text for kind, text in prompt.parts if kind == "control"]
    ['<s>', '[INST]', '[/INST]']
    """

    revision: str
    pieces: tuple[PromptPart, ...]
    messages: tuple[Message | Mapping[str, Any], ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    continue_final: bool = False
    exact: bool = False
    counted_by: str = CHARACTERS.by
    context: int | None = None
    system: str = ""
    why: str = ""
    dropped: tuple[Dropped, ...] = ()
    notices: tuple[str, ...] = ()

    @classmethod
    def render(
        cls,
        messages: Sequence[Message | Mapping[str, Any]],
        *,
        revision: str = NEWEST_COMMON,
        tools: Sequence[Usable] | None = None,
        continue_final: bool = False,
    ) -> Prompt:
        """Return the prompt that a conversation makes; no system prompt is added.

        `continue_final` leaves the last message, a reply, open, so that the model goes on with it. Raises
        TemplateError, which names the message and the rule, for a conversation that the format refuses; messages are
        counted from 1.
        """
        return cls.of(messages, revision=revision, tools=tools, continue_final=continue_final)

    @classmethod
    def of(
        cls,
        messages: Sequence[Message | Mapping[str, Any]],
        *,
        revision: str,
        tools: Sequence[Usable] | None,
        continue_final: bool,
        added: int = 0,
    ) -> Prompt:
        """Do the same for a conversation with `added` messages in front that its author did not write.

        Errors count the messages from the first one of the author's own.
        """
        format_ = format_of(revision)
        turns = read_turns(messages, first=1 - added)
        continue_final = continue_final or turns[-1].continued
        settled = format_.settle(turns, continue_final=continue_final)
        definitions = read_tools(tools)
        check_functions(format_, definitions)
        parts = spell(format_, settled, definitions, continue_final=continue_final)
        pictures = _pictures(settled)
        blind = f"The format has a place for pictures, but Magistral Small {revision} reads none: 2509 does."
        return cls(
            revision=revision,
            pieces=tuple(_with_pictures(parts, pictures)),
            messages=tuple(copy.deepcopy(list(messages))),  # what the caller changes later changes no prompt
            tools=tuple(copy.deepcopy([definition_of(one) for one in tools or ()])),
            continue_final=continue_final,
            system=kind_of_system(settled, revision),
            notices=(blind,) if pictures and not format_.sees else (),
        )

    @property
    def text(self) -> str:
        """The flat string. It is for reading only: text that looks like a control token looks like one here too."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def parts(self) -> list[tuple[Kind, str]]:
        """Kind and text of each part: a `control` part is one token of the format, a `text` part never holds one."""
        return [(piece.kind, piece.text) for piece in self.pieces]

    @property
    def tokens(self) -> TokenCount:
        """How many tokens the prompt takes; an estimate until a tokenizer has counted (see `counted`)."""
        return TokenCount(sum(piece.tokens for piece in self.pieces), self.exact, self.counted_by)

    def counted(self, counter: TokenCounter) -> Prompt:
        """Return the prompt with its texts counted by a tokenizer. A control token of the format is one token.

        Pictures stay an estimate, and so does a prompt that holds one. A tokenizer that lacks a control token of the
        format belongs to another model: then the count is an estimate too, and a notice says so.
        """
        pieces = tuple(
            replace(piece, tokens=counter.count(piece.text)) if piece.kind == "text" else piece for piece in self.pieces
        )
        controls = {piece.text for piece in pieces if piece.kind == "control"}
        lacking = sorted(controls - counter.controls) if counter.exact and counter.controls is not None else []
        foreign = f"The tokenizer is another model's: it does not know {', '.join(lacking)}. So the count is a guess."
        return replace(
            self,
            pieces=pieces,
            exact=counter.exact and not lacking and PICTURE not in controls,
            counted_by=counter.by,
            dropped=tuple(replace(thought, tokens=counter.count(thought.text)) for thought in self.dropped),
            notices=(*self.notices, foreign) if lacking else self.notices,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the prompt as plain JSON data, for a file, a page or a test.

        Secrets that are known by now are not in it: `text`, `parts` and `messages` alone hold what a model sees.
        """
        return scrub_data(self._told())  # type: ignore[no-any-return]  # a dict in, a dict out

    def _told(self) -> dict[str, Any]:
        return {
            "template": self.revision,
            "text": self.text,
            "parts": [
                {"kind": piece.kind, "text": piece.text, "role": piece.role, "tokens": piece.tokens}
                for piece in self.pieces
            ],
            "tokens": {"total": self.tokens.total, "exact": self.exact, "by": self.counted_by},
            "context": self.context,
            "system": self.system,
            "why": self.why,
            "dropped": [
                {"message": thought.message, "text": thought.text, "tokens": thought.tokens} for thought in self.dropped
            ],
            "notices": list(self.notices),
        }

    def __str__(self) -> str:
        return scrub(self.text)

    def __repr__(self) -> str:
        return f"Prompt(revision={self.revision!r}, text={scrub(self.text)!r})"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        data = self.to_dict()
        return {PROMPT_MIME: data, "text/html": prompt_html(data), "text/plain": prompt_text(data)}


def _pictures(turns: Sequence[Turn]) -> list[Image]:
    return [piece for turn in turns for piece in turn.pieces if isinstance(piece, Image)]


def _with_pictures(parts: Sequence[PromptPart], pictures: Sequence[Image]) -> list[PromptPart]:
    """Count pictures: where one stands, [IMG] and [IMG_END] are shown, and all its tiles are meant."""
    sizes = iter([picture_tokens(picture.url) for picture in pictures])
    return [
        replace(part, tokens=next(sizes) - 1) if part.kind == "control" and part.text == PICTURE else part
        for part in parts
    ]
