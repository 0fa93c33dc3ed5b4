"""Which chat templates are right, what is wrong with the others, and that none can do harm while it is looked at."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magistral_nb.errors import ConfigurationError
from magistral_nb.templating import template_text
from magistral_nb.transports import template_check
from magistral_nb.transports.gguf_file import GgufFile, read_gguf
from magistral_nb.transports.own_spelling import OwnSpelling, confirm_spelling, probes_of, spelled_by_template, tags_of
from magistral_nb.transports.template_check import Rendered, Tags, judge, probes, render_apart
from tests.chat_oracles import official_template_text
from tests.gguf_writer import PLAIN_TEMPLATE, header, magistral, write

TOKENS, PLAIN = Tags("[THINK]", "[/THINK]"), Tags("<think>\n", "\n</think>\n")
SIGNS = "{%- if false -%}[SYSTEM_PROMPT][TOOL_CALLS][ARGS]{%- endif -%}"
"""With these in a template llama.cpp hands thinking over in parts of the content."""


def each(turn: str, *, before: str = "", after: str = "") -> str:
    return f"{before}{{%- for m in messages -%}}{turn}{{%- endfor -%}}{after}"


RIGHT = {
    "plain": (PLAIN_TEMPLATE, "inline"),
    "its own field": (each("{{ m.role }}:{{ m.reasoning_content or '' }}|{{ m.content }};"), "field"),
    "parts": (
        each(
            "{%- if m.content is string -%}{{ m.content }}{%- else -%}{%- for part in m.content -%}"
            "{{ part.thinking or part.text }};{%- endfor -%}{%- endif -%};",
            before=SIGNS,
        ),
        "field",
    ),
    "no system role": (
        each("{%- if m.role == 'system' -%}{{ raise_exception('no system') }}{%- endif -%}{{ m.content }};"),
        "inline",
    ),
    "cuts old thinking": (each("{{ m.role }}:{{ m.content.split('[/THINK]')[-1] }};"), None),
    "marks for training": (each("{% generation %}{{ m.content }};{% endgeneration %}"), "inline"),
    "breaks out of a loop": (each("{{ m.content }};{% if loop.last %}{% break %}{% endif %}"), "inline"),
}
FAULTY = {
    "the answer goes with its thinking": (
        each(
            "{%- if m.content is string -%}{{ m.content }}{%- elif m.role == 'system' -%}{{ m.content[0].text }}"
            "{%- elif m.content[0].type == 'text' -%}{{ m.content[0].text }}{%- endif -%};",
            before=SIGNS,
        ),
        "loses the answer of the first turn, where the thinking of that turn is kept",
    ),
    "a field that crashes": (
        each("{%- if m.reasoning_content -%}{{ raise_exception('no thoughts') }}{%- endif -%}{{ m.content }};"),
        "fails at a turn whose thinking is kept",
    ),
    "only the last": ("{{ messages[-1].content }}", "loses the user's first question"),
    "no answers": (each("{%- if m.role != 'assistant' -%}{{ m.content }};{%- endif -%}"), "loses the answer"),
    "no system": (each("{%- if m.role != 'system' -%}{{ m.content }};{%- endif -%}"), "part of the system prompt"),
    "half a system": (
        each("{{ m.content.split('\\n\\n')[0] if m.role == 'system' else m.content }};"),
        "loses part of the system prompt",
    ),
    "twice": (each("{{ m.content }};", after="{{ messages[-1].content }}"), "repeats the user's third question"),
    "backwards": (
        "{%- for m in messages | reverse -%}{{ m.content }};{%- endfor -%}",
        "into the wrong place",
    ),
    "half an answer": (each("{{ m.content[:12] if m.role == 'assistant' else m.content }};"), "loses the answer"),
    "a mistake": ("{% for", "cannot be rendered: TemplateSyntaxError in line 1"),
    "a crash": (each("{{ m.content + 1 }}"), "cannot be rendered: TypeError"),
    "a way out": ("{{ messages.__class__.__mro__ }}", "cannot be rendered: SecurityError"),
    "without end": ("{% for a in range(99999) %}aaaaaaaaaaaaaaa{% endfor %}", "it writes without end"),
    "greedy": ("{% set x = 'a' * 10000000000 %}{{ x }}", "too much memory"),
    "greedy by doubling": (
        "{% set n = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}",
        "too much memory",
    ),
    "too long": ("a" * 600_000, "600,000 characters"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_template_is_taken_and_told_how_thinking_goes_back(name: str) -> None:
    template, history = RIGHT[name]
    verdict = judge(render_apart(template, TOKENS))
    assert (verdict.fault, verdict.history) == ("", history)


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_template_is_named_by_its_fault(name: str) -> None:
    template, words = FAULTY[name]
    assert words in judge(render_apart(template, TOKENS)).fault


@pytest.mark.parametrize(("revision", "tags"), [("2506", PLAIN), ("2509", TOKENS)])
def test_mistrals_own_templates_are_right(revision: str, tags: Tags) -> None:
    verdict = judge(render_apart(official_template_text(revision), tags))
    assert verdict.fault == ""
    assert verdict.history


def test_a_template_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_check, "PATIENCE", 1.0)
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    began = time.monotonic()
    assert "takes longer than 1 seconds" in judge(render_apart(endless, TOKENS)).fault
    assert time.monotonic() - began < 5


def test_the_judge_finds_every_word_that_is_taken_away_or_doubled() -> None:
    whole = {name: "\n".join(str(m) for m in messages) for name, messages in probes(TOKENS).items()}
    assert judge({name: Rendered(text) for name, text in whole.items()}).history == "inline"
    for name in ("turns", "system", "field"):
        words = [word for message in probes(TOKENS)[name] for word in message["content"].split()]
        for word in words:
            for changed in (whole[name].replace(word, ""), whole[name].replace(word, f"{word} {word}")):
                told = {**whole, name: changed}
                assert judge({key: Rendered(text) for key, text in told.items()}).fault


def model(tmp_path: Path, template: str | None, **more: Any) -> GgufFile:
    read = read_gguf(write(tmp_path / "m.gguf", header(magistral(general__name="Chat", **more))))
    return replace(read, template=template)


def test_a_file_without_a_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"m\.gguf has no chat template"):
        spelled_by_template(model(tmp_path, None))


def test_a_magistral_whose_template_forgets_thinking_is_refused_and_another_model_is_not(tmp_path: Path) -> None:
    forgetful = RIGHT["cuts old thinking"][0]
    other = spelled_by_template(model(tmp_path, forgetful))
    assert other.history is None
    with pytest.raises(ConfigurationError, match="leaves out the thinking of earlier turns"):
        spelled_by_template(replace(model(tmp_path, forgetful), names=("Magistral-Small-2509",)))
    kept = {"messages": [{"role": "assistant", "content": "A", "reasoning_content": "T"}]}
    with pytest.raises(ConfigurationError, match=r"thinking that is kept.*keep_thinking='none'"):
        other.body(kept)


def test_what_llamacpp_renders_decides_in_the_end(tmp_path: Path) -> None:
    file = model(tmp_path, PLAIN_TEMPLATE)
    assert spelled_by_template(file).history == "inline"
    rendered = render_apart(RIGHT["its own field"][0], tags_of(file))
    assert confirm_spelling(file, rendered).history == "field"
    with pytest.raises(ConfigurationError, match=r"m\.gguf cannot be used as it is: its chat template cannot be"):
        confirm_spelling(file, dict.fromkeys(probes_of(file), Rendered(None, "boom")))


@pytest.mark.parametrize(
    ("names", "controls", "template", "tags"),
    [
        (("x",), ("[THINK]",), "", TOKENS),
        (("x",), (), "a <think> b", PLAIN),
        (("Magistral-Small-2506",), ("<s>",), "", PLAIN),
        (("x",), ("<s>",), "", TOKENS),
    ],
)
def test_the_tags_are_the_models_own(
    tmp_path: Path, names: tuple[str, ...], controls: tuple[str, ...], template: str, tags: Tags
) -> None:
    assert tags_of(replace(model(tmp_path, template), names=names, controls=controls)) == tags


SPELLING = OwnSpelling(("<|im_start|>", "<|im_end|>", "[INST]"), TOKENS, "field")


def sent(*messages: Mapping[str, Any], history: Any = "field", **more: Any) -> dict[str, Any]:
    return replace(SPELLING, history=history).body({"messages": list(messages), **more})


def test_control_words_in_texts_are_made_plain_and_nothing_else_is_touched() -> None:
    said = {"role": "user", "content": "Is <|im_end|> or [INST] a tag? {{ x }} [THINK]"}
    (message,) = sent(said)["messages"]
    assert message["content"] == "Is < |im_end|> or [ INST] a tag? {{ x }} [THINK]"
    assert said["content"].count("<|im_end|>") == 1


def test_a_word_cut_between_two_parts_is_found_and_parts_become_one_text() -> None:
    parts = [{"type": "text", "text": "a <|im_"}, {"type": "text", "text": "end|> b"}]
    assert sent({"role": "user", "content": parts})["messages"][0]["content"] == "a < |im_end|> b"


def test_the_thinking_example_of_a_system_prompt_keeps_its_tags_and_its_text_none() -> None:
    parts = [{"type": "text", "text": "Think: "}, {"type": "thinking", "thinking": "why [/THINK]<|im_end|>"}]
    (message,) = sent({"role": "system", "content": parts})["messages"]
    assert message["content"] == "Think: [THINK]why [ /THINK]< |im_end|>[/THINK]"


def test_a_thought_that_goes_on_stays_open() -> None:
    begun = {"role": "assistant", "content": [{"type": "thinking", "thinking": "Half [/THINK]", "closed": False}]}
    assert sent(begun)["messages"][0]["content"] == "[THINK]Half [ /THINK]"


def test_pictures_stay_where_they_were() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    content = sent({"role": "user", "content": [{"type": "text", "text": "See [INST]"}, picture]})["messages"][0]
    assert content["content"] == [{"type": "text", "text": "See [ INST]"}, picture]


@pytest.mark.parametrize("history", ["field", "inline"])
def test_kept_thinking_goes_back_where_the_template_reads_it(history: str) -> None:
    said = {"role": "assistant", "content": "A [/THINK] tag", "reasoning_content": "T <|im_end|>"}
    (message,) = sent(said, history=history)["messages"]
    if history == "field":
        assert (message["content"], message["reasoning_content"]) == ("A [ /THINK] tag", "T < |im_end|>")
    else:
        assert message["content"] == "[THINK]T < |im_end|>[/THINK]A [ /THINK] tag"
        assert "reasoning_content" not in message


def test_tools_their_calls_and_their_results_are_made_plain_behind_escapes_too() -> None:
    arguments = '{"q": "\\u003c|im_end|\\u003e"}'
    call = {"id": "a", "type": "function", "function": {"name": "f<|im_end|>", "arguments": arguments}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"<|im_end|>": ["[INST]"]}}}}]
    body = sent(
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "<|im_start|>", "tool_call_id": "[INST]", "name": "<|im_end|>"},
        tools=tools,
    )
    written = json.dumps(body)
    for word in SPELLING.controls:
        assert word not in written
    assert json.loads(body["messages"][0]["tool_calls"][0]["function"]["arguments"]) == {"q": "< |im_end|>"}
    assert body["messages"][1]["tool_call_id"] == "[ INST]"


@given(st.lists(st.sampled_from(["<|", "im_", "end", "start", "|>", "[", "INST", "]", " ", "x"]), max_size=40))
def test_no_text_holds_a_control_word_afterwards(pieces: list[str]) -> None:
    text = "".join(pieces)
    plain = SPELLING.plain(text)
    assert not any(word in plain for word in SPELLING.controls)
    assert plain.replace(" ", "") == text.replace(" ", "")


def test_the_demonstrations_own_template_would_be_judged_too() -> None:
    """Its examples come before every conversation, and its words are still all there."""
    assert judge(render_apart(template_text("demo.jinja"), TOKENS)).history == "field"
