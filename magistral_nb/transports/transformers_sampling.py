"""How the next token is drawn: the wishes of a request become what `generate` of `transformers` understands.

The drawing itself is done here, from a generator of this request alone: `generate` would draw from torch's global one,
which belongs to the user and to every other thread.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from magistral_nb.errors import ConfigurationError

KNOWN = {"temperature", "top_p", "top_k", "min_p", "repetition_penalty", "max_tokens", "seed", "stop"}
_BESIDES = {"model", "messages", "stream", "stream_options", "tools", "chat_template_kwargs"}


def check_fields(body: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for fields of a request that this engine cannot honour: none is dropped silently."""
    if unknown := sorted(set(body) - KNOWN - _BESIDES):
        raise ConfigurationError(
            f"Client('transformers') does not know {', '.join(unknown)}.",
            hint=f"Leave it out of extra_body. Known are {', '.join(sorted(KNOWN))} and chat_template_kwargs.",
        )


def generation_config(model: Any, body: Mapping[str, Any], *, max_new_tokens: int, end: int | None) -> Any:
    """Return the model's own settings for generating, with the request's in place of all that concerns sampling.

    `end` is the token that ends a reply where the model's files name none.
    """
    config = copy.deepcopy(model.generation_config)
    # We draw by ourselves, so these stand at values that say nothing, whatever the model's files recommend.
    config.update(do_sample=False, temperature=1.0, top_p=1.0, top_k=50, min_p=None, typical_p=None, num_beams=1)
    config.update(max_length=None, max_new_tokens=max_new_tokens, return_dict_in_generate=False)
    if config.eos_token_id is None:
        config.update(eos_token_id=end)
    if config.pad_token_id is None:  # nothing is padded; without one, a warning is logged at every question
        config.update(pad_token_id=end)
    if "repetition_penalty" in body:
        config.update(repetition_penalty=float(body["repetition_penalty"]))
    return config


def logits_processors(body: Mapping[str, Any]) -> Any:
    """Return the steps from a model's scores to the token that is drawn; at temperature 0 none: the best is taken."""
    from transformers import LogitsProcessorList
    from transformers.generation import logits_process as steps

    temperature = float(body.get("temperature", 1.0))
    if temperature <= 0:
        return LogitsProcessorList()
    wishes = {name: body.get(name) for name in ("top_k", "top_p", "min_p")}
    chosen: list[Any] = [steps.TemperatureLogitsWarper(temperature)] if temperature != 1 else []
    if wishes["top_k"]:
        chosen.append(steps.TopKLogitsWarper(top_k=int(wishes["top_k"])))
    if wishes["top_p"] is not None and wishes["top_p"] < 1:
        chosen.append(steps.TopPLogitsWarper(top_p=float(wishes["top_p"])))
    if wishes["min_p"]:
        chosen.append(steps.MinPLogitsWarper(min_p=float(wishes["min_p"])))
    return LogitsProcessorList([*chosen, Draw(body.get("seed"))])


class Draw:
    """Draws one token by its probability and leaves no other: what `generate` then takes for the best is the drawn one.

    The same seed draws the same tokens on the same kind of device.
    """

    def __init__(self, seed: int | None) -> None:
        self._seed = seed
        self._generator: Any = None

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Return scores in which the drawn token alone is possible."""
        import torch

        if self._generator is None:
            self._generator = torch.Generator(device=scores.device)
            if self._seed is None:
                self._generator.seed()
            else:
                self._generator.manual_seed(self._seed)
        chances = torch.softmax(scores.float(), dim=-1)
        drawn = torch.multinomial(chances, num_samples=1, generator=self._generator)
        return torch.full_like(scores, float("-inf")).scatter_(-1, drawn, 0.0)
