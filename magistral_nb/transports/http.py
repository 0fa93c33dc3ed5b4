"""A server over HTTP, through the `openai` package: it signs and sends, we read the stream ourselves.

The package hides five kinds of failure in a stream (see `docs/architecture.md`) and costs seven times what reading
lines costs, so its own stream class is not used, nor are its retries and its redirects.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AsyncExitStack, ExitStack, aclosing, closing
from typing import TYPE_CHECKING, Any

from magistral_nb.errors import BadRequestError, MagistralError, NotAnAPIError, NotFoundError, ProtocolError
from magistral_nb.settings import Secret
from magistral_nb.transports import Chunk, Request
from magistral_nb.transports.bodies import document, document_clocks
from magistral_nb.transports.cleartext import check_address, refuse_cleartext
from magistral_nb.transports.draining import adrain, drain
from magistral_nb.transports.http_clients import HttpClients
from magistral_nb.transports.http_errors import Wire, name_models, request_id
from magistral_nb.transports.retrying import Tries
from magistral_nb.transports.secrets_in import without_user
from magistral_nb.transports.sse import EventReader
from magistral_nb.transports.token_counts import cannot_count, tokenize_body, tokenize_url, tokens_in

if TYPE_CHECKING:
    import httpx2


class HttpTransport:
    """Talks to one OpenAI-compatible server.

    `socket_path` sends every request through that Unix socket. `hint` is what a user should do if the server cannot
    be reached or knows no such model. `allow_insecure` lets a key go over http to another machine. `http_client` is
    an `httpx2.Client` or `httpx2.AsyncClient` of the user's own.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: Secret | None = None,
        headers: Mapping[str, str] | None = None,
        http_client: object | None = None,
        verify: bool | str | None = None,
        socket_path: str | None = None,
        endpoint: str = "",
        hint: str = "",
        allow_insecure: bool = False,
    ) -> None:
        if not socket_path:
            check_address(base_url)
            if not allow_insecure:
                refuse_cleartext(base_url, api_key, headers or {})
        self._wire = Wire(base_url=base_url, endpoint=endpoint, api_key=api_key, hint=hint, headers=headers)
        bare, basic = without_user(base_url)
        self._clients = HttpClients(
            base_url=bare,
            api_key=api_key,
            headers={**(headers or {}), **({"Authorization": basic} if basic else {})},
            http_client=http_client,
            verify=verify,
            socket_path=socket_path,
        )

    def stream(self, request: Request) -> Generator[Chunk, None, None]:
        """Send the request and yield chunks; ask again after failures that may pass, before the first word only."""
        tries = Tries(request)
        while True:
            try:
                with closing(self._try(tries)) as chunks:
                    for chunk in chunks:
                        yield tries.heard(chunk)
                tries.ended(self._wire.endpoint)
                return
            except NotFoundError as error:
                raise name_models(error, request, self._names()) from error.__cause__
            except MagistralError as error:
                pause, note = tries.after(self._wire.clean(error))
            yield note
            time.sleep(pause)

    async def astream(self, request: Request) -> AsyncGenerator[Chunk, None]:
        """Do the same on the running event loop."""
        tries = Tries(request)
        while True:
            try:
                async with aclosing(self._atry(tries)) as chunks:
                    async for chunk in chunks:
                        yield tries.heard(chunk)
                tries.ended(self._wire.endpoint)
                return
            except NotFoundError as error:
                raise name_models(error, request, await self._anames()) from error.__cause__
            except MagistralError as error:
                pause, note = tries.after(self._wire.clean(error))
            yield note
            await asyncio.sleep(pause)

    def models(self) -> list[str]:
        """Return the model ids that the server offers."""
        import httpx2

        clocks = document_clocks()
        with self._clients.translating(self._wire, clocks), clocks:
            get = self._clients.sync().get
            response = get("/models", cast_to=httpx2.Response, options=self._get_options())
        return _model_ids(document(response, what="list of models"))

    async def amodels(self) -> list[str]:
        """Return the model ids that the server offers."""
        import httpx2

        clocks = document_clocks()
        with self._clients.translating(self._wire, clocks), clocks:
            get = self._clients.of_running_loop().get
            response = await get("/models", cast_to=httpx2.Response, options=self._get_options())
        return _model_ids(document(response, what="list of models"))

    def count_tokens(self, text: str, model: str) -> int:
        """Ask the server's own tokenizer. Raises ConfigurationError if the server has no door to it."""
        return len(self.tokenize(text, model))

    def tokenize(self, text: str, model: str, *, controls: bool = False) -> list[Any]:
        """Return the tokens of a text; `controls` says whether words that look like control tokens are some."""
        import httpx2

        url, body = tokenize_url(self._wire.base_url), tokenize_body(text, model, controls=controls)
        clocks = document_clocks()
        try:
            with self._clients.translating(self._wire, clocks), clocks:
                post = self._clients.sync().post
                response = post(url, body=body, cast_to=httpx2.Response, options=self._get_options())
            return tokens_in(document(response, what="count of tokens"))
        except (NotFoundError, BadRequestError, NotAnAPIError, ProtocolError, ValueError) as error:
            raise cannot_count(self._wire.endpoint) from error

    def counts_at_once(self, model: str) -> bool:
        """Say no: a server is asked only when the user wants it."""
        return False

    def _names(self) -> list[str]:
        """Return the models, for an error that is on its way already: a second failure adds nothing."""
        try:
            return self.models()
        except MagistralError:
            return []

    async def _anames(self) -> list[str]:
        try:
            return await self.amodels()
        except MagistralError:
            return []

    def close(self) -> None:
        """Close the connections."""
        self._clients.close()

    async def aclose(self) -> None:
        """Close the connections, those of the running event loop included."""
        await self._clients.aclose()

    def _get_options(self) -> Any:
        return {"headers": self._clients.request_headers()}

    def _arguments(self, request: Request) -> dict[str, Any]:
        """Hand the whole body over in `extra_body`: the package then sends it as it is, and does not inspect it."""
        import httpx2

        limits = request.timeouts
        # For a single read, and only what a client of the user's own goes by: ours has the clocks.
        both = (limits.first_event, limits.between_events)
        longest = None if None in both else max(limit for limit in both if limit is not None)
        return {
            "model": "",
            ("prompt" if request.raw else "messages"): (),
            "stream": True,
            "extra_body": request.body,
            "extra_headers": self._clients.request_headers(),
            "timeout": httpx2.Timeout(longest, connect=limits.connect),
        }

    def _try(self, tries: Tries) -> Generator[Chunk, None, None]:
        import httpx2

        reader, clocks = EventReader(), tries.clocks
        with self._clients.translating(self._wire, clocks) as progress, ExitStack() as stack:
            client = self._clients.sync()
            resource = client.completions if tries.request.raw else client.chat.completions
            create: Any = resource.with_streaming_response.create
            with clocks:
                response = stack.enter_context(create(**self._arguments(tries.request)))
            yield _about(response.headers)
            progress.streaming = True
            body = response.http_response.iter_bytes()
            while not (reader.done or reader.failure):
                try:
                    with clocks:
                        data = next(body, None)
                except httpx2.HTTPError:
                    yield from reader.close()  # the last event may lack nothing but the blank line after it
                    raise
                chunks = reader.close() if data is None else reader.feed(data)
                if chunks:
                    clocks.event()
                    yield from chunks
                if data is None:
                    break
            if reader.done:
                drain(response.http_response, body)
        if reader.failure:
            raise reader.failure

    async def _atry(self, tries: Tries) -> AsyncGenerator[Chunk, None]:
        import httpx2

        reader, clocks = EventReader(), tries.clocks
        async with AsyncExitStack() as stack:
            progress = stack.enter_context(self._clients.translating(self._wire, clocks))
            client = self._clients.of_running_loop()
            resource = client.completions if tries.request.raw else client.chat.completions
            create: Any = resource.with_streaming_response.create
            with clocks:
                response = await stack.enter_async_context(create(**self._arguments(tries.request)))
            yield _about(response.headers)
            progress.streaming = True
            body = response.http_response.aiter_bytes()
            while not (reader.done or reader.failure):
                try:
                    with clocks:
                        data = await anext(body, None)
                except httpx2.HTTPError:
                    for chunk in reader.close():
                        yield chunk
                    raise
                chunks = reader.close() if data is None else reader.feed(data)
                if chunks:
                    clocks.event()
                    for chunk in chunks:
                        yield chunk
                if data is None:
                    break
            if reader.done:
                await adrain(body)
        if reader.failure:
            raise reader.failure


def _about(headers: httpx2.Headers) -> Chunk:
    return {"magistral": {"request_id": request_id(headers)}}


def _model_ids(body: Any) -> list[str]:
    rows = body.get("data") if isinstance(body, dict) else body
    return [str(row["id"]) for row in rows or () if isinstance(row, dict) and row.get("id")]
