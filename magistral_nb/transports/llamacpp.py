"""A GGUF model in this process, by llama.cpp: the embedded demonstration model, or a file of the user's own.

The model is loaded at the first question. Clients that ask for the same file, context, template, cache and layers share
one engine, which is freed when the last of them is closed, and at the end of the process at the latest.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import aclosing, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magistral_nb.engine_options import Kv
from magistral_nb.errors import ConfigurationError
from magistral_nb.transports import Chunk, Request, demo_model
from magistral_nb.transports.answer_grammars import demo_grammar, schema_of
from magistral_nb.transports.gguf_file import read_gguf
from magistral_nb.transports.llamacpp_engine import Load
from magistral_nb.transports.llamacpp_sharing import SHELF, Loaded, News, SharedEngine, borrow
from magistral_nb.transports.machine import processors
from magistral_nb.transports.model_files import find_model, models_in
from magistral_nb.transports.own_spelling import OwnSpelling
from magistral_nb.transports.own_tokens import Ended, OwnTokens
from magistral_nb.transports.sharing import Loan

if TYPE_CHECKING:
    from magistral_nb.transports.http import HttpTransport

DEMO = "demo"
"""Instead of a path: the embedded demonstration model, wherever it is installed."""
LOOK_AGAIN = 0.05
"""How often to look how far loading has come, in seconds."""


@dataclass(frozen=True, slots=True)
class LlamaCppModel:
    """What to load.

    find_model : the path of a GGUF file, or "demo", or None for the file that each question names as its model.
    template : the text of a chat template in Jinja; None for the file's own.
    context : the window, in tokens. n_ctx : the one that the user insists on; both are for prompt and reply together.
    threads : for computing; None for one to each processor. More than one slows down on a busy machine.
    alias : the name under which errors speak of it.
    request_fields : what every request adds to its body, unless it says otherwise.
    kv, gpu_layers, check_memory : as in `EngineOptions`.
    """

    find_model: str | None = DEMO
    template: str | None = None
    context: int = demo_model.CONTEXT
    threads: int | None = 1
    alias: str = DEMO
    request_fields: Mapping[str, Any] = field(default_factory=dict)
    n_ctx: int | None = None
    kv: Kv = "f16"
    gpu_layers: int | None = 0
    check_memory: bool = True

    def load(self, model: str = "") -> Load:
        """Return the load that these facts mean now. Raises ConfigurationError if there is no such file."""
        if self.find_model == DEMO:
            paths: tuple[Path, ...] = (demo_model.locate(),)
        else:
            paths = find_model(self.find_model or model)
        is_own = self.find_model is None
        return Load(
            paths=paths,
            template=self.template,
            context=read_gguf(paths).window(self.n_ctx, default=self.context) if is_own else self.context,
            threads=self.threads or processors(),
            alias=paths[0].name if is_own else self.alias,
            kv=self.kv,
            gpu_layers=self.gpu_layers,
            is_own=is_own,
            check_memory=self.check_memory,
        )


@dataclass(eq=False)
class _Use:
    """An engine that a transport has borrowed, and its connections to it."""

    loan: Loan[Load, News, Loaded]
    http: HttpTransport | None = None
    is_new: bool = True

    @property
    def shared(self) -> SharedEngine:
        """The engine, and who else uses it."""
        return self.loan.shared

    def notices(self) -> list[Chunk]:
        """Return what the reader of the first reply must know."""
        told, self.is_new = self.shared.news.notices if self.is_new else (), False
        return [{"magistral": {"notice": {"code": code, "text": text}}} for code, text in told]


class _Told:
    """Remembers what a reader has been told of an engine that is loading; one that was loaded before needs no word."""

    def __init__(self, *, is_silent: bool) -> None:
        self.is_silent = is_silent
        self._told: tuple[str, float | None] = ("", None)

    def new(self, news: News) -> list[Chunk]:
        """Return a note if there is news: what the model needs, or another hundredth of its file."""
        now = news.text, None if news.progress is None else round(news.progress, 2)
        if now == self._told or not news.text or self.is_silent:  # what needs no text is small, and loaded at once
            return []
        self._told = now
        return [_loading(text=now[0], progress=now[1])]


class LlamaCppTransport:
    """Starts engines at the first request for each and talks HTTP to them, so that one reader serves every server."""

    def __init__(self, engine: LlamaCppModel) -> None:
        self._model = engine
        self._lock = threading.Lock()
        self._uses: dict[Load, _Use] = {}

    def stream(self, request: Request) -> Generator[Chunk, None, None]:
        """Load the model if need be, send the request and yield chunks as they arrive."""
        load = self._load(request)
        told = _Told(is_silent=SHELF.is_loaded(load))
        if not told.is_silent:
            yield _loading()
        use = self._borrow(load)
        while not use.shared.loading.done():
            yield from told.new(use.shared.news)
            concurrent.futures.wait([use.shared.loading], timeout=LOOK_AGAIN)
        yield from told.new(use.shared.news)
        http, loaded = self._connection(use)
        yield from use.notices()
        if isinstance(loaded.spelling, OwnTokens):
            yield from self._by_ids(request, loaded.spelling, http)
            return
        yield from http.stream(self._complete(request, loaded))

    async def astream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Do the same on the running event loop."""
        load = self._load(request)
        told = _Told(is_silent=SHELF.is_loaded(load))
        if not told.is_silent:
            yield _loading()
        use = self._borrow(load)
        while not use.shared.loading.done():
            for chunk in told.new(use.shared.news):
                yield chunk
            # A caller who is cancelled here stops waiting, and the engine goes on loading for the next one.
            await asyncio.sleep(LOOK_AGAIN)
        for chunk in told.new(use.shared.news):
            yield chunk
        http, loaded = self._connection(use)
        for chunk in use.notices():
            yield chunk
        spelling, ended = loaded.spelling, Ended()
        if isinstance(spelling, OwnTokens):
            spelled, reply = await asyncio.to_thread(spelling.request, self._with_fields(request), http)
            async with aclosing(http.astream(spelled)) as chunks:
                async for chunk in chunks:
                    for told_chunk in spelling.chunks(chunk, reply, ended):
                        yield told_chunk
            return
        async with aclosing(http.astream(self._complete(request, loaded))) as chunks:
            async for chunk in chunks:
                yield chunk

    def models(self) -> list[str]:
        """Return the one model id, or the model files in the current folder; nothing is loaded for it."""
        if self._model.find_model is None:
            return [file.name for file in models_in(Path.cwd())]
        return [self._model.alias]

    async def amodels(self) -> list[str]:
        """Return the same."""
        return self.models()

    def count_tokens(self, text: str, model: str) -> int:
        """Ask the model's own tokenizer; the model is loaded if need be."""
        use = self._borrow(self._model.load(model))
        use.shared.loading.result()
        http, _ = self._connection(use)
        return http.count_tokens(text, model)

    def counts_at_once(self, model: str) -> bool:
        """Say whether the model is loaded."""
        try:
            return SHELF.is_loaded(self._model.load(model))
        except ConfigurationError:  # there is no such file
            return False

    def close(self) -> None:
        """Close the connections, and free the engines unless others use them. A later request starts anew."""
        for use in self._give_up():
            if use.http:
                use.http.close()
            use.loan.give_back()

    async def aclose(self) -> None:
        """Do the same on the running event loop."""
        for use in self._give_up():
            if use.http:
                await use.http.aclose()
            await asyncio.to_thread(use.loan.give_back)

    def _load(self, request: Request) -> Load:
        return self._model.load(str(request.body.get("model") or ""))

    def _by_ids(self, request: Request, spelling: OwnTokens, http: HttpTransport) -> Generator[Chunk, None, None]:
        spelled, reply = spelling.request(self._with_fields(request), http)
        ended = Ended()
        with closing(http.stream(spelled)) as chunks:
            for chunk in chunks:
                yield from spelling.chunks(chunk, reply, ended)

    def _complete(self, request: Request, loaded: Loaded) -> Request:
        request = self._with_fields(request)
        if isinstance(loaded.spelling, OwnSpelling):
            request = replace(request, body=loaded.spelling.body(request.body))
        return _allowed(request)

    def _with_fields(self, request: Request) -> Request:
        return replace(request, body={**self._model.request_fields, **request.body})

    def _borrow(self, load: Load) -> _Use:
        with self._lock:
            use = self._uses.get(load)
            if use is None or use.shared.has_failed:
                use = self._uses[load] = _Use(borrow(load))
            return use

    def _connection(self, use: _Use) -> tuple[HttpTransport, Loaded]:
        from magistral_nb.transports.http import HttpTransport

        with self._lock:
            if use not in self._uses.values():
                raise ConfigurationError("The client was closed while its model was loading.")
            loaded = use.shared.loading.result()
            if use.http is None:
                engine = loaded.engine
                use.http = HttpTransport(
                    base_url=engine.base_url,
                    api_key=engine.api_key,
                    socket_path=engine.socket_path,
                    endpoint=self._model.alias,
                )
            return use.http, loaded

    def _give_up(self) -> list[_Use]:
        with self._lock:
            uses, self._uses = list(self._uses.values()), {}
        return uses


def _loading(**more: Any) -> Chunk:
    return {"magistral": {"waiting": {"why": "loading", "seconds": 0, **more}}}


def _allowed(request: Request) -> Request:
    """Leave out the grammar where there are tools: llama.cpp refuses the two together. A schema is a grammar, too."""
    body = dict(request.body)
    schema = schema_of(body)
    if body.get("tools"):
        body.pop("grammar", None)
    elif schema is not None and (grammar := demo_grammar(schema) if "grammar" in body else None):
        body["grammar"] = grammar
        del body["response_format"]
    elif schema is not None:
        body.pop("grammar", None)  # llama.cpp's own way: it lets the model think, but not in our sentences
    return replace(request, body=body)
