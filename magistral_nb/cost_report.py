"""What `%magistral cost` and `python -m magistral_nb cost` print: tokens and USD, and what has no price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from magistral_nb.errors import ConfigurationError
from magistral_nb.meter_file import Entry, entries_of, meter_path, read_month
from magistral_nb.metering import SESSION, Place, Total, totals
from magistral_nb.rendering.facts import dollars
from magistral_nb.rendering.text import plain
from magistral_nb.settings_files import load_settings

_WIDEST = 48
_LAST_WORD = "Counted on this machine, with the prices that are set here. What counts is the provider's own bill."


def cost_report(*, with_session: bool = True, today: date | None = None) -> str:
    """Return what was spent in this process, today and this month, by endpoint and model, and by notebook."""
    today = today or date.today()
    month = read_month(today)
    session = _block("This session", SESSION.totals()) if with_session else []
    lines = [
        *session,
        *_block("Today", totals(entries_of(month.entries, today))),
        *_block(f"This month, {today:%Y-%m}", totals(entry.spending for entry in month.entries)),
        *_by_notebook(month.entries),
        *_remarks(month.damaged, month.problem, today),
        _LAST_WORD,
    ]
    return plain("\n".join(lines))


def _block(title: str, sums: Mapping[Place, Total]) -> list[str]:
    if not sums:
        return [f"{title}: nothing"]
    return [f"{title}: {_told(sum(sums.values(), Total()))}", *_rows(sums)]


def _by_notebook(entries: Iterable[Entry]) -> list[str]:
    notebooks: dict[Place, Total] = {}
    for entry in entries:
        notebooks.setdefault((entry.notebook,), Total()).add(entry.spending)
    return ["This month, by notebook:", *_rows(notebooks)] if notebooks else []


def _rows(sums: Mapping[Place, Total]) -> list[str]:
    """Return a line for each place, the dearest first, then the one with most tokens."""
    ordered = sorted(sums.items(), key=lambda row: (-row[1].usd, -row[1].prompt_tokens - row[1].completion_tokens))
    names = [_short(", ".join(filter(None, place))) for place, _ in ordered]
    width = max(map(len, names))
    return [f"  {name:<{width}}  {_told(total)}" for name, (_, total) in zip(names, ordered, strict=True)]


def _told(total: Total) -> str:
    """Say a sum as a reader reads it. An unknown price is no number, and is never left out silently."""
    about = "about " if total.estimated else ""
    facts = [
        _count(total.replies, "reply", "replies"),
        f"{about}{total.prompt_tokens:,} + {total.completion_tokens:,} tokens",
    ]
    if total.unpriced == total.replies:
        return "; ".join([*facts, "price unknown"])
    unpriced = f" + {_count(total.unpriced, 'reply', 'replies')} of unknown price" if total.unpriced else ""
    return "; ".join([*facts, f"{about}{dollars(total.usd)}{unpriced}"])


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _short(name: str) -> str:
    return name if len(name) <= _WIDEST else f"{name[: _WIDEST - 1]}…"


def _remarks(damaged: int, problem: str, today: date) -> list[str]:
    told = [f"{problem}."] if problem else []
    if damaged:
        told.append(f"{_count(damaged, 'line', 'lines')} of {meter_path(today)} could not be read and do not count.")
    if _is_off():
        told.append("A settings file says meter = false: nothing is written down beyond this session.")
    return told


def _is_off() -> bool:
    try:
        told = load_settings().defaults.get("meter")
    except ConfigurationError:  # a report about the past needs no settings
        return False
    return told is not None and told.value is False
