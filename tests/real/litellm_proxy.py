"""A real LiteLLM proxy, as universities run it (UF's NaviGator is one), before a real model and before recordings."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fake_server import FakeServer
from tests.real import litellm_auth
from tests.real.llama_server import MODEL, LlamaServer
from tests.real.server_process import free_port, python_of, running

AT_OPENAI, AT_MISTRAL = "recorded-openai", "recorded-mistral"
"""Models that the fake server plays: LiteLLM takes it for any OpenAI-shaped server, or for Mistral's own API."""
_MASTER_KEY = "sk-master-0123456789abcdef0123456789abcdef"
_ENV = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it downloads a list of prices
    "LITELLM_TELEMETRY_DISABLED": "true",
    "DISABLE_ADMIN_UI": "True",
    "NO_DOCS": "True",
    "LITELLM_MODE": "PRODUCTION",  # else it reads .env files
    "LITELLM_LOG": "ERROR",
    "LITELLM_MASTER_KEY": _MASTER_KEY,  # without one it refuses to start
}


@dataclass(frozen=True)
class LiteLLMProxy:
    """Where the proxy is, what stands behind it, and what its hook has seen."""

    base_url: str
    llama: LlamaServer
    recorded: FakeServer
    calls_file: Path

    def calls(self, key: str) -> int:
        """Return how often a key has asked for a chat."""
        lines = self.calls_file.read_text("utf-8").splitlines() if self.calls_file.exists() else []
        return sum(json.loads(line) == ["/v1/chat/completions", key] for line in lines)


@contextmanager
def litellm_proxy(folder: Path, llama: LlamaServer) -> Iterator[LiteLLMProxy]:
    """Run the proxy before a real model and before a server that plays recordings; `folder` is for its files."""
    python = python_of("litellm")
    with FakeServer() as recorded:
        _write_config(folder, llama, recorded.base_url)
        proxy = LiteLLMProxy(f"http://127.0.0.1:{free_port()}/v1", llama, recorded, folder / "calls.jsonl")
        address = proxy.base_url.removesuffix("/v1")
        command = [str(python.with_name("litellm")), "--config", str(folder / "config.json")]
        where = ["--host", "127.0.0.1", "--port", address.rpartition(":")[2]]
        env = {**_ENV, litellm_auth.CALLS: str(proxy.calls_file)}
        with running([*command, *where], ready=f"{address}/health/liveliness", log=folder / "litellm.log", env=env):
            yield proxy


def _write_config(folder: Path, llama: LlamaServer, recorded_url: str) -> None:
    """Write the proxy's settings; JSON is YAML too. The hook must lie beside them."""
    shutil.copy(Path(litellm_auth.__file__), folder / "judge_keys.py")
    config: dict[str, Any] = {
        "model_list": [
            _model(MODEL, f"openai/{MODEL}", llama.base_url, llama.api_key),
            _model(AT_OPENAI, f"openai/{MODEL}", recorded_url, "sk-recorded"),
            _model(AT_MISTRAL, "mistral/magistral-small-2509", recorded_url, "sk-recorded"),
        ],
        "litellm_settings": {"telemetry": False, "num_retries": 0, "enable_post_custom_auth_checks": True},
        "general_settings": {"custom_auth": "judge_keys.judge", "custom_auth_run_common_checks": True},
    }
    (folder / "config.json").write_text(json.dumps(config), "utf-8")


def _model(name: str, served_as: str, base_url: str, key: str) -> dict[str, Any]:
    cost = {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}  # budgets bind models that cost something
    return {"model_name": name, "litellm_params": {"model": served_as, "api_base": base_url, "api_key": key, **cost}}
