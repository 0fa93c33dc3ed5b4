"""What an endpoint needs to be asked: its transport, and what its model's own files say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from magistral_nb.choosing import Choice
from magistral_nb.endpoints import ENDPOINTS, Endpoint, Engine
from magistral_nb.engine_options import EngineOptions, refuse_useless
from magistral_nb.errors import ConfigurationError
from magistral_nb.settings import Secret
from magistral_nb.templating import template_text
from magistral_nb.transports import Transport

DEFAULT_WINDOW = 40_960
"""What the model card of Magistral Small recommends, in tokens."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a transport needs beside the endpoint."""

    key: Secret | None
    headers: Mapping[str, str] = field(repr=False)
    http_client: object | None
    verify: bool | str | None
    allow_insecure: bool = False
    options: EngineOptions = field(default_factory=EngineOptions)


def make_transport(row: Endpoint, access: Access) -> Transport:
    """Return the transport for an endpoint. Nothing is opened before the first request."""
    return _TRANSPORTS[row.engine](row, access)


def with_options(choice: Choice, options: EngineOptions) -> Choice:
    """Return a choice whose endpoint has the window of these options.

    Raises ConfigurationError for an option that the endpoint's engine has no use for.
    """
    row = choice.endpoint
    if options:
        rows = {**ENDPOINTS, row.name: row}
        engines = {name: known.engine for name, known in rows.items()}
        refuse_useless(options, endpoint=row.name, engine=row.engine, engines=engines)
    return replace(choice, endpoint=replace(row, context=options["n_ctx"])) if "n_ctx" in options else choice


def look_at_model(row: Endpoint, model: str | None, revision: str | None, options: EngineOptions) -> Endpoint:
    """Return an endpoint with what a model's own file says, where there is one: its window, and which Magistral it is.

    Raises ConfigurationError if the file is not there, or is no model.
    """
    if row.engine not in _LOOKS or not model:
        return row
    return _LOOKS[row.engine](row, model, revision, options)


def _http(row: Endpoint, access: Access) -> Transport:
    from magistral_nb.transports.http import HttpTransport

    return HttpTransport(
        base_url=row.base_url,
        api_key=access.key,
        headers={**row.headers, **access.headers},
        http_client=access.http_client,
        verify=access.verify,
        endpoint=row.name,
        hint=row.hint,
        allow_insecure=access.allow_insecure or row.allow_insecure,
    )


def _demo(row: Endpoint, access: Access) -> Transport:
    from magistral_nb.transports.demo_model import CONTEXT, demo_request_fields
    from magistral_nb.transports.llamacpp import LlamaCppModel, LlamaCppTransport

    options = access.options
    if options.get("n_ctx", 0) > CONTEXT:
        raise ConfigurationError(
            f"n_ctx is {options['n_ctx']:,}, and the embedded model was trained with a window of {CONTEXT:,} tokens.",
            hint=f"Say n_ctx={CONTEXT} or less.",
        )
    return LlamaCppTransport(
        LlamaCppModel(
            find_model="demo",
            template=template_text("demo.jinja"),
            context=row.context or CONTEXT,
            threads=options.get("threads", 1),
            alias=row.model or row.name,
            request_fields=demo_request_fields(),
            kv=options.get("kv", "f16"),
        )
    )


def _llamacpp(row: Endpoint, access: Access) -> Transport:
    from magistral_nb.transports.llamacpp import LlamaCppModel, LlamaCppTransport

    options = access.options
    return LlamaCppTransport(
        LlamaCppModel(
            find_model=None,
            context=row.context or DEFAULT_WINDOW,
            n_ctx=options.get("n_ctx"),
            threads=options.get("threads"),
            alias=row.name,
            kv=options.get("kv", "f16"),
            gpu_layers=options.get("gpu_layers"),
            check_memory=options.get("check_memory", True),
            # llama.cpp's own, top_k 40 and min_p 0.05, would sample otherwise than the model card says.
            request_fields={"top_k": 0, "min_p": 0.0},
        )
    )


def _look_at_gguf(row: Endpoint, model: str, revision: str | None, options: EngineOptions) -> Endpoint:
    from magistral_nb.transports.gguf_file import read_gguf
    from magistral_nb.transports.model_files import find_model

    file = read_gguf(find_model(model))
    revision = revision or row.revision or file.revision
    context = file.window(options.get("n_ctx"), default=row.context or DEFAULT_WINDOW)
    return replace(row, context=context, revision=revision, system=row.system and revision is not None)


def _transformers(row: Endpoint, access: Access) -> Transport:
    from magistral_nb.transports.transformers import TransformersModel, TransformersTransport

    options = access.options
    return TransformersTransport(
        TransformersModel(
            device_map=options.get("device_map"),
            dtype=options.get("dtype"),
            load_in_4bit=options.get("load_in_4bit", False),
        )
    )


def _look_at_transformers(row: Endpoint, model: str, revision: str | None, options: EngineOptions) -> Endpoint:
    from magistral_nb.transports.transformers_look import revision_of_model

    revision = revision or row.revision or revision_of_model(model)
    return replace(row, revision=revision, system=row.system and revision is not None)


_TRANSPORTS: Mapping[Engine, Callable[[Endpoint, Access], Transport]] = {
    "http": _http,
    "demo": _demo,
    "llamacpp": _llamacpp,
    "transformers": _transformers,
}
_LOOKS: Mapping[Engine, Callable[[Endpoint, str, str | None, EngineOptions], Endpoint]] = {
    "llamacpp": _look_at_gguf,
    "transformers": _look_at_transformers,
}
