"""Rows of services that somebody else runs: they need a key, and what is sent leaves this machine."""

from __future__ import annotations

from magistral_nb.costs import Price
from magistral_nb.dialects import Dialect
from magistral_nb.endpoints.endpoint import KEEP_THE_PROMPT, Endpoint
from magistral_nb.settings import Timeouts

ALWAYS_LOADED = Timeouts(first_event=120)
"""A model that others use too is in memory already: two minutes of silence mean a full queue or a broken service."""

HOSTED = (
    Endpoint(
        name="navigator",
        description="University of Florida NaviGator",
        base_url="https://api.ai.it.ufl.edu/v1",
        key_env="NAVIGATOR_API_KEY",
        model="magistral-small",
        json_schema=False,
        # The name does not say which Magistral Small it is, and neither does UF's page.
        dialect=Dialect(
            name="navigator",
            prefill="no",
            no_thinking_hint=f"{KEEP_THE_PROMPT} Or the server behind NaviGator hands thinking on unmarked.",
        ),
        context=40_000,
        price=Price(0.99, 0.99),
        timeouts=ALWAYS_LOADED,
        hint="Keys come from UF's NaviGator Toolkit (api.ai.it.ufl.edu/ui); off campus the VPN may be needed.",
    ),
    Endpoint(
        name="together",
        description="Together AI, a dedicated endpoint",
        base_url="https://api.together.ai/v1",
        key_env="TOGETHER_API_KEY",
        revision="2506",
        json_schema=False,
        dialect=Dialect(name="together", prefill="no", no_thinking_hint=KEEP_THE_PROMPT),
        context=128_000,
        timeouts=Timeouts(),  # the endpoint is yours alone, and may just be starting
        hint="A dedicated endpoint must be running; its name is the model: Client('together', model='…').",
    ),
    Endpoint(
        name="mistral",
        description="Mistral's own API; Magistral Small is retired there, Mistral Small 4 is its heir",
        base_url="https://api.mistral.ai/v1",
        key_env="MISTRAL_API_KEY",
        model="mistral-small-latest",
        system=False,
        dialect=Dialect(
            name="mistral",
            thought_chunk="list",
            history="chunks",
            prefill="prefix",
            extra_body={"reasoning_effort": "high"},  # the heir thinks only when asked to
            no_thinking_hint="The model thinks only with reasoning_effort='high', which this endpoint asks for.",
        ),
        context=256_000,
        price=Price(0.15, 0.60),
        timeouts=ALWAYS_LOADED,
        hint="Keys come from console.mistral.ai. Mistral's API serves no Magistral Small any more.",
    ),
    Endpoint(
        name="openrouter",
        description="OpenRouter, which passes questions on to other providers",
        base_url="https://openrouter.ai/api/v1",
        key_env="OPENROUTER_API_KEY",
        model="mistralai/magistral-small-2506",
        dialect=Dialect(name="openrouter", history="reasoning", no_thinking_hint=KEEP_THE_PROMPT),
        timeouts=ALWAYS_LOADED,
        hint="Keys come from openrouter.ai/keys. Models come and go there: client.models() lists them.",
    ),
    Endpoint(
        name="hf-router",
        description="Hugging Face Inference Providers; only when named, since $HF_TOKEN opens much else",
        base_url="https://router.huggingface.co/v1",
        key_env="HF_TOKEN",
        key_counts=False,
        model="mistralai/Magistral-Small-2509",
        json_schema=False,
        dialect=Dialect(name="hf-router", prefill="no", no_thinking_hint=KEEP_THE_PROMPT),
        timeouts=ALWAYS_LOADED,
        hint=(
            "Some provider must serve the model: client.models() lists what is served, and model='id:provider' picks "
            "one. The token needs the permission to call Inference Providers."
        ),
    ),
)
