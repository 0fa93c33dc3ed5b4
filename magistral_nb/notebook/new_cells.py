"""`--insert-code`: the code of an answer becomes new cells below, to be read before anybody runs them.

JupyterLab inserts one new cell for a cell that is run, whatever a kernel sends. So front ends get one with all blocks,
and beside it a cell for each: our labextension makes those of it (`js/src/lab/new_cells.ts`), and others let them be.

Nothing is run here. What IPython would take for a command of its own, such as `!rm` or `%run`, becomes a comment, and
so does code that is not Python: a cell that is run unread, as by Run All, then runs Python and nothing else.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from magistral_nb.events import Notice
from magistral_nb.rendering.code_blocks import CodeBlock, fenced_code
from magistral_nb.rendering.text import plain
from magistral_nb.replies import Reply

Transform = Callable[[str], str]
"""What IPython makes of a cell before Python reads it."""

_PYTHON = {"python", "py", "python3", "py3", "ipython", "ipython3"}
_COMMAND = re.compile(r"\s*[%!?/,;]|.*\?\s*$|.*(?:^|[^=!<>])=\s*[!%]")
"""A line that IPython may take for its own: `!ls`, `%magic`, `name?`, `x = !ls`, `x = %magic`."""
_APART = "magistral_nb"
"""Where the cells stand in the message to the front end."""
_CUT = ("length", "budget", "content_filter", "interrupted")
_NO_CODE = "# IPython would read this block as commands of its own, so all of it is a comment:"


def insert_code(reply: Reply, shell: Any) -> None:
    """Put the code of an answer into new cells below the running one; the reply says what was done."""
    if reply.finish_reason in _CUT:
        reply.notices.append(Notice("code_cut", "The reply was cut off, and so may be its code: no cell was inserted."))
        return
    blocks = fenced_code(reply.answer)
    if not blocks:
        reply.notices.append(Notice("no_code", "The answer holds no code block, so no cell was inserted."))
        return
    of = partial(cell_of, by=reply.model, transform=shell.transform_cell)
    together = of(blocks)
    shell.set_next_input(together)
    _offer([of([block]) for block in blocks], shell, instead_of=together)
    reply.notices.append(Notice("code_inserted", _told(len(blocks))))


def _offer(cells: Sequence[str], shell: Any, *, instead_of: str) -> None:
    """Write the cells beside the one that the front end is asked for. A terminal is asked in another way."""
    for payload in shell.payload_manager.read_payload():
        if payload.get("source") == "set_next_input" and payload.get("text") == instead_of:
            payload[_APART] = {"cells": list(cells)}


def cell_of(blocks: Sequence[CodeBlock], *, by: str, transform: Transform) -> str:
    """Return a cell that holds the blocks, one below the other, each under a line that says which it is."""
    cell = _joined([_safe(block, transform) for block in blocks], by=by)
    if _is_left_alone(cell, transform):
        return cell
    # Blocks that are harmless apart may not be so together: one opens a text in quotes, the next one closes it.
    return _joined([_all_comments(_lines(block), _NO_CODE) for block in blocks], by=by)


def _joined(codes: Sequence[str], *, by: str) -> str:
    head = f"# Written by {_one_line(by) or 'a model'}, not run yet: read it first."
    if len(codes) == 1:
        return f"{head}\n{codes[0]}"
    numbered = [f"# Block {number} of {len(codes)}\n{code}" for number, code in enumerate(codes, 1)]
    return "\n\n".join([head, *numbered])


def _safe(block: CodeBlock, transform: Transform) -> str:
    """Return a block as it may stand in a cell: Python as it is, all else as comments."""
    lines = _lines(block)
    if not _is_python(block):
        return _all_comments(lines, f"# {_one_line(block.language) or 'No Python'}, so it is a comment:")
    code = "\n".join(lines)
    if _is_left_alone(code, transform):
        return code
    kept = "\n".join(_comment(line) if _COMMAND.match(line) else line for line in lines)
    is_magic = code.lstrip().startswith("%%")  # the whole block is in another language
    return kept if not is_magic and _is_left_alone(kept, transform) else _all_comments(lines, _NO_CODE)


def _lines(block: CodeBlock) -> list[str]:
    """Return the lines of a block; whatever else would end a line, and so a comment, is made visible."""
    return plain(block.code).splitlines()


def _all_comments(lines: Sequence[str], why: str) -> str:
    return "\n".join([why, *map(_comment, lines)])


def _is_python(block: CodeBlock) -> bool:
    if block.language:
        return block.language in _PYTHON
    try:
        ast.parse(block.code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _is_left_alone(code: str, transform: Transform) -> bool:
    """Ask IPython itself whether it would change the code."""
    cell = f"# \n{code}\n"
    try:
        return transform(cell) == cell
    except Exception:  # whatever an input transformer of the user's says to it
        return False


def _comment(line: str) -> str:
    return f"# {line}".rstrip()


def _one_line(text: str) -> str:
    return " ".join(plain(text).split())[:60]


def _told(count: int) -> str:
    what = "The code block of the answer is" if count == 1 else f"The {count} code blocks of the answer are"
    return f"{what} below this cell. Nothing was run."
