"""Files of a user's own, for tests: the demonstration model's, with another name or another chat template."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Mapping
from pathlib import Path

from magistral_nb.transports import demo_model
from magistral_nb.transports.gguf_header import _Reader
from tests.gguf_writer import text

ALIGNMENT = 32
_TEMPLATE, _NAME, _TOKENS = "tokenizer.chat_template", "general.name", "tokenizer.ggml.tokens"

FIELD_TEMPLATE = (
    "{%- for m in messages -%}<|im_start|>{{ m.role }}\n"
    "{%- if m.reasoning_content -%}[THINK]{{ m.reasoning_content }}[/THINK]{%- endif -%}"
    "{{ m.content }}<|im_end|>\n{%- endfor -%}<|im_start|>assistant\n"
)
"""Keeps the thinking of earlier turns."""
LOSES_THE_ANSWER = (
    "{%- if false -%}[SYSTEM_PROMPT][TOOL_CALLS][ARGS][THINK]{%- endif -%}"
    "{%- for m in messages -%}<|im_start|>{{ m.role }}\n"
    "{%- if m.content is string -%}{{ m.content }}"
    "{%- elif m.content[0].type == 'text' -%}{{ m.content[0].text }}{%- endif -%}"
    "<|im_end|>\n{%- endfor -%}<|im_start|>assistant\n"
)
"""As some files of Magistral do: thinking comes in parts, and a reply that begins with one is left out."""


def linked(folder: Path, name: str = "my-model.gguf") -> Path:
    """The demonstration model's file under another name."""
    path = folder / name
    os.symlink(demo_model.locate(), path)
    return path


MAGISTRAL_WORDS = {
    "<repo_name>": "[INST]", "<reponame>": "[/INST]", "<file_sep>": "[SYSTEM_PROMPT]", "<filename>": "[/SYSTEM_PROMPT]",
    "<gh_stars>": "[TOOL_CALLS]", "<issue_start>": "[ARGS]", "<issue_comment>": "[AVAILABLE_TOOLS]",
    "<issue_closed>": "[/AVAILABLE_TOOLS]", "<jupyter_start>": "[TOOL_RESULTS]", "<jupyter_text>": "[/TOOL_RESULTS]",
    "<jupyter_code>": "[THINK]", "<jupyter_output>": "[/THINK]", "<jupyter_script>": "<s>", "<empty_output>": "</s>",
}  # fmt: skip
"""Control tokens that the model never uses, and those of Magistral's that take their places."""


def with_template(
    folder: Path, template: str | None, *, file: str, name: str = "My Model", words: Mapping[str, str] | None = None
) -> Path:
    """A copy whose header holds another chat template, or none, another name, and other words for some tokens."""
    with demo_model.locate().open("rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as data:
        reader = _Reader(data)
        reader.skip(8)
        tensors, count = reader.number("Q"), reader.number("Q")
        kept = []
        for _ in range(count):
            start = reader.at
            key = reader.string(65_535)
            reader.value(reader.number("I"))
            if key not in (_TEMPLATE, _NAME):
                entry = data[start : reader.at]
                for word, other in (words or {}).items() if key == _TOKENS else ():
                    assert text(word) in entry
                    entry = entry.replace(text(word), text(other), 1)
                kept.append(entry)
        new = {_NAME: name, **({_TEMPLATE: template} if template is not None else {})}
        kept += [text(key) + struct.pack("<I", 8) + text(value) for key, value in new.items()]
        tables = reader.at
        for _ in range(tensors):
            reader.skip_strings(1)
            reader.skip(8 * reader.number("I") + 4 + 8)
        head = b"GGUF" + struct.pack("<IQQ", 3, tensors, len(kept)) + b"".join(kept) + data[tables : reader.at]
        path = folder / file
        with path.open("wb") as target:
            target.write(head + bytes(-len(head) % ALIGNMENT))
            target.write(data[reader.at + -reader.at % ALIGNMENT :])
    return path
