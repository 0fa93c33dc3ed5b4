"""What `%magistral status` and `python -m magistral_nb status` print: plain text, keys never shown."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Mapping, Sequence

from magistral_nb._version import __version__
from magistral_nb.cassettes.running import all_running
from magistral_nb.choosing import Choice, choose_endpoint, find_local
from magistral_nb.endpoints import Endpoint
from magistral_nb.errors import ConfigurationError
from magistral_nb.journal.files import DAYS, journal_folder
from magistral_nb.journal.keeping import problem
from magistral_nb.journal.recovering import CutOff, cut_off_replies
from magistral_nb.scrubbing import scrub
from magistral_nb.settings import Settings, environment
from magistral_nb.settings_files import load_settings

SAFE_JUPYTERLAB = (4, 6, 2)
"""Older ones have CVE-2026-73417, -73415, -73627 and others; see SECURITY.md."""
_SHOWN = ("endpoint", "base_url", "model", "api_key", "temperature", "top_p", "max_tokens", "system", "instructions")


def status_report(settings: Settings) -> str:
    """Return which endpoint and settings are in force, and why."""
    rows = []
    for name in _SHOWN:
        value, source = settings.sources[name]
        if value is None and source in ("default", "not set", "not needed"):
            value, source = {"max_tokens": "40,960 or what fits", "api_key": source}.get(name, "none"), "default"
        shown = repr(value) if name in ("system", "instructions") and value not in ("default", "none") else value
        rows.append(f"  {name:<12}  {shown}  ({source})")
    return scrub("\n".join([f"magistral_nb {__version__}", *rows, _journal(settings), *cassettes_report(), *_advice()]))


def recovery_report(found: Sequence[CutOff], *, chosen: int) -> str:
    """Return which replies were cut off, and which of them is `chosen`, counted from 1."""
    if not found:
        return f"Nothing to recover: no reply was cut off in the last {DAYS} days."
    lines = [f"{'→' if n == chosen else ' '} {n}  {_cut_off(one)}" for n, one in enumerate(found, start=1)]
    return scrub(
        "\n".join([*lines, "`%magistral recover N` shows another one; `%magistral recover forget` removes them."])
    )


def _cut_off(one: CutOff) -> str:
    question = " ".join(one.question.split())
    question = question if len(question) <= 60 else f"{question[:57]}…"
    when = one.started.replace("T", " ").replace("+00:00", " UTC")
    characters = len(one.reply.thinking) + len(one.reply.answer)
    return f"{when}  {one.reply.model} at {one.reply.endpoint}, {characters:,} characters  {question!r}\n     {one.why}"


def _journal(settings: Settings) -> str:
    value, source = settings.sources["journal"]
    if not value:
        return f"  {'journal':<12}  off  ({source})"
    count = len(cut_off_replies())
    waiting = f"; {count} cut off, see %magistral recover" if count else ""
    trouble = f"; {problem()}" if problem() else ""
    return f"  {'journal':<12}  on, in {journal_folder()}{waiting}{trouble}  ({source})"


def cassettes_report() -> list[str]:
    """Return which cassettes are played and recorded now, a line for each."""
    return [f"  {'cassette':<12}  {cassette}" for cassette in all_running()]


def _advice() -> list[str]:
    """Warn of an old JupyterLab: notebook content can make it run script or commands, whatever we do."""
    try:
        version = importlib.metadata.version("jupyterlab")
    except importlib.metadata.PackageNotFoundError:
        return []
    if tuple(int(part) for part in re.findall(r"\d+", version)[:3]) >= SAFE_JUPYTERLAB:
        return []
    wanted = ".".join(map(str, SAFE_JUPYTERLAB))
    return [f"JupyterLab {version} has known holes: {wanted} or newer is safer (pip install -U jupyterlab)."]


def endpoints_report(
    chosen: str | None = None, env: Mapping[str, str] | None = None, *, look_around: bool = True
) -> str:
    """Return all endpoints, which keys are set, which servers answer, and which endpoint would be chosen and why.

    `look_around` asks this machine's usual addresses, which takes less than a second.
    """
    env = environment(env)
    site = load_settings(env)
    choice: Choice | None = None
    try:
        choice = choose_endpoint(chosen, None, env=env)
        told = f"Chosen: {choice.endpoint.name}. {choice.why}"
    except ConfigurationError as error:
        told = f"Chosen: none. {error.message}"
    name = choice.endpoint.name if choice else None
    answering = _answering(env, site.endpoints) if look_around else {}
    lines = [_row(row, name, env, answering.pop(row.name, "")) for row in site.endpoints.values()]
    lines += [f"  {'':<18} {what}" for what in answering.values()]
    lines += [f"Settings file: {path}" for path in site.files]
    return scrub("\n".join([*lines, told]))


def _answering(env: Mapping[str, str], rows: Mapping[str, Endpoint]) -> dict[str, str]:
    """Return what answers on this machine, by the row's name; by its address, if it is a server of no row."""
    from magistral_nb.transports.discovery import describe, places_of

    local = places_of((row.name, row.base_url) for row in rows.values())
    told: dict[str, list[str]] = {name: [] for place in local for name in place.row_names}
    for found in find_local(env):
        told.setdefault(found.row_name or found.base_url, []).append(describe(found))
    return {name: f"answers: {'; '.join(what)}" if what else "does not answer" for name, what in told.items()}


def _row(row: Endpoint, chosen: str | None, env: Mapping[str, str], answering: str) -> str:
    mark = "→" if row.name == chosen else " "
    facts = [row.description or row.base_url, _key(row, env), answering]
    return f"{mark} {row.name:<18} {'; '.join(filter(None, facts))}"


def _key(row: Endpoint, env: Mapping[str, str]) -> str:
    if not row.key_env:
        return f"the key is in {row.api_key.source}" if row.api_key else "no key needed"
    if env.get(row.key_env):
        return f"${row.key_env} is set"
    if row.api_key:
        return f"the key is in {row.api_key.source}"
    return f"${row.key_env} is not set" + ("" if row.key_needed else ", and may not be needed")
