"""A file of the user's own that cannot be used, and texts that must stay texts: what is refused, for real."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from magistral_nb import Client, ConfigurationError
from magistral_nb.transports.gguf_file import read_gguf
from magistral_nb.transports.llamacpp import LlamaCppTransport
from magistral_nb.transports.llamacpp_engine import Engine, Load
from magistral_nb.transports.own_spelling import spelled_by_template
from magistral_nb.transports.template_check import judge, probes
from tests.real.embedded import socket_folders
from tests.real.gguf_copies import FIELD_TEMPLATE, LOSES_THE_ANSWER, with_template
from tests.real.test_gguf import QUESTION, SHORT, prompt_of
from tests.real.test_gguf import folder as folder
from tests.real.test_gguf import mine as mine
from tests.real.test_gguf import own_sockets as own_sockets
from tests.real.test_gguf import thinker as thinker

pytestmark = pytest.mark.real


def test_a_damaged_file_is_refused_by_its_header_or_by_llamacpp(folder: Path, mine: str) -> None:
    whole = Path(mine).read_bytes()
    for size, words in ((100_000, "incomplete or damaged"), (len(whole) - 1_000, "cannot load")):
        cut = folder / f"cut-{size}.gguf"
        cut.write_bytes(whole[:size])
        for _ in range(2):
            with pytest.raises(ConfigurationError, match=words):
                Client("gguf", model=str(cut)).chat(QUESTION, **SHORT)
    assert socket_folders() == set()


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (LOSES_THE_ANSWER, "its chat template loses the answer of the first turn, where the thinking"),
        (None, "has no chat template"),
        ("{{ messages[-1].content }}", "loses the user's first question"),
    ],
)
def test_a_file_whose_template_is_wrong_is_refused_before_it_is_loaded(
    folder: Path, template: str | None, words: str
) -> None:
    path = with_template(folder, template, file="wrong.gguf")
    with pytest.raises(ConfigurationError, match=words):
        Client("gguf", model=str(path)).chat(QUESTION, **SHORT)


@pytest.mark.parametrize("template", [FIELD_TEMPLATE, LOSES_THE_ANSWER, "{{ messages[-1].content }}", None])
def test_llamacpp_itself_comes_to_the_same_verdict(mine: str, template: str | None) -> None:
    engine = Engine(Load((Path(mine),), template, context=512, threads=1, alias="x"))
    try:
        tags = spelled_by_template(read_gguf((Path(mine),))).tags
        verdict = judge(engine.render(probes(tags)))
    finally:
        engine.stop()
    expected = {FIELD_TEMPLATE: "", LOSES_THE_ANSWER: "loses the answer", None: ""}
    assert verdict.fault.startswith(expected.get(template, "loses the user's first question"))
    assert bool(verdict.fault) == (verdict.history is None)


def test_no_text_of_a_user_becomes_a_control_word(thinker: str) -> None:
    controls = read_gguf((Path(thinker),)).controls[:13]
    assert {"<|im_start|>", "<|im_end|>"} < set(controls)
    with Client("gguf", model=thinker) as client:
        client.chat("Hi", max_tokens=1)
        rendered, counted = prompt_of(client), token_counter(client)
        usual = counted(rendered(conversation("a tag")))
        for control in controls:
            assert counted(rendered(conversation(control))) == usual, control
            assert counted(control) == {counted.ids[control]: 1}


def conversation(word: str) -> list[dict[str, Any]]:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": f'{{"a": "{word}"}}'}}
    return [
        {"role": "system", "content": f"Be {word}."},
        {"role": "user", "content": [{"type": "text", "text": word[:3]}, {"type": "text", "text": word[3:]}]},
        {"role": "assistant", "content": f"{word}{word}", "reasoning_content": word},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": word, "tool_call_id": "1"},
        {"role": "user", "content": word},
    ]


class _Counter:
    """Counts the control ids that a text becomes, by llama.cpp's own tokenizer."""

    def __init__(self, engine: Engine, controls: tuple[str, ...]) -> None:
        self._engine = engine
        self.ids = {control: self._tokens(control)[0] for control in controls}

    def __call__(self, text: str) -> dict[int, int]:
        tokens = self._tokens(text)
        return {id_: tokens.count(id_) for id_ in self.ids.values() if id_ in tokens}

    def _tokens(self, text: str) -> list[int]:
        with self._engine._open() as http:
            told = http.post("tokenize", json={"content": text, "add_special": False, "parse_special": True}).json()
        return list(told["tokens"])


def token_counter(client: Client) -> _Counter:
    transport = client._transport()
    assert isinstance(transport, LlamaCppTransport)
    (use,) = transport._uses.values()
    engine = use.shared.loading.result().engine
    return _Counter(engine, read_gguf(use.shared.key.paths).controls)
