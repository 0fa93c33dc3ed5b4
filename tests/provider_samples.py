"""Which stream samples each provider's server can send, and why; and how each wants an earlier turn spelled."""

from __future__ import annotations

from collections.abc import Mapping

TAGS_KEPT = "no reasoning parser behind it: tags stand in the text"
THINK_TAGS = "2506 writes `<think>` as plain text, and nothing takes it out"
RENAMED = "LiteLLM renames the field of the server behind it"

SENDS: Mapping[str, Mapping[str, str]] = {
    "navigator": {
        "litellm_vllm_backend": RENAMED,
        "litellm_no_parser_behind": TAGS_KEPT,
        "hf_tgi": THINK_TAGS,
    },
    "together": {
        "together_reasoning": "the field of Together's own package",
        "hf_tgi": THINK_TAGS,
    },
    "mistral": {
        "mistral_2509": "thinking chunks; the heir of Magistral Small keeps this shape",
        "mistral_reference_chunk": "chunks of other kinds in between",
    },
    "openrouter": {
        "openrouter": "two fields with the same text",
        "hf_tgi": THINK_TAGS,
    },
    "hf-router": {
        "hf_router": "the field of Hugging Face's own package",
        "litellm_no_parser_behind": TAGS_KEPT,
    },
    "vllm": {
        "vllm_reasoning": "with `--reasoning-parser mistral`",
        "vllm_reasoning_content_old": "the same, before the field was renamed",
        "vllm_continuous_usage": "usage on every chunk",
        "vllm_no_parser_tags_kept": "without a parser, with `skip_special_tokens=false`",
    },
    "sglang": {
        "vllm_reasoning_content_old": "with `--reasoning-parser mistral`: SGLang's field has vLLM's old name",
        "vllm_no_parser_tags_kept": TAGS_KEPT,
    },
    "llama-server": {
        "llamacpp": "its own parser",
        "llamacpp_format_none": "with `--reasoning-format none`",
    },
    "ollama": {
        "ollama_v1": "a template that knows thinking",
        "hf_tgi": "a template that does not",
    },
    "lmstudio": {
        "lmstudio_v1": "with the switch in its developer settings",
        "llamacpp_format_none": "without the switch",
    },
    "mlx": {
        "litellm_no_parser_behind": "2507 and 2509: tags in the text, in pieces",
        "hf_tgi": THINK_TAGS,
        "mlx_lm_think": "other models, whose vocabulary holds `<think>`",
    },
    "transformers-serve": {
        "hf_tgi": THINK_TAGS,
        "transformers_serve": "a model that brings a response template; there is no [DONE]",
    },
    "litellm": {
        "litellm_mistral": "in front of Mistral's API: the same text in two fields",
        "litellm_vllm_backend": RENAMED,
        "litellm_no_parser_behind": TAGS_KEPT,
    },
}
"""Sample → why this server can send it. Samples are streams that hold a whole answer."""

ANYBODY: Mapping[str, str] = {
    "edge_crlf": "a proxy in between",
    "edge_multiline_data": "the standard allows it",
    "edge_no_space_after_colon": "the standard allows it",
    "edge_unicode": "characters are cut between packets",
    "edge_leading_space_kept": "Markdown that begins with an indentation",
    "edge_tag_in_answer": "a question about tags",
    "edge_length_in_thinking": "max_tokens was reached",
}
"""Samples that every server can send."""

BREAKS: Mapping[str, Mapping[str, str]] = {
    "navigator": {"error_vllm": "LiteLLM passes the error on", "error_html_200": "a campus login page"},
    "together": {"error_cut": "the connection is lost"},
    "mistral": {"error_cut": "the connection is lost"},
    "openrouter": {"error_cut": "the connection is lost"},
    "hf-router": {"error_tgi": "a TGI server behind it"},
    "vllm": {"error_vllm": "its engine dies", "error_cut": "it is killed"},
    "sglang": {"error_vllm": "the same shape as vLLM's"},
    "llama-server": {"error_cut": "it is killed"},
    "ollama": {"error_cut": "it is killed"},
    "lmstudio": {"error_cut": "it is killed"},
    "mlx": {"error_cut": "it reports no errors in a stream, the connection just drops"},
    "transformers-serve": {"error_cut": "it is killed"},
    "litellm": {"error_vllm": "it passes the error on"},
}
"""Sample → why this server can send it. Samples are streams that fail."""

HISTORY: Mapping[str, str] = {
    "navigator": "[THINK]",
    "together": "<think>",
    "mistral": "chunks with lists",
    "openrouter": "reasoning",
    "hf-router": "[THINK]",
    "vllm": "chunks with strings",
    "sglang": "[THINK]",
    "llama-server": "[THINK]",
    "ollama": "reasoning",
    "lmstudio": "[THINK]",
    "mlx": "[THINK]",
    "transformers-serve": "<think>",
    "litellm": "[THINK]",
}
"""How the thinking of an earlier turn is spelled for each: the keys of `test_endpoint_conversations.SPELLED`."""
