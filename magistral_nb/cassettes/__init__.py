"""Cassettes: replies are recorded once, and played to a class that needs no key, no network and no engine.

A cassette is a transport around a transport: it hears, or plays, the chunks that any of them yields. So servers and
engines in this process are recorded alike, and an old recording tests a new decoder.
"""

from magistral_nb.cassettes.running import record, replay

__all__ = ["record", "replay"]
