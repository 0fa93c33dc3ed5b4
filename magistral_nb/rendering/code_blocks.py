"""The code blocks of a Markdown text, as CommonMark reads them: fences within fences, indented blocks, lists."""

from __future__ import annotations


def code_blocks(markdown: str) -> list[str]:
    """Return the content of every code block, in order, without its fence.

    >>> code_blocks("Try:\\n```python\\nprint(1)\\n```")
    ['print(1)']
    """
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").parse(markdown)
    return [token.content.rstrip("\n") for token in tokens if token.type in ("fence", "code_block")]
