"""What a conversation becomes: the one prompt that a Magistral really sees, and the conversations that it refuses.

Python puts a conversation in order and refuses (`reading`, `order`, `normalising`, `functions`); a template in
`templates/` only spells it (`spelling`). What comes out is a value, `Prompt`. Nothing is sent from here.
"""

from __future__ import annotations

from magistral_nb.chat_format.formats import FORMATS
from magistral_nb.chat_format.parts import Dropped, PromptPart
from magistral_nb.chat_format.prompt import PROMPT_MIME, Prompt

__all__ = ["FORMATS", "PROMPT_MIME", "Dropped", "Prompt", "PromptPart"]
