"""What Python and the page must agree on, as files: `python -m tests.contract_cases` writes them anew.

Both sides read them: `tests/test_contract.py` and `js/tests/contract.test.ts`.
"""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from magistral_nb import Client, Event, MagistralError, Reply
from magistral_nb.rendering import facts
from magistral_nb.rendering.markdown import markdown_html
from magistral_nb.rendering.text import plain
from tests.fake_server import FakeServer
from tests.hostile import TEXTS as HOSTILE

HERE = Path(__file__).parent
FOLDER = HERE / "contract"
NOT_CLOSED = {"br", "hr"}
_LONGEST_HOSTILE = 5_000  # the longer ones are about time, and these files about what is shown
_TICK = 0.25  # a clock that is the same each time

Tree = str | list[Any]
"""A text, or a list of a tag and what is in it."""


def structure(html: str) -> list[Tree]:
    """Return what HTML shows, without what differs by design: styles, wrapping boxes, breaks between blocks.

    >>> structure('<p dir="auto"><em>Hi</em> there</p>')
    [["p", ["em", "Hi"], " there"]]
    """
    reader = _Structure()
    reader.feed(html)
    reader.close()
    return _tidied(reader.open[0])[1:]


class _Structure(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[list[Any]] = [["top"]]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        element: list[Any] = [_named(tag, values)]
        self.open[-1].append(element)
        if tag not in NOT_CLOSED:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].append(data)


def _named(tag: str, values: dict[str, str]) -> str:
    if tag == "span" and "mathjax_process" in values.get("class", ""):
        return "formula"
    kept: dict[str, str] = {name: values[name] for name in ("href", "start", "class") if name in values}
    side = values.get("style", "").rpartition("text-align:")[2]
    if tag in ("td", "th") and side != "left":
        kept["align"] = side
    return tag + "".join(f" {name}={value}" for name, value in kept.items())


def _tidied(element: list[Any]) -> list[Any]:
    tidy: list[Any] = [element[0]]
    for child in element[1:]:
        if isinstance(child, list) and child[0] == "div":
            tidy += _tidied(child)[1:]
        elif isinstance(child, list):
            tidy.append(_tidied(child))
        elif len(tidy) > 1 and isinstance(tidy[-1], str):
            tidy[-1] += child
        else:
            tidy.append(child)
    return (
        [one for one in map(_without_breaks, tidy) if one != ""]
        if element[0].split()[0] not in ("pre", "code")
        else tidy
    )


def _without_breaks(one: Any) -> Any:
    """Leave out breaks at the edges of a text: between blocks they mean nothing."""
    return one.strip("\n") if isinstance(one, str) else one


def markdown_cases() -> dict[str, list[dict[str, Any]]]:
    """Return the cases of each file in `contract/markdown/`: a name, a text, and the structure to show."""
    return {
        name: [case | {"shows": structure(markdown_html(case["text"]))} for case in cases]
        for name, cases in _sources().items()
    }


def _sources() -> dict[str, list[dict[str, str]]]:
    data = HERE / "data"
    files = {"formulas": "markdown_cases", "elements": "markdown_elements"}
    sources = {
        name: [
            {"name": case["name"], "text": case["text"]}
            for case in json.loads((data / f"{file}.json").read_text("utf-8"))
        ]
        for name, file in files.items()
    }
    short = [case for case in HOSTILE if len(case["text"]) < _LONGEST_HOSTILE]
    sources["hostile"] = [{"name": case["id"], "text": case["text"]} for case in short]
    sources["rich"] = [
        {"name": name, "text": (data / f"{name}.md").read_text("utf-8")} for name in ("rich_answer", "rich_thinking")
    ]
    return sources


def text_cases() -> list[dict[str, str]]:
    """Return texts with what cannot be seen, and how they are shown."""
    sources = _sources()
    texts = [case["text"] for name in ("hostile", "elements") for case in sources[name]]
    texts += ["a\x00\x85b", "\ud83d", "\U0001f3f4\U000e0041", "\ufe0f\ufe0f", "\U000e0100\U000e0101"]
    texts += ["\r\r\n", "é中\u00ad"]
    return [{"text": text, "shown": plain(text)} for text in texts]


def recorded_events() -> dict[str, list[dict[str, Any]]]:
    """Play every sample of `data/dialects`, and return the events of each, on a clock of their own."""
    played = {}
    with FakeServer() as server:
        client = Client(base_url=server.base_url, model="magistral-small", api_key="x", max_retries=0)
        for sample in sorted((HERE / "data" / "dialects").glob("*.sse")):
            server.play(sample.read_bytes())
            played[sample.stem] = [
                event.to_dict() | {"at": _TICK * number} for number, event in enumerate(_events(client))
            ]
            played[sample.stem][0]["endpoint"] = "http://127.0.0.1:8000/v1"  # the server's port is another each time
    return played


def _events(client: Client) -> list[Event]:
    events: list[Event] = []
    try:
        with client.stream("What is two and two?") as stream:
            events.extend(stream)
    except MagistralError:
        pass  # what came before is what this is about
    return events


def folded(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the reply that events in wire form make."""
    from magistral_nb import events as kinds

    by_type = {kind.type: kind for kind in vars(kinds).values() if isinstance(kind, type) and hasattr(kind, "type")}
    reply = Reply()
    for event in events:
        reply.add(by_type[event["type"]](**{key: value for key, value in event.items() if key != "type"}))
    return reply.to_dict()


def told(reply: dict[str, Any]) -> dict[str, Any]:
    """Return all that is said about a reply besides its text."""
    return {
        "thought": facts.thought(reply),
        "badges": facts.badges(reply),
        "warnings": facts.warnings(reply),
        "wishes": facts.wishes(reply),
        "missing_answer": facts.missing_answer(reply),
        "unusual_end": facts.unusual_end(reply),
        "footer": facts.footer(reply),
    }


DURATIONS = [0.0, 0.04, 0.42, 5.8, 9.94, 9.96, 12.3, 59.6, 60, 65, 119.7, 3599.6, 3720, 7199, 86400.0]


def duration_cases() -> list[dict[str, Any]]:
    """Return times, and how a reader says them."""
    return [
        {"seconds": seconds, "said": facts.duration(seconds), "whole": facts.duration(seconds, whole=True)}
        for seconds in DURATIONS
    ]


def write_all() -> None:
    """Write every file; the events are those that this version makes of the samples."""
    (FOLDER / "markdown").mkdir(parents=True, exist_ok=True)
    for name, cases in markdown_cases().items():
        _write(f"markdown/{name}.json", cases)
    _write("text.json", text_cases())
    _write("durations.json", duration_cases())
    _write("replies.json", _with_replies(recorded_events() | _made_up()))


def _with_replies(played: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [
        {"name": name, "events": events, "reply": folded(events), "told": told(folded(events))}
        for name, events in played.items()
    ]


def _made_up() -> dict[str, list[dict[str, Any]]]:
    return json.loads((HERE / "data" / "made_up_events.json").read_text("utf-8"))  # type: ignore[no-any-return]  # ours


def _write(name: str, data: Any) -> None:
    (FOLDER / name).write_text(json.dumps(data, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    write_all()
