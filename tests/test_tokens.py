"""Who counts tokens, and when a count may call itself exact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from magistral_nb import Client, ConfigurationError, Prompt, TokenCount, tokens, user
from magistral_nb.chat_format import FORMATS
from magistral_nb.tokens import CHARACTERS, local_counter
from tests.chat_oracles import mistral_tokenizer, tekken_data
from tests.fake_server import FakeServer
from tests.test_client import GOOD, client_for, sent

WORDS = ["what", "is", "a", "token", "[", "]", "/", "INST", "?", "[INST]", "[/INST]", "<unk>"]


@pytest.fixture(scope="module")
def tekken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tekken.json with the control tokens of 2507, as the models have one."""
    path = tmp_path_factory.mktemp("tekken") / "tekken.json"
    path.write_text(json.dumps(tekken_data("v13")), "utf-8")
    return path


def hugging_face(folder: Path, *, controls: tuple[str, ...]) -> Path:
    tokenizer: Any = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(list(controls))
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_a_tekken_file_counts_exactly(tekken: Path) -> None:
    prompt = Client(tokenizer=tekken).preview("Is [INST] a token?")
    tokenizer = mistral_tokenizer("v13").instruct_tokenizer.tokenizer  # read from the same text
    by_hand = sum(
        1 if kind == "control" else len(tokenizer.encode(text, bos=False, eos=False)) for kind, text in prompt.parts
    )
    assert prompt.tokens == TokenCount(by_hand, exact=True)
    assert prompt.tokens.by == f"counted by the tokenizer {tekken}"
    assert str(prompt.tokens) == f"{by_hand} tokens"
    assert "Prompt of about" not in prompt._repr_mimebundle_()["text/plain"]


def test_a_folder_counts_by_what_it_holds(tekken: Path, tmp_path: Path) -> None:
    assert Client().preview("q", tokenizer=tekken.parent).tokens.exact
    folder = hugging_face(tmp_path, controls=("<s>", "[INST]", "[/INST]"))
    counter = local_counter(folder)
    assert counter.count("what is [INST] ?") == 6  # what, is, [, INST, ], ?
    prompt = Prompt.render([user("what is [INST] ?")]).counted(counter)
    assert prompt.tokens == TokenCount(9, exact=True)


def test_another_models_tokenizer_is_no_exact_one(tmp_path: Path) -> None:
    folder = hugging_face(tmp_path, controls=("[INST]", "[/INST]"))
    prompt = Prompt.render([user("what ?")]).counted(local_counter(folder))
    assert prompt.tokens == TokenCount(5, exact=False)
    assert "it does not know <s>" in prompt.notices[-1]


def test_the_shipped_vocabulary_is_an_estimate_near_the_truth(tekken: Path) -> None:
    for revision in FORMATS:
        prompt = Prompt.render([user("Wie viele Türen hat das Haus? [INST]")], revision=revision)
        estimate = prompt.counted(local_counter(None))
        assert not estimate.tokens.exact
        assert estimate.tokens.by == "estimated with the vocabulary of an earlier Mistral model"
        exact = prompt.counted(local_counter(tekken)).tokens.total
        assert abs(estimate.tokens.total - exact) <= 2


def test_without_it_characters_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "find_spec", lambda name: None)
    assert local_counter(None) is CHARACTERS


@pytest.mark.parametrize("content", [None, "no json", "{}", '{"model": 3}'])
def test_what_is_no_tokenizer_is_said_so(tmp_path: Path, content: str | None) -> None:
    for name in ("tekken.json", "tokenizer.json"):
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        if content is not None:
            (folder / name).write_text(content)
        with pytest.raises(ConfigurationError, match=r"no tokenizer") as refused:
            Client().preview("q", tokenizer=folder)
        assert str(folder) in refused.value.message


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(ConfigurationError) as refused:
        local_counter(tmp_path)
    assert refused.value.hint == 'pip install "magistral_nb[tokens]"'


def test_with_a_tokenizer_the_answer_gets_the_room_that_is_left(server: FakeServer, tekken: Path) -> None:
    server.play(GOOD)
    text = "word " * 5_000
    client = client_for(server)
    for tokenizer, least, most in ((None, 30_000, 32_000), (tekken, 34_500, 35_000)):
        client = Client("navigator", base_url=server.base_url, api_key="k", tokenizer=tokenizer, system=None)
        client.chat(text)
        assert least < sent(server)["max_tokens"] < most


# ---- A server's own tokenizer


def test_a_server_is_asked_only_when_the_user_counts(server: FakeServer) -> None:
    server.play_json({"tokens": [1, 2, 3], "count": 3}, path="/tokenize")
    client = client_for(server)
    client.preview("Is [INST] a token?")
    assert server.requests == []
    count = client.count_tokens("Is [INST] a token?", system=None)
    assert (count.total, count.exact, count.by) == (6, True, "counted by the model's own tokenizer")
    assert [request.path for request in server.requests] == ["/tokenize"]
    body = sent(server)
    assert body["content"] == body["prompt"] == "Is [INST] a token?"
    assert body["parse_special"] is body["add_special"] is body["add_special_tokens"] is False


@pytest.mark.parametrize(("status", "answer"), [(404, {}), (405, {}), (200, {}), (200, {"tokens": 3}), (200, "x")])
def test_a_server_that_cannot_count_says_what_to_do(server: FakeServer, status: int, answer: object) -> None:
    server.play_json(answer, status=status, path="/tokenize")
    with pytest.raises(ConfigurationError, match="does not say how many tokens") as refused:
        client_for(server).count_tokens("q")
    assert "tokenizer=" in refused.value.hint


def test_what_a_tokenizer_adds_by_itself_is_not_counted(tmp_path: Path) -> None:
    folder = hugging_face(tmp_path, controls=("<s>",))
    tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    assert local_counter(folder).count("what is") == 2
