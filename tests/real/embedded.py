"""Questions to the embedded model, straight to its transport."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from magistral_nb.settings import Timeouts
from magistral_nb.templating import template_text
from magistral_nb.transports import Chunk, Request, demo_model
from magistral_nb.transports.llamacpp import LlamaCppModel, LlamaCppTransport

TEMPLATE = template_text("demo.jinja")
MODEL = LlamaCppModel(template=TEMPLATE)
FOR_EVER: dict[str, Any] = {"ignore_eos": True, "max_tokens": 7000, "grammar": ""}
LOADING = {"magistral": {"waiting": {"why": "loading", "seconds": 0}}}
Message = dict[str, str]


def said(role: str, content: str, **more: str) -> Message:
    return {"role": role, "content": content, **more}


def request(*messages: Message, **more: Any) -> Request:
    body = {
        "model": "demo",
        "messages": list(messages) or [said("user", "What is photosynthesis?")],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.7,
        "top_p": 0.95,
        "max_tokens": 400,
        "seed": 1,
    }
    return Request(body={**body, **demo_model.demo_request_fields(), **more}, timeouts=Timeouts())


def text_of(chunks: Iterable[Chunk], field: str) -> str:
    deltas = [choice["delta"] for chunk in chunks for choice in chunk.get("choices", [])]
    return "".join(delta.get(field) or "" for delta in deltas)


def ask(transport: LlamaCppTransport, *messages: Message, **more: Any) -> tuple[str, str]:
    chunks = list(transport.stream(request(*messages, **more)))
    return text_of(chunks, "reasoning_content"), text_of(chunks, "content")


def socket_folders() -> set[Path]:
    return {path.parent for path in Path(tempfile.gettempdir()).glob("magistral_*/llm.sock")}


def wait_until(condition: Callable[[], bool], *, within: float) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
