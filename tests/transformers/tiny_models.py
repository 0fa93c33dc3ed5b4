"""Very small models with real tokenizers, saved as folders: random ones, and one that has learned a few replies.

The tokenizer is that of the embedded demonstration model; for the Magistral it has Mistral's control tokens as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from magistral_nb.chat_format import FORMATS, Prompt
from magistral_nb.transports import demo_model
from magistral_nb.transports.transformers_vocabulary import Vocabulary

WINDOW = 512
CONTROLS = sorted({*FORMATS["2506"].controls, *FORMATS["2507"].controls})

PRIME = "Is 91 prime?"
ADD = "Add 2 and 3."
SMILE = "Smile!"
LEARNED: Mapping[str, tuple[str, ...]] = {
    PRIME: ("[THINK]", "7 times 13 is 91.", "[/THINK]", "No, it is not.", "</s>"),
    ADD: ("[THINK]", "There is a tool.", "[/THINK]", "[TOOL_CALLS]", "add", "[ARGS]", '{"a": 2, "b": 3}', "</s>"),
    SMILE: ("[THINK]", "😀", "[/THINK]", "One 🐊 and one é.", "</s>"),
}
"""What the tiny Magistral answers to what, word for word; its control tokens stand apart."""


def smol_tokenizer() -> Any:
    """Return the tokenizer of the embedded model, as `transformers` reads it from the GGUF file."""
    from transformers import AutoTokenizer

    path = demo_model.locate()
    return AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)


def save_llama(folder: Path, tokenizer: Any, *, seed: int = 0, model: Any = None) -> Path:
    """Save a Llama of two layers, with random weights unless there is a `model`, and its tokenizer."""
    (model or llama(tokenizer, seed=seed)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def llama(tokenizer: Any, *, seed: int = 0, window: int = WINDOW) -> Any:
    """Return a Llama with random weights, always the same for a seed."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
                num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=window,
                bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.eos_token_id,
            )
        )  # fmt: skip


def magistral_tokenizer(*, special: bool = True) -> Any:
    """Return the embedded model's tokenizer with Magistral's control tokens and no template.

    special : whether they are special tokens, as they should be; some conversions add them as ordinary words.
    """
    from transformers import AddedToken

    tokenizer = smol_tokenizer()
    tokenizer.add_tokens([AddedToken(name, special=special, normalized=False) for name in CONTROLS], special)
    tokenizer.bos_token, tokenizer.eos_token = "<s>", "</s>"
    tokenizer.chat_template = None
    return tokenizer


def learned_magistral(tokenizer: Any) -> Any:
    """Return a Llama that was trained, for some seconds, until it knows the replies in `LEARNED` by heart."""
    import torch

    model = llama(tokenizer)
    vocabulary = Vocabulary(tokenizer)
    examples = [_example(vocabulary, question, reply) for question, reply in LEARNED.items()]
    steps = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(200):
        loss = sum(model(input_ids=ids, labels=labels).loss for ids, labels in examples)
        steps.zero_grad()
        loss.backward()
        steps.step()
        if loss.item() < 0.02:
            return model.eval()
    raise AssertionError(f"The tiny Magistral has not learned its replies: {loss.item()}")


def _example(vocabulary: Vocabulary, question: str, reply: tuple[str, ...]) -> tuple[Any, Any]:
    """Return the ids of a question and its reply, and the same with what is not to be learned masked."""
    import torch

    prompt = Prompt.render([{"role": "user", "content": question}], revision="2507")
    asked = [token for kind, text in prompt.parts for token in ids_of(vocabulary, text, control=kind == "control")]
    said = [token for text in reply for token in ids_of(vocabulary, text, control=text in vocabulary.controls)]
    return torch.tensor([asked + said]), torch.tensor([[-100] * len(asked) + said])


def ids_of(vocabulary: Vocabulary, text: str, *, control: bool) -> list[int]:
    """Return the id of a control token, or those of a text."""
    return [vocabulary.control(text)] if control else vocabulary.ids(text)
