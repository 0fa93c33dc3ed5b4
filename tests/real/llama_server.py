"""A real llama.cpp server over HTTP, in the test process: 127.0.0.1, a free port, a key, and Magistral's tags.

The model knows no tags. Its template opens the thought and a grammar closes it; llama.cpp then takes thinking and
answer apart (`reasoning_format="auto"`), or leaves the tags in the text as a server without a parser does ("none").
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import httpx2
import pytest

from magistral_nb.transports import demo_model

MODEL = "magistral-small"
KEY = "sk-llama-cpp-in-this-process"
CONTEXT = 2048
GRAMMAR = r"""root ::= sentence{1,2} "\n[/THINK]\n" sentence{1,2}
sentence ::= [^.?!<\n\[]{3,120} [.!?] " "?
"""
TEMPLATE = """\
{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\\n' -}}
{%- if message.reasoning_content -%}{{- '[THINK]\\n' + message.reasoning_content + '\\n[/THINK]\\n' -}}{%- endif -%}
{{- message.content + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n[THINK]\\n' -}}{%- endif -%}
"""


@dataclass(frozen=True)
class LlamaServer:
    """Where the server listens: `base_url` ends in /v1."""

    base_url: str
    api_key: str = KEY
    model: str = MODEL

    def body(self, question: str, *, reasoning_format: Literal["auto", "none"] = "auto", **more: Any) -> dict[str, Any]:
        """Return the body of a request whose reply thinks for a sentence or two, and answers in one or two."""
        return {
            "model": self.model,
            "messages": [{"role": "user", "content": question}],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": 200,
            "temperature": 0,
            "grammar": GRAMMAR,
            "reasoning_format": reasoning_format,
            **more,
        }


@pytest.fixture(scope="session")
def llama_server() -> Iterator[LlamaServer]:
    """Give the server. Without model or engine this fails with the command that installs them."""
    with serving(TEMPLATE) as server:
        yield server


@contextmanager
def serving(template: str) -> Iterator[LlamaServer]:
    """Run a server with a chat template until the block ends."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait must not spin on a busy machine
    path = demo_model.locate()
    try:
        import xllamacpp
    except ImportError:
        pytest.fail('pip install "magistral_nb[local]"', pytrace=False)
    parameters = xllamacpp.CommonParams()
    parameters.model.path, parameters.model_alias = str(path), {MODEL}
    parameters.n_ctx, parameters.n_parallel = CONTEXT, 1
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.hostnames, parameters.port, parameters.api_keys = ["127.0.0.1"], 0, [KEY]
    parameters.n_gpu_layers, parameters.cache_ram_mib = 0, 0
    parameters.offline, parameters.ui, parameters.verbosity = True, False, -1
    parameters.chat_template = template
    server = xllamacpp.Server(parameters)
    _wait_for_its_queue(server.listening_address)
    yield LlamaServer(f"{server.listening_address}/v1")
    del server  # closes the port


def _wait_for_its_queue(address: str) -> None:
    # Freed before its own loop runs, the server would never end; that loop answers /slots.
    headers = {"Authorization": f"Bearer {KEY}"}
    httpx2.get(f"{address}/slots", headers=headers, trust_env=False, timeout=60).raise_for_status()
