"""The logs of the packages below us, without secrets: at the level DEBUG they write down what a server repeats."""

from __future__ import annotations

import logging

from magistral_nb.scrubbing import scrub

_PACKAGES = ("openai", "httpx2", "httpcore2", "httpx", "httpcore")


def scrub_logs() -> None:
    """Let no registered secret pass through the loggers that those packages have made so far."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in _PACKAGES:
            logging.getLogger(name).addFilter(_FILTER)  # adding it again changes nothing


class _Scrubbing(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, after its words were scrubbed."""
        said = record.getMessage()
        if (clean := scrub(said)) != said:
            record.msg, record.args = clean, ()
        if record.exc_info and record.exc_info[1] is not None:
            record.exc_text = scrub(logging.Formatter().formatException(record.exc_info))
        return True


_FILTER = _Scrubbing()
