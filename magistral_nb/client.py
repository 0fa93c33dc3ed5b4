"""One question, one reply: the one door to every model, in both colours."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, Unpack, cast

from magistral_nb.aiming import Aim
from magistral_nb.asked import Asked
from magistral_nb.budgets import Budget
from magistral_nb.call_settings import CallSettings
from magistral_nb.cassettes import running
from magistral_nb.cassettes.asking import Asking
from magistral_nb.chat_format import Prompt
from magistral_nb.choosing import Choice, find_key
from magistral_nb.connecting import Access, make_transport
from magistral_nb.costs import Price
from magistral_nb.dialects import KeepThinking
from magistral_nb.endpoints import Endpoint
from magistral_nb.engine_options import EngineOptions, checked_options
from magistral_nb.errors import ConfigurationError, MagistralError, MissingKeyError
from magistral_nb.events import Event
from magistral_nb.exchange import Exchange
from magistral_nb.loading_text import LoadingText
from magistral_nb.making_questions import make_question
from magistral_nb.previewing import own_counter, preview
from magistral_nb.question import Question
from magistral_nb.replies import Reply
from magistral_nb.resolving import DEFAULTS, LEFT_OUT, given, resolve
from magistral_nb.settings import Address, Secret, Settings, Timeouts, Unseen, secret_of
from magistral_nb.streams import AsyncReplyStream, ReplyStream
from magistral_nb.tokens import TokenCount, local_counter
from magistral_nb.transports import Streams, Transport
from magistral_nb.transports.secrets_in import register_secrets_in

_OF_ONE_PLACE = ("model", "revision", "extra_body", "tokenizer", "price")
_OTHER_KEYWORDS = ("base_url", "api_key", "default_headers", "http_client", "verify", "allow_insecure")


class Client:
    """Asks a reasoning model, wherever it runs, and keeps its thinking and its answer apart.

    Parameters
    ----------
    endpoint : a name in `ENDPOINTS` or in a settings file, an `Endpoint`, "auto" for a server that runs on this
        machine, or None to take what the environment and the settings files point to.
    model, base_url, api_key, revision : override what the endpoint says. `base_url` alone is a plain
        OpenAI-compatible server.
    system : "default" for the reasoning prompt of the revision, a text to replace it, None for none.
    instructions : appended to the system prompt, so that thinking stays on.
    temperature, top_p, max_tokens, seed, stop, extra_body : as OpenAI names them; `max_tokens=None` asks for 40,960
        tokens or what fits.
    response_format : a pydantic model, or a JSON schema as a dict: `reply.parsed` is then its instance, or a dict.
    timeout : seconds, or a `Timeouts`. max_retries : tries after the first, before the first word only.
    keep_thinking : whether the thinking of earlier turns is sent again: "none", "last" or "all".
    journal : whether a reply that streams is also written to the journal, from which `%magistral recover` reads.
    tokenizer : a `tekken.json`, a `tokenizer.json`, or a model's folder on this machine: then tokens are counted.
    price : USD by the million tokens, `(prompt, completion)`, where nothing else says it. budget : a `Budget`.
    engine : for models in this process, as in `EngineOptions`: `n_ctx`, `kv`, `gpu_layers`, `threads`, `check_memory`…
    http_client : an `httpx2` client of your own. verify : False, or a file with your CA's certificates.
    allow_insecure : whether a key may go over http to another machine, where others on the way can read it.

    What is left out comes from the settings files, if they say it (see `docs/settings.md`). The constructor does no
    I/O and needs no key: endpoint, files and key are looked for at the first live request, or when `settings` is read.

    >>> reply = Client("demo").chat("Is 91 prime?", temperature=0, seed=1)
    >>> print(reply.thinking, reply.answer)
    """

    def __init__(
        self,
        endpoint: str | Endpoint | None = None,
        *,
        model: str | None = None,
        base_url: str | None = None,
        api_key: str | Secret | None = None,
        revision: str | None = None,
        system: str | None = LEFT_OUT["system"],
        instructions: str | None = None,
        temperature: float = LEFT_OUT["temperature"],
        top_p: float = LEFT_OUT["top_p"],
        max_tokens: int | None = None,
        seed: int | None = None,
        stop: str | list[str] | None = None,
        response_format: Any = None,
        extra_body: Mapping[str, Any] | None = None,
        timeout: float | Timeouts | None = None,
        max_retries: int = LEFT_OUT["max_retries"],
        default_headers: Mapping[str, str] | None = None,
        http_client: object | None = None,
        verify: bool | str | None = None,
        allow_insecure: bool = False,
        keep_thinking: KeepThinking = LEFT_OUT["keep_thinking"],
        tokenizer: str | Path | None = None,
        journal: bool = LEFT_OUT["journal"],
        price: Price | tuple[float, float] | None = None,
        budget: Budget | None = None,
        **engine: Unpack[EngineOptions],
    ) -> None:
        # Whatever fails below, a traceback that prints local variables shows no key.
        api_key, base_url = secret_of(api_key), base_url and Address(base_url)
        default_headers = Unseen(dict(default_headers or {}))
        self._api_key, self._aim = api_key, Aim(endpoint, base_url, model)
        self._options = checked_options(cast(dict[str, Any], engine), other_keywords=[*DEFAULTS, *_OTHER_KEYWORDS])
        self._aim.options = self._options
        self._access = Access(None, default_headers, http_client, verify, allow_insecure, self._options)
        self._own = given({
            "model": model, "revision": revision, "system": system, "instructions": instructions,
            "temperature": temperature, "top_p": top_p, "max_tokens": max_tokens, "seed": seed, "stop": stop,
            "extra_body": extra_body, "timeout": timeout, "max_retries": max_retries, "keep_thinking": keep_thinking,
            "tokenizer": tokenizer, "journal": journal, "price": price, "budget": budget,
            "response_format": response_format,
        })  # fmt: skip
        self._transport_made: Transport | None = None
        self._lock = threading.Lock()

    def chat(self, prompt: Asked, **settings: Unpack[CallSettings]) -> Reply:
        """Ask, and return the whole reply.

        It streams under the hood, so that an error's `.partial` holds what had arrived. Raises MagistralError.
        """
        loading = LoadingText()
        with self.stream(prompt, **settings) as stream:
            for event in stream:
                loading.hear(event)
        return stream.reply

    def stream(self, prompt: Asked, **settings: Unpack[CallSettings]) -> ReplyStream:
        """Ask, and return the events as they arrive. The request is sent at the first event."""
        reply = Reply()
        return ReplyStream(self._exchange(prompt, settings, reply).events(), reply)

    async def achat(self, prompt: Asked, **settings: Unpack[CallSettings]) -> Reply:
        """Ask on the running event loop, and return the whole reply."""
        loading = LoadingText()
        async with self.astream(prompt, **settings) as stream:
            async for event in stream:
                loading.hear(event)
        return stream.reply

    def astream(self, prompt: Asked, **settings: Unpack[CallSettings]) -> AsyncReplyStream:
        """Ask on the running event loop, and return the events as they arrive."""
        reply = Reply()
        return AsyncReplyStream(self._aevents(prompt, settings, reply), reply)

    def preview(self, prompt: Asked, **settings: Unpack[CallSettings]) -> Prompt:
        """Return exactly what the model would see, part by part, with its tokens counted. Nothing is sent.

        It needs no key, no model and no endpoint. The count is exact with `tokenizer`, or where a model in this
        process is loaded already; else it is an estimate, and says so. Raises TemplateError for a conversation that
        the chat format refuses.

        >>> print(Client("navigator").preview("Is 91 prime?").text)
        """
        choice = self._aim.choice_to_look()
        settled = resolve(self._own, settings, choice)
        row = choice.endpoint
        with suppress(ConfigurationError):  # a model that is not there is not needed
            row = self._aim.look(row, settled)
        transport = self._transport_made
        if settled.tokenizer or not transport or not transport.counts_at_once(str(settled.model)):
            return preview(prompt, settled, row, local_counter(settled.tokenizer))
        return preview(prompt, settled, row, own_counter(transport, str(settled.model)))

    def count_tokens(self, prompt: Asked, **settings: Unpack[CallSettings]) -> TokenCount:
        """Return how many tokens the prompt of a question has, by the model's own tokenizer.

        That is the `tokenizer` on this machine if one is given; else the server, or the model in this process, is
        asked. Raises ConfigurationError if the server does not tell.
        """
        settled = resolve(self._own, settings, self._aim.choice())
        row = self._aim.look(self.endpoint, settled)
        is_local = settled.tokenizer or running.playing()  # no cassette holds a tokenizer: that is an estimate
        own = local_counter(settled.tokenizer) if is_local else None
        counter = own or own_counter(self._transport(), str(settled.model))
        return preview(prompt, settled, row, counter).tokens

    def models(self) -> list[str]:
        """Return the ids of the models that the endpoint offers."""
        if cassette := running.playing():
            return cassette.models
        try:
            return self._transport().models()
        except MagistralError as error:
            raise error.with_traceback(None) from error.__cause__  # the frames below hold what the server sent

    async def amodels(self) -> list[str]:
        """Return the ids of the models that the endpoint offers."""
        if cassette := running.playing():
            return cassette.models
        await self._choose_off_loop()
        return await self._transport().amodels()

    @property
    def endpoint(self) -> Endpoint:
        """Where questions go. Raises ConfigurationError if nothing, or too much, says where."""
        return self._aim.choice().endpoint

    @property
    def settings(self) -> Settings:
        """The settings in force; `settings.sources` says where each came from, keys masked."""
        return self.settings_for({})

    def settings_for(self, call: CallSettings) -> Settings:
        """The settings that a call with these of its own would have."""
        choice = self._aim.choice()
        key: object
        try:
            key = find_key(choice.endpoint, self._api_key)
        except MissingKeyError as missing:
            key = f"<not set: {missing.message}>"
        return resolve(self._own, call, choice, key=key)

    def adopt(self, choice: Choice) -> None:
        """Ask from here on where this choice says, for its reasons and with its defaults.

        Connections and engines are kept as long as the endpoint stays the same.
        """
        if self._aim.adopt(choice):
            self.close()

    def at(self, endpoint: str | Endpoint) -> Client:
        """Return a client that asks elsewhere with the same settings; what belongs to one place stays behind."""
        return Client(endpoint, **{name: value for name, value in self._own.items() if name not in _OF_ONE_PLACE})

    def close(self) -> None:
        """Let go of connections, and of an engine in this process."""
        if self._transport_made:
            self._transport_made.close()
            self._transport_made = None

    async def aclose(self) -> None:
        """Let go of connections, those of the running event loop included."""
        if self._transport_made:
            await self._transport_made.aclose()
            self._transport_made = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"Client({self._aim.named!r})"

    async def _choose_off_loop(self) -> None:
        """Choose without holding up the event loop: it reads files, "auto" asks around, and a keyring takes time."""
        if (self._aim.made is None or self._transport_made is None) and not running.playing():
            import asyncio

            await asyncio.to_thread(self._aim.look_ahead, self._api_key)

    def _transport(self) -> Transport:
        with self._lock:
            if self._transport_made is None:
                row = self._aim.live_choice().endpoint
                access = replace(self._access, key=find_key(row, self._api_key))
                self._transport_made = make_transport(row, access)
            return self._transport_made

    def _exchange(self, asked: Asked, settings: CallSettings, reply: Reply) -> Exchange:
        def question(context: int | None) -> Question:
            choice = self._aim.choice()
            resolved = resolve(self._own, settings, choice)
            row = self._aim.look(choice.endpoint, resolved)
            return make_question(asked, resolved, row, reply=reply, known_context=context)

        return Exchange(question, self._source, reads_files=self.endpoint.engine != "http")

    def _source(self, question: Question) -> Streams:
        """Return what answers a question: a cassette that is played, or the endpoint, with cassettes that listen."""
        if not running.all_running():
            return self._transport()
        body, row = question.request.body, question.row
        register_secrets_in(row.base_url, {**row.headers, **self._access.headers})
        asking = Asking(body, question.asked_max_tokens, self._aim.choice(), row, question.clock.play)
        source = running.answering(asking, self._transport)
        if recording := asking.recording:
            question.is_recorded(recording.date, recording.model, str(recording.place.get("name")))
        return source

    async def _aevents(self, asked: Asked, settings: CallSettings, reply: Reply) -> AsyncGenerator[Event, None]:
        await self._choose_off_loop()
        async with aclosing(self._exchange(asked, settings, reply).aevents()) as events:
            async for event in events:
                yield event
