"""Rows of what runs on this machine: servers of your own, and models in this process.

All keep the long time limits: a laptop needs minutes to load 24 billion weights or to read a long prompt. No server has
a `context`: whoever starts it decides, and what it refuses is asked once more with what fits.
"""

from __future__ import annotations

from magistral_nb.dialects import Dialect
from magistral_nb.endpoints.endpoint import KEEP_THE_PROMPT, Endpoint
from magistral_nb.settings import Timeouts

HERE = (
    Endpoint(
        name="vllm",
        description="vLLM on this machine",
        base_url="http://127.0.0.1:8000/v1",
        key_env="VLLM_API_KEY",
        key_needed=False,
        model="mistralai/Magistral-Small-2509",
        # What to do when no thinking comes is vLLM's cure for every dialect that says nothing else.
        dialect=Dialect(name="vllm", thought_chunk="string", history="chunks", prefill="continue_final_message"),
        hint=(
            "To start it: vllm serve mistralai/Magistral-Small-2509 --tokenizer_mode mistral --config_format mistral "
            "--load_format mistral --reasoning-parser mistral. For another model or --served-model-name give model='…'."
        ),
    ),
    Endpoint(
        name="sglang",
        description="SGLang on this machine",
        base_url="http://127.0.0.1:30000/v1",
        key_env="SGLANG_API_KEY",
        key_needed=False,
        model="mistralai/Magistral-Small-2509",
        dialect=Dialect(
            name="sglang",
            prefill="continue_final_message",
            # Without it SGLang 0.5.23 takes [THINK] out of the text before its own parser can see it.
            extra_body={"skip_special_tokens": False},
            no_thinking_hint=f"{KEEP_THE_PROMPT} Start SGLang with --reasoning-parser mistral.",
        ),
        hint=(
            "To start it: python -m sglang.launch_server --model-path mistralai/Magistral-Small-2509 "
            "--reasoning-parser mistral. For another model give model='…'."
        ),
    ),
    Endpoint(
        name="llama-server",
        description="llama.cpp's server on this machine",
        base_url="http://127.0.0.1:8080/v1",
        also_at=("http://127.0.0.1:9931/v1",),  # where newer versions listen: ggml-org/llama.cpp#26508
        key_env="LLAMA_API_KEY",
        key_needed=False,
        model="mistralai/Magistral-Small-2509-GGUF:Q4_K_M",
        dialect=Dialect(
            name="llama-server",
            # Its own defaults, top_k 40 and min_p 0.05, would sample otherwise than the model card says.
            extra_body={"top_k": 0, "min_p": 0.0},
            no_thinking_hint=f"{KEEP_THE_PROMPT} Or start llama-server with --jinja, and with --special too.",
        ),
        hint=(
            "To start it: llama-server -hf mistralai/Magistral-Small-2509-GGUF:Q4_K_M --jinja --ctx-size 40960 "
            "--port 8080. Newer versions listen on 9931 if no port is given."
        ),
    ),
    Endpoint(
        name="ollama",
        description="Ollama on this machine",
        base_url="http://127.0.0.1:11434/v1",
        key_needed=False,
        model="magistral",
        revision="2506",
        json_schema=False,
        dialect=Dialect(name="ollama", history="reasoning", prefill="no", no_thinking_hint=KEEP_THE_PROMPT),
        hint=(
            "To start it: OLLAMA_CONTEXT_LENGTH=40960 ollama serve. To fetch the model: ollama pull magistral. "
            "With a smaller window Ollama cuts long prompts and says nothing."
        ),
    ),
    Endpoint(
        name="lmstudio",
        description="LM Studio on this machine",
        base_url="http://127.0.0.1:1234/v1",
        key_env="LM_API_TOKEN",
        key_needed=False,
        model="mistralai/magistral-small-2509",
        json_schema=False,
        dialect=Dialect(
            name="lmstudio",
            prefill="no",
            no_thinking_hint=(
                f"{KEEP_THE_PROMPT} LM Studio may also know no thinking tags for the model: see its settings."
            ),
        ),
        hint=(
            "To start it: lms server start, or the Developer tab. To load the model: "
            "lms load mistralai/magistral-small-2509 --context-length 40960."
        ),
    ),
    Endpoint(
        name="mlx",
        description="MLX on this Mac (mlx_lm.server)",
        base_url="http://127.0.0.1:8080/v1",
        key_needed=False,
        model="lmstudio-community/Magistral-Small-2509-MLX-4bit",
        json_schema=False,
        dialect=Dialect(name="mlx", prefill="no", no_thinking_hint=KEEP_THE_PROMPT),
        hint=(
            "To start it: mlx_lm.server --model lmstudio-community/Magistral-Small-2509-MLX-4bit. The server loads "
            "whatever model a question names: give model='…' if you started it with another."
        ),
    ),
    Endpoint(
        name="transformers-serve",
        description="transformers serve on this machine",
        base_url="http://127.0.0.1:8000/v1",
        key_needed=False,
        model="mistralai/Magistral-Small-2506",
        timeouts=Timeouts(between_events=600),  # its first chunk comes before it has read the prompt
        json_schema=False,
        dialect=Dialect(
            name="transformers-serve",
            prefill="no",
            no_thinking_hint=(
                f"{KEEP_THE_PROMPT} transformers serve takes the [THINK] of 2507 and 2509 away; 2506 keeps its tags."
            ),
        ),
        hint="To start it: transformers serve mistralai/Magistral-Small-2506. For another model give model='…'.",
    ),
    Endpoint(
        name="litellm",
        description="a LiteLLM proxy on this machine",
        base_url="http://127.0.0.1:4000/v1",
        key_env="LITELLM_PROXY_API_KEY",
        key_needed=False,
        model="magistral-small",
        json_schema=False,
        dialect=Dialect(
            name="litellm",
            prefill="prefix",
            no_thinking_hint=f"{KEEP_THE_PROMPT} Or the server behind the proxy hands thinking on unmarked.",
        ),
        hint=(
            "To start it: litellm --config config.yaml. The model must be a model_name of that file. Send no "
            "reasoning_effort to a Magistral: LiteLLM then puts a broken prompt in front of yours."
        ),
    ),
    Endpoint(
        name="gguf",
        description="a GGUF file of your own, in this process: no key, no network",
        key_needed=False,
        # What these say of spelling is for the transport, which spells for the file's own chat template.
        dialect=Dialect(
            name="gguf", thought_chunk="string", history="reasoning_content", no_thinking_hint=KEEP_THE_PROMPT
        ),
        context=40_960,
        hint="The model is a file: Client('gguf', model='~/models/Magistral-Small-2509-Q4_K_M.gguf').",
        engine="llamacpp",
    ),
    Endpoint(
        name="transformers",
        description="a model in this process, by transformers: from the hub, or from a folder",
        key_needed=False,
        # A prompt may take minutes to read here, and a token seconds: silence says nothing.
        timeouts=Timeouts(connect=None, first_event=None, between_events=None),
        json_schema=False,
        dialect=Dialect(
            name="transformers",
            thought_chunk="string",
            history="reasoning_content",
            no_thinking_hint=KEEP_THE_PROMPT,
        ),
        hint=(
            "A name on the hub, such as mistralai/Magistral-Small-2509, or a folder with its files. "
            'It needs: pip install "magistral_nb[transformers]".'
        ),
        engine="transformers",
    ),
    Endpoint(
        name="demo",
        description="the embedded demonstration model, in this process: no key, no network",
        key_needed=False,
        model="smollm2-135m-instruct",
        template="demo",
        system=False,
        # Its grammar begins every reply with a thought: it would think anew in the middle of an answer.
        dialect=Dialect(name="demo", history="reasoning_content", prefill="no", opens_thought=True),
        context=8192,
        label=(
            "A demonstration model with 135 million parameters: often wrong. "
            "A grammar makes it think before it answers."
        ),
        engine="demo",
    ),
)
