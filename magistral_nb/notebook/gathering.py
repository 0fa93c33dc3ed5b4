"""How often live replies may speak: a server drops the output of a kernel that sends too many messages."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

PER_REPLY = 20
"""At most so many messages a second for one reply."""
PER_KERNEL = 70
"""At most so many messages a second for all replies of a kernel together: below 100 with what opens their widgets."""


class Gatherer:
    """Says when a reply may send its next message; until then what it has to say gathers."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sent: deque[tuple[float, str]] = deque()

    def may_send(self, reply_id: str, *, pause: float = 1 / PER_REPLY) -> bool:
        """Tell whether a reply may send a message now, `pause` seconds after its last. If so, it counts as sent."""
        now = self._clock()
        with self._lock:
            while self._sent and self._sent[0][0] <= now - 1:
                self._sent.popleft()
            last = max((at for at, who in self._sent if who == reply_id), default=now - 1)
            # A clock counts in steps of its own, so that 1/20 s is not always quite that.
            if len(self._sent) >= PER_KERNEL or now - last < pause - 1e-6:
                return False
            if sum(who == reply_id for _, who in self._sent) >= PER_REPLY:
                return False
            self._sent.append((now, reply_id))
            return True


GATHERER = Gatherer()
"""The one of this kernel."""
