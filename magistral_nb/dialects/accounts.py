"""One thought, told in several fields: counted once. Servers repeat it under other names, or later, or in part."""

from __future__ import annotations

from collections.abc import Sequence


class Accounts:
    """The thinking so far, and how far each field has told it.

    A field that repeats what is known adds nothing, and one that goes on adds the rest. One that says something
    else is a second version if another field spoke in the same chunk, and the next piece if none did.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._told: dict[str, int] = {}

    def __bool__(self) -> bool:
        return self._length > 0

    @property
    def text(self) -> str:
        """The thinking so far."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def hear(self, chunk: Sequence[tuple[str, str]]) -> str:
        """Take what the fields of one chunk say, as (field, text), and return what of it is new."""
        if len(chunk) == 1:
            return self._hear_field(*chunk[0], another_spoke=False)
        new = [self._hear_field(*told, another_spoke=n > 0) for n, told in enumerate(chunk)]
        return "".join(new)

    def _hear_field(self, field: str, text: str, *, another_spoke: bool) -> str:
        told = self._told.get(field, 0)
        if told < self._length:
            known = self.text[told : told + len(text)]
            if text.startswith(known):
                self._told[field] = told + len(known)
                text = text[len(known) :]
            elif another_spoke:
                self._told[field] = self._length
                text = ""
        if text:
            self._pieces.append(text)
            self._length += len(text)
            self._told[field] = self._length
        return text
