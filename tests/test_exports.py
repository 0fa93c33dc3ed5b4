"""The face of the package: what it offers, and what importing it costs in modules."""

from __future__ import annotations

import subprocess
import sys

import magistral_nb
from magistral_nb import errors, events

CONTRACT = {
    "Client", "Endpoint", "Message", "Reply", "system", "user", "assistant", "tool", "Started", "Waiting",
    "ThinkingDelta", "AnswerDelta", "Reclassified", "ToolCall", "Usage", "Notice", "Done", "Event", "Timeouts",
    "Secret", "MagistralError", "ENDPOINTS", "record", "replay", "Budget", "BudgetExceededError",
    "Conversation", "ChatPanel",
}  # fmt: skip


def test_every_name_of_the_contract_is_here() -> None:
    assert set(magistral_nb.__all__) >= CONTRACT
    for name in magistral_nb.__all__:
        assert getattr(magistral_nb, name) is not None


def test_every_error_is_exported() -> None:
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert kinds <= set(magistral_nb.__all__)


def test_all_is_sorted_within_its_parts() -> None:
    names = [name for name in magistral_nb.__all__ if name not in ("__version__",)]
    assert len(names) == len(set(names))
    assert set(names) <= set(dir(magistral_nb))


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(magistral_nb, "Clinet")


def test_importing_loads_nothing_heavy() -> None:
    heavy = ["openai", "httpx2", "httpx", "IPython", "anywidget", "ipywidgets", "jinja2", "markdown_it", "tenacity"]
    code = f"import sys, magistral_nb; magistral_nb.Client('demo'); print([m for m in {heavy} if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_events_carry_their_wire_names() -> None:
    assert events.ThinkingDelta("a", 0.5).to_dict() == {"type": "thinking.delta", "text": "a", "at": 0.5}
    assert events.Reclassified(1.0).to_dict() == {"type": "reclassified", "at": 1.0}
