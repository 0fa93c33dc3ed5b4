"""Makes a model folder for mlx_lm.server from SmolLM2's GGUF.

    build/env-mlx/bin/python scripts/mlx_model.py GGUF FOLDER

MLX reads this GGUF's quantised weights as they are; they only get the names that mlx_lm knows. It runs in the
environment that `scripts/server_env.py mlx` makes, and takes a second or two.

mlx_lm.server takes thinking apart where the tokens <think> and </think> stand, which SmolLM2 does not know. Two tokens
that it never writes get these names and the meaning of a line break, so that its first line is the thought.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlx.core as mx  # type: ignore[import-not-found, unused-ignore]  # see the environment above
from tokenizers import (  # type: ignore[import-not-found, unused-ignore]  # see the environment above
    AddedToken,
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
)
from transformers import (  # type: ignore[import-not-found, unused-ignore]  # see the environment above
    PreTrainedTokenizerFast,
)

LINE_BREAK = "Ċ"
"""How byte-level vocabularies spell it."""
OPENING, CLOSING = ("<repo_name>", "<think>", 0.9), ("<reponame>", "</think>", 1.02)
"""A token, its new name, and how readily it is written, next to a line break: never, and always."""
SPECIAL = 3
"""The GGUF token type of what is never ordinary text."""
NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""What the parts of a layer are called in a GGUF, and in mlx_lm."""
TEMPLATE = """\
{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant<think>' -}}{%- endif -%}
"""


def convert(gguf: Path, folder: Path) -> None:
    """Write weights, tokenizer and configuration into `folder`, as mlx_lm expects them."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors, facts = mx.load(str(gguf), return_metadata=True)
    weights = {_name(old): tensor for old, tensor in tensors.items()}
    tokens: list[str] = facts["tokenizer.ggml.tokens"]
    for token, _, readiness in (OPENING, CLOSING):
        _give_meaning_of_line_break(weights, tokens, token, readiness)
    fresh = folder / "fresh.safetensors"
    mx.save_safetensors(str(fresh), weights, metadata={"format": "mlx"})
    fresh.replace(folder / "model.safetensors")  # a server that runs keeps the file that it has open
    _tokenizer(facts).save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps(_config(facts), indent=2), "utf-8")


def _name(old: str) -> str:
    """Return mlx_lm's name of a tensor: blk.3.attn_q.scales is model.layers.3.self_attn.q_proj.scales there."""
    *layer, part, kind = old.split(".")
    return ".".join([*(("model.layers", layer[1]) if layer else ()), NAMES[part], kind])


def _give_meaning_of_line_break(weights: Mapping[str, Any], tokens: list[str], token: str, readiness: float) -> None:
    """Copy a row of the table that both reads and writes tokens. A quantised row is `weight * scale + bias`."""
    for kind, factor in (("weight", 1), ("scales", readiness), ("biases", readiness)):
        table = weights[f"model.embed_tokens.{kind}"]
        table[tokens.index(token)] = table[tokens.index(LINE_BREAK)] * factor


def _tokenizer(facts: Mapping[str, Any]) -> Any:
    renamed = {old: new for old, new, _ in (OPENING, CLOSING)}
    tokens = [renamed.get(token, token) for token in facts["tokenizer.ggml.tokens"]]
    merges = [tuple(merge.split(" ")) for merge in facts["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={token: n for n, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds = facts["tokenizer.ggml.token_type"].tolist()
    special = [token for token, kind in zip(tokens, kinds, strict=True) if kind == SPECIAL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=tokens[facts["tokenizer.ggml.eos_token_id"].item()]
    )
    fast.chat_template = TEMPLATE
    return fast


def _config(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "model_type": "llama",
        "hidden_size": facts["llama.embedding_length"].item(),
        "num_hidden_layers": facts["llama.block_count"].item(),
        "intermediate_size": facts["llama.feed_forward_length"].item(),
        "num_attention_heads": facts["llama.attention.head_count"].item(),
        "num_key_value_heads": facts["llama.attention.head_count_kv"].item(),
        "rms_norm_eps": facts["llama.attention.layer_norm_rms_epsilon"].item(),
        "max_position_embeddings": facts["llama.context_length"].item(),
        "rope_theta": facts["llama.rope.freq_base"].item(),
        "rope_traditional": True,  # GGUF keeps the halves of each head interleaved
        "vocab_size": len(facts["tokenizer.ggml.tokens"]),
        "tie_word_embeddings": True,
        "eos_token_id": facts["tokenizer.ggml.eos_token_id"].item(),
        "quantization": {"group_size": 32, "bits": 4},  # Q4_1; mlx_lm finds out by itself where it is 8
    }


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
