"""A stand-in for the host that hostile texts call: it counts who connects, whatever they speak."""

from __future__ import annotations

import socket
import threading
from typing import Self


class Listener:
    """Listens on a free port of this machine; `connections` is how often somebody connected. Use it with `with`."""

    def __init__(self) -> None:
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._count, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _count(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # closed: the tests are over
                return
            self.connections += 1
            connection.close()
