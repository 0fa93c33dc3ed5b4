"""How a model is loaded: safetensors only, no code of others, what it needs said first, and where it goes."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import Client, ConfigurationError, MagistralError
from magistral_nb.events import Waiting
from magistral_nb.transports import demo_model, transformers_needs
from magistral_nb.transports.transformers import TransformersModel, TransformersTransport
from magistral_nb.transports.transformers_loading import Progress, load, load_arguments
from magistral_nb.transports.transformers_needs import Room, Weights, check_needs, weights_of
from tests.chat_oracles import judge, tekken_data
from tests.transformers.conftest import AskClient
from tests.transformers.tiny_models import magistral_tokenizer, save_llama

GB = 10**9
MAGISTRAL = Weights(matrices=22_200_000_000, others=1_400_000_000, stored=47_200_000_000)
"""About what a Magistral Small 2507 has: 24 billion weights in bfloat16."""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Stand in for loading the weights, and note with which arguments that would be done."""
    from transformers import AutoModelForCausalLM

    heard: list[dict[str, Any]] = []

    class Silent:
        def eval(self) -> Silent:
            return self

    def from_pretrained(place: str, **arguments: Any) -> Silent:
        heard.append({"place": place, **arguments})
        return Silent()

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", from_pretrained)
    return heard


def on(monkeypatch: pytest.MonkeyPatch, *, cuda: bool = False, mps: bool = False) -> None:
    """Say that this machine has a graphics card, or is a Mac, with 24 GB of it."""
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda number: (22 * GB, 24 * GB))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 24 * GB)
    monkeypatch.setattr(torch.mps, "current_allocated_memory", lambda: 2 * GB)


@pytest.mark.parametrize(
    ("machine", "device_map"),
    [({}, None), ({"cuda": True}, "auto"), ({"mps": True}, "mps")],
    ids=["cpu", "cuda", "mps"],
)
def test_where_a_model_goes_and_how(
    llama_folder: Path, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch,
    machine: dict[str, bool], device_map: str | None,
) -> None:  # fmt: skip
    on(monkeypatch, **machine)
    load(str(llama_folder), TransformersModel(), Progress("m"))
    (arguments,) = told
    assert arguments.pop("device_map", None) == device_map
    assert arguments == {
        "place": str(llama_folder), "use_safetensors": True, "trust_remote_code": False, "dtype": "auto"
    }  # fmt: skip


def test_wishes_are_handed_on(llama_folder: Path, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, cuda=True)
    how = TransformersModel(device_map={"": 0}, dtype="bfloat16", load_in_4bit=True)
    load(str(llama_folder), how, Progress("m"))
    (arguments,) = told
    assert (arguments["device_map"], arguments["dtype"]) == ({"": 0}, "bfloat16")
    quantization = arguments["quantization_config"].to_dict()
    assert (quantization["load_in_4bit"], quantization["bnb_4bit_quant_type"]) == (True, "nf4")
    assert quantization["bnb_4bit_use_double_quant"]


def test_a_magistral_fits_a_card_of_24_gb_in_4_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, cuda=True)
    needs = check_needs("M", MAGISTRAL, load_arguments(TransformersModel(load_in_4bit=True)), load_in_4bit=True)
    assert needs.fits
    assert needs.text == (
        "Loading M: 23.6 billion weights, about 14.3 GB in 4 bits; 22.0 GB of the graphics memory are free"
    )
    whole = check_needs("M", MAGISTRAL, load_arguments(TransformersModel()), load_in_4bit=False)
    assert whole.fits is False
    assert "about 47.2 GB" in whole.text
    assert "In 4 bits it needs about 14.3 GB (load_in_4bit=True)" in whole.text


def test_4_bits_are_really_loaded_and_answer(llama_folder: Path) -> None:
    import torch

    loaded = load(str(llama_folder), TransformersModel(load_in_4bit=True), Progress("m"))
    assert loaded.model.model.layers[0].mlp.up_proj.weight.dtype == torch.uint8
    transport = TransformersTransport(TransformersModel(load_in_4bit=True))
    client = Client("transformers", model=str(llama_folder), max_tokens=3, system=None)
    client._transport_made = transport
    with client:
        assert client.chat("hi", temperature=0).usage


def test_what_does_not_fit_into_this_machine_is_refused_before_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformers_needs, "free_room", lambda _: Room(transformers_needs.MAIN, 6 * GB, 8 * GB))
    with pytest.raises(ConfigurationError, match=r"about 47.2 GB, and there are 8.0 GB of main memory") as caught:
        check_needs("M", MAGISTRAL, {"dtype": "auto"}, load_in_4bit=False)
    assert "In 4 bits it needs about 14.3 GB" in caught.value.hint


def test_memory_is_read_from_the_files_before_loading(llama_folder: Path) -> None:
    from transformers import AutoModelForCausalLM

    weights = weights_of(str(llama_folder))
    model = AutoModelForCausalLM.from_pretrained(llama_folder)
    stored = {tensor.data_ptr(): tensor.numel() for tensor in model.state_dict().values()}
    assert weights
    assert weights.count == sum(stored.values())
    assert weights.bytes_needed("auto", load_in_4bit=False) == 4 * weights.count
    assert weights.bytes_needed("bfloat16", load_in_4bit=False) == 2 * weights.count
    path = demo_model.locate()
    unpacked = weights_of(str(path.parent), path.name)
    assert unpacked
    assert 134e6 < unpacked.count < 136e6


def test_what_it_needs_and_how_far_it_is_are_told_while_loading(llama_folder: Path, ask: AskClient) -> None:
    with ask(llama_folder).stream("hi", max_tokens=2) as stream:
        waits = [event for event in stream if isinstance(event, Waiting)]
    assert {event.why for event in waits} == {"loading"}
    assert waits[0].text.startswith("Loading tiny-llama")
    progress = Progress("m")
    load(str(llama_folder), TransformersModel(), progress)
    assert progress.share is not None
    assert progress.share > 0.9
    assert "about 25.5 MB" in progress.text
    assert "of main memory are free" in progress.text


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_files_that_may_run_code_are_refused(llama_folder: Path, tmp_path: Path, ask: AskClient, name: str) -> None:
    folder = copy_of(llama_folder, tmp_path)
    (folder / "model.safetensors").rename(folder / name)
    with pytest.raises(ConfigurationError, match=f"no model.safetensors, only {name}") as caught:
        ask(folder).chat("hi")
    assert "can run code" in caught.value.hint


def test_code_that_comes_with_a_model_is_never_run(llama_folder: Path, tmp_path: Path, ask: AskClient) -> None:
    folder = copy_of(llama_folder, tmp_path)
    trap = tmp_path / "it-ran"
    (folder / "modeling_evil.py").write_text(
        f"open({str(trap)!r}, 'w').close()\nfrom transformers import PreTrainedModel as Evil, PretrainedConfig as Bad\n"
    )
    file = folder / "config.json"
    evil = {
        "model_type": "evil",
        "auto_map": {"AutoConfig": "modeling_evil.Bad", "AutoModelForCausalLM": "modeling_evil.Evil"},
    }
    file.write_text(json.dumps(json.loads(file.read_text()) | evil))
    with pytest.raises(ConfigurationError, match="could not be loaded"):
        ask(folder).chat("hi")
    assert not trap.exists()


def test_a_model_that_sees_is_loaded_too() -> None:
    """2509 is no plain causal model: it has eyes."""
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, LlamaConfig, Mistral3Config

    from magistral_nb.transports.transformers_loading import _model_class

    assert _model_class(Mistral3Config()) is AutoModelForImageTextToText
    assert _model_class(LlamaConfig()) is AutoModelForCausalLM


def test_a_model_that_sees_answers_what_it_reads(tmp_path: Path, ask: AskClient) -> None:
    from transformers import Mistral3Config, Mistral3ForConditionalGeneration

    tokenizer = magistral_tokenizer()
    config = Mistral3Config(
        text_config={
            "model_type": "mistral", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
            "head_dim": 16, "num_key_value_heads": 2, "intermediate_size": 64, "vocab_size": len(tokenizer),
            "max_position_embeddings": 512,
        },
        vision_config={
            "model_type": "pixtral", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
            "head_dim": 16, "intermediate_size": 32, "image_size": 28, "patch_size": 14,
        },
    )  # fmt: skip
    save_llama(tmp_path / "seeing", tokenizer, model=Mistral3ForConditionalGeneration(config))
    reply = ask(tmp_path / "seeing").chat("hi", max_tokens=5, temperature=0)
    assert reply.usage
    assert reply.usage.completion_tokens == 5


def test_a_folder_as_mistral_publishes_it_is_asked(tmp_path: Path, ask: AskClient) -> None:
    """With its own tokenizer file, and no chat template."""
    import torch
    from transformers import AutoTokenizer, MistralConfig, MistralForCausalLM

    folder = tmp_path / "Magistral-Small-2507"
    config = MistralConfig(
        vocab_size=131_072, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=2048, eos_token_id=2,
    )  # fmt: skip
    MistralForCausalLM(config).save_pretrained(folder)
    (folder / "tekken.json").write_text(json.dumps(tekken_data("v13")), "utf-8")
    reply = ask(folder, system="default").chat("Is 91 prime?", temperature=0, max_tokens=12)
    system = {"role": "system", "content": json.loads(default_prompt())["parts"]}
    asked = judge([system, {"role": "user", "content": "Is 91 prime?"}], "2507").ids
    given = torch.tensor([asked])
    said = MistralForCausalLM.from_pretrained(folder).generate(given, max_new_tokens=12, do_sample=False)
    text = AutoTokenizer.from_pretrained(folder).decode(said[0, len(asked) :], skip_special_tokens=False)
    assert reply.usage
    assert reply.usage.prompt_tokens == len(asked)
    assert reply.thinking + reply.answer == text


def default_prompt() -> str:
    return files("magistral_nb").joinpath("prompts/2507.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/no/such/folder", "no folder"),
        ("/no/such/model.gguf", "no model file"),
        ("nobody/no-such-model", "could not be loaded"),
    ],
)
def test_what_is_not_there_is_said(ask: AskClient, name: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        ask(Path(name)).chat("hi")


def test_after_a_failure_it_can_be_tried_again(llama_folder: Path, tmp_path: Path, ask: AskClient) -> None:
    folder = copy_of(llama_folder, tmp_path)
    (folder / "model.safetensors").rename(folder / "elsewhere")
    client = ask(folder, max_tokens=2)
    with pytest.raises(MagistralError):
        client.chat("hi")
    (folder / "elsewhere").rename(folder / "model.safetensors")
    assert client.chat("hi").usage


def test_models_on_this_machine_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    snapshot = tmp_path / "models--somebody--small" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").write_bytes(b"")
    (tmp_path / "models--somebody--pickled" / "snapshots" / ("0" * 40)).mkdir(parents=True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.utils._cache_manager.HF_HUB_CACHE", str(tmp_path), raising=False)
    assert Client("transformers").models() == ["somebody/small"]


def copy_of(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "tiny-llama"))
