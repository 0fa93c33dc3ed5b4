"""One loaded model of `transformers`: from a request to chunks, in a thread that somebody else began."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from magistral_nb.errors import ContextLengthError, MagistralError, ServerStreamError
from magistral_nb.transports import Chunk
from magistral_nb.transports.raw_reply import RawReply
from magistral_nb.transports.token_text import StopStrings, TokenText
from magistral_nb.transports.transformers_loading import Loaded
from magistral_nb.transports.transformers_prompt import TokenPrompt, make_prompt
from magistral_nb.transports.transformers_sampling import generation_config, logits_processors
from magistral_nb.transports.transformers_vocabulary import Vocabulary

Put = Callable[[Chunk], None]
PATIENCE = 0.1
"""How often whoever waits for another reply to end looks whether it is still wanted, in seconds."""


class Engine:
    """Answers one request at a time; others wait for their turn."""

    def __init__(self, loaded: Loaded) -> None:
        self.name = loaded.name
        self._model: Any = loaded.model
        self._vocabulary = Vocabulary(loaded.tokenizer)
        self._turn = threading.Lock()

    @property
    def is_busy(self) -> bool:
        """Whether a reply is being generated."""
        return self._turn.locked()

    def answer(self, body: Mapping[str, Any], put: Put, stopped: threading.Event) -> None:
        """Generate a reply, and `put` its chunks as they come, until it is whole or `stopped` is set.

        Raises MagistralError.
        """
        while not self._turn.acquire(timeout=PATIENCE):
            if stopped.is_set():
                return
        try:
            if not stopped.is_set() and self._model is not None:
                self._answer(body, put, stopped)
        finally:
            self._turn.release()

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has; words in it that look like control tokens are text."""
        return len(self._vocabulary.ids(text))

    def free(self) -> None:
        """Let go of the model, once the reply that is being generated has ended."""
        with self._turn:
            self._model = None
            gc.collect()  # a model's parts point at each other
            import torch

            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def window(self) -> int | None:
        """Return how many tokens prompt and reply may have together, or None if the model does not say."""
        size = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)
        return int(size) if size else None

    def _answer(self, body: Mapping[str, Any], put: Put, stopped: threading.Event) -> None:
        prompt = make_prompt(self._vocabulary, body)
        for code, text in prompt.notices:
            put({"magistral": {"notice": {"code": code, "text": text}}})
        if body.get("tools") and "[TOOL_CALLS]" not in self._vocabulary.controls:
            text = "How this model spells a call is not known here: it stands in the text, and is no tool call."
            put({"magistral": {"notice": {"code": "calls_stay_text", "text": text}}})
        limit = _room(len(prompt.ids), self.window(), int(body["max_tokens"]))
        config = generation_config(self._model, body, max_new_tokens=limit, end=self._vocabulary.end)
        reply = _Reply(self._vocabulary, str(body["model"]), _ends(config), prompt, _stops(body), put, stopped)
        with _told():
            self._generate(prompt.ids, config, logits_processors(body), reply)
        if not stopped.is_set():
            reply.close(limit)

    def _generate(self, ids: Sequence[int], config: Any, processors: Any, reply: _Reply) -> None:
        import torch

        with torch.inference_mode():
            given = torch.tensor([list(ids)], device=self._model.device)
            self._model.generate(
                given,
                attention_mask=torch.ones_like(given),
                generation_config=config,
                logits_processor=processors,
                stopping_criteria=[reply.is_over],
                streamer=reply,
            )


class _Reply:
    """What `generate` hands its tokens to, one by one: they become chunks at once. It also says when to stop."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        model: str,
        ends: set[int],
        prompt: TokenPrompt,
        stops: Sequence[str],
        put: Put,
        stopped: threading.Event,
    ) -> None:
        self._vocabulary = vocabulary
        self._ends = ends
        names = [vocabulary.control_name(end) for end in ends]
        self._raw = RawReply(model, ends=[name for name in names if name], opened=prompt.opened)
        self._text = TokenText(vocabulary.text)
        self._stops = StopStrings(stops)
        self._put_chunk = put
        self._stopped = stopped
        self._prompt_tokens = len(prompt.ids)
        self._is_first = True
        self._tokens = 0
        self._ended = False

    def put(self, value: Any) -> None:
        """Take what `generate` hands on: first the prompt, then one token at a time."""
        if self._is_first:
            self._is_first = False
        elif not self._stopped.is_set():
            for token in value.flatten().tolist():
                self._take(token)

    def end(self) -> None:
        """Called by `generate` when it ends, for whatever reason."""

    def is_over(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        """Tell `generate` to stop after this token: nobody listens any more, or a stop string has come."""
        import torch

        over = self._stopped.is_set() or self._stops.found
        return torch.full((input_ids.shape[0],), over, device=input_ids.device, dtype=torch.bool)

    def close(self, limit: int) -> None:
        """Give out what was held back, and end the reply."""
        self._say(self._text.flush() if not self._stops.found else "", tokens=0)
        self._feed(self._stops.flush(), tokens=0)
        cut = self._tokens >= limit and not self._ended and not self._stops.found
        finish: Literal["stop", "length"] = "length" if cut else "stop"
        for chunk in self._raw.close(finish, prompt_tokens=self._prompt_tokens):
            self._put_chunk(chunk)

    def _take(self, token: int) -> None:
        self._tokens += 1
        name = self._vocabulary.control_name(token)
        self._ended = token in self._ends
        if name is None:
            self._say(self._text.feed(token), tokens=1)
            return
        self._say(self._text.flush(behind=token), tokens=0)
        self._feed(self._stops.flush(), tokens=0)
        if not self._stops.found:
            self._feed(name, control=True)

    def _say(self, text: str, *, tokens: int) -> None:
        self._feed(self._stops.feed(text), tokens=tokens)

    def _feed(self, text: str, *, control: bool = False, tokens: int = 1) -> None:
        if text or tokens:
            for chunk in self._raw.feed(text, control=control, tokens=tokens):
                self._put_chunk(chunk)


def _room(prompt_tokens: int, window: int | None, wanted: int) -> int:
    """Return how many tokens a reply may have. Raises ContextLengthError if the prompt leaves no room for one."""
    if window is None:
        return wanted
    if prompt_tokens >= window:
        raise ContextLengthError(
            f"The prompt has {prompt_tokens:,} tokens, and the model's window holds {window:,}.",
            limit=window,
            hint="Two ways out: leave out old thinking, or shorten the prompt.",
        )
    return min(wanted, window - prompt_tokens)


def _ends(config: Any) -> set[int]:
    ends = config.eos_token_id
    return set() if ends is None else {ends} if isinstance(ends, int) else set(ends)


def _stops(body: Mapping[str, Any]) -> list[str]:
    stop = body.get("stop") or []
    return [stop] if isinstance(stop, str) else list(stop)


@contextmanager
def _told() -> Iterator[None]:
    """Say in our own words that generating failed; what had been said by then stays with the reader."""
    import torch

    try:
        yield
    except MagistralError:
        raise
    except torch.OutOfMemoryError as error:
        raise ServerStreamError(
            "The model ran out of memory in the middle of its reply.",
            hint="Shorten the prompt, lower max_tokens, or load it in 4 bits (load_in_4bit=True).",
        ) from error
    except Exception as error:
        raise ServerStreamError(f"transformers failed: {type(error).__name__}: {str(error)[:500]}") from error
