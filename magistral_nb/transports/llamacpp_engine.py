"""One llama.cpp server in this process: how it starts, where it listens, and how it ends without hanging.

It listens on a Unix socket in a folder that only this user may enter, so there is no TCP port. Where there are no
Unix sockets (Windows) it takes a random port of 127.0.0.1 and asks for a random key.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magistral_nb.engine_options import Kv
from magistral_nb.errors import ConfigurationError
from magistral_nb.settings import Secret
from magistral_nb.transports.gguf_header import check_gguf
from magistral_nb.transports.template_check import Messages, Rendered

if TYPE_CHECKING:
    import httpx2

LONGEST_SOCKET_PATH = 100
"""In bytes. Linux allows 107, macOS 103."""
PATIENCE = 10.0
"""How long requests may take to notice that the engine ends, in seconds; a queued one looks up once a second."""
READ_AHEAD_BLOCK = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Load:
    """What an engine is made of; two equal loads are one engine, whatever their threads and names.

    paths : the model's files, the first one first. template : None for the file's own. context : in tokens.
    gpu_layers : how many layers go to graphics cards; -1 for all, None for all that the build can.
    is_own : a file of the user's own, so that its template is checked, and what it needs is told.
    check_memory : whether to refuse what does not fit.
    """

    paths: tuple[Path, ...]
    template: str | None
    context: int
    threads: int = field(compare=False)
    alias: str = field(compare=False)
    kv: Kv = "f16"
    gpu_layers: int | None = 0
    is_own: bool = False
    check_memory: bool = field(default=True, compare=False)


class Engine:
    """A loaded model that answers OpenAI's chat requests at `base_url`, through `socket_path` if there is one."""

    def __init__(self, load: Load, *, on_progress: Callable[[float], None] = lambda _: None) -> None:
        for path in load.paths:
            check_gguf(path)
        xllamacpp = import_xllamacpp()
        _read_ahead(load.paths, on_progress)
        self._process = os.getpid()
        self._folder = _socket_folder() if hasattr(socket, "AF_UNIX") else None
        self.socket_path = str(self._folder / "llm.sock") if self._folder else None
        self.api_key = None if self._folder else Secret(secrets.token_urlsafe(32), source="this process")
        try:
            self._server = xllamacpp.Server(self._parameters(xllamacpp, load))
        except RuntimeError as error:
            self._remove_folder()
            raise _unloadable(load.paths[0]) from error
        address = "http://localhost" if self.socket_path else str(self._server.listening_address)
        self.base_url = f"{address}/v1"
        self._wait_for_its_queue()

    def _parameters(self, xllamacpp: Any, load: Load) -> Any:
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(load.paths[0])
        parameters.model_alias = {load.alias}
        parameters.n_ctx, parameters.n_parallel = load.context, 1  # n_ctx is shared out among parallel slots
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = load.threads
        parameters.n_gpu_layers = load.gpu_layers or 0
        kept = {"f16": xllamacpp.ggml_type.GGML_TYPE_F16, "q8_0": xllamacpp.ggml_type.GGML_TYPE_Q8_0}[load.kv]
        parameters.cache_type_k = parameters.cache_type_v = kept
        parameters.fit_params = parameters.warmup = False  # both only make loading slower here
        parameters.cache_ram_mib = 0  # by default it may keep 8 GB of old prompts
        parameters.offline, parameters.ui, parameters.verbosity = True, False, -1
        # A host name that ends in .sock is a Unix socket for llama.cpp; port 0 is any free port.
        parameters.hostnames, parameters.port = [self.socket_path or "127.0.0.1"], 0
        if self.api_key:
            parameters.api_keys = [self.api_key.reveal()]
        if load.template is not None:
            parameters.chat_template = load.template
        return parameters

    def _wait_for_its_queue(self) -> None:
        """Return once the engine's own loop runs. Freed before that, it would miss the call to end, and hang."""
        with self._open() as client:
            client.get("slots").raise_for_status()  # answered by that loop, unlike /health

    def render(self, conversations: Mapping[str, Messages]) -> dict[str, Rendered]:
        """Return what llama.cpp makes of conversations, with the template in use. Nothing is asked of the model."""
        with self._open() as client:
            return {name: _rendered(client, messages) for name, messages in conversations.items()}

    def _open(self) -> httpx2.Client:
        """Return a connection to the engine beside `/v1`."""
        import httpx2

        headers = {"Authorization": f"Bearer {self.api_key.reveal()}"} if self.api_key else {}
        transport = httpx2.HTTPTransport(uds=self.socket_path)
        base = self.base_url.removesuffix("v1")
        return httpx2.Client(transport=transport, base_url=base, headers=headers, trust_env=False, timeout=60)

    def stop(self) -> None:
        """Hang up on every caller, free the model and remove the socket's folder."""
        server, self._server = self._server, None
        if server is None:
            return
        if os.getpid() != self._process:  # a forked child: the engine's threads, and the folder, are its parent's
            _never_free(server)
            return
        self._remove_folder()
        if not _hang_up(self._own_name(server), within=PATIENCE):
            _never_free(server)  # freeing it would wait, maybe for ever, and hold up all of Python

    def _own_name(self, server: Any) -> object:
        if self.socket_path:
            return self.socket_path
        host, _, port = str(server.listening_address).rpartition(":")
        return (host.rpartition("/")[2], int(port))

    def _remove_folder(self) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def import_xllamacpp() -> Any:
    """Return the module of llama.cpp. Raises ConfigurationError, saying what is missing, if it cannot be loaded."""
    # Threads that wait must not spin: on a busy machine with two cores that costs nine tenths of the speed.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import xllamacpp
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "A model in this process needs the package xllamacpp.", hint='pip install "magistral_nb[local]"'
        ) from error
    except ImportError as error:
        hint = "On Debian and Ubuntu: apt-get install libgomp1" if "libgomp" in str(error) else ""
        raise ConfigurationError(
            f"The package xllamacpp is installed and cannot be loaded: {error}.", hint=hint
        ) from error
    return xllamacpp


def _unloadable(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"llama.cpp cannot load {path}.",
        hint="It may be damaged, incomplete, or newer than the installed xllamacpp; or its chat template is wrong.",
    )


def _read_ahead(paths: tuple[Path, ...], on_progress: Callable[[float], None]) -> None:
    """Read the files once. llama.cpp holds up all of Python while it loads, and this wait for the disk does not.

    `on_progress` is told how much has been read, from 0 to 1, and may raise to end it.
    """
    block = bytearray(READ_AHEAD_BLOCK)
    size, done = max(1, sum(path.stat().st_size for path in paths)), 0
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(block):
                done += count
                on_progress(min(1.0, done / size))


def _rendered(client: httpx2.Client, messages: Messages) -> Rendered:
    response = client.post("apply-template", json={"messages": messages})
    told = response.json()
    if response.status_code == 200 and isinstance(told.get("prompt"), str):
        return Rendered(told["prompt"])
    error = told.get("error")
    return Rendered(None, str(error.get("message", "") if isinstance(error, dict) else error)[:300])


def _socket_folder() -> Path:
    """Return a fresh folder, mode 0700, whose path is short enough for a socket in it."""
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108  the folder in it is fresh and private
        folder = Path(tempfile.mkdtemp(prefix="magistral_", dir=parent))
        if len(os.fsencode(folder / "llm.sock")) <= LONGEST_SOCKET_PATH:
            return folder
        folder.rmdir()
    raise ConfigurationError(
        "There is no folder for the embedded model's socket.", hint="Set TMPDIR to a folder with a short path."
    )


def _hang_up(own_name: object, *, within: float) -> bool:
    """Cut every connection to the engine at its own end, and return whether it has closed them all in time.

    Callers of any kind are reached: of other event loops, with a reply half read, or waiting in the queue.
    """
    deadline = time.monotonic() + within
    while accepted := _accepted_sockets(own_name):
        for connection in accepted:
            with connection, suppress(OSError):  # a caller may be faster
                connection.shutdown(socket.SHUT_RDWR)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _accepted_sockets(own_name: object) -> list[socket.socket]:
    """Return copies of this process's sockets that are connections to a listener of that name."""
    if not os.path.isdir("/dev/fd"):
        return []
    numbers = [int(name) for name in os.listdir("/dev/fd")]
    return [found for number in numbers if (found := _accepted_socket(number, own_name))]


def _accepted_socket(number: int, own_name: object) -> socket.socket | None:
    try:
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            return None
        copy = socket.socket(fileno=os.dup(number))
    except OSError:
        return None  # closed meanwhile
    if _is_named(copy, own_name) and not copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return copy
    copy.close()
    return None


def _is_named(connection: socket.socket, name: object) -> bool:
    try:
        return bool(connection.getsockname() == name)
    except OSError:
        return False


def _never_free(server: object) -> None:
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(server))
