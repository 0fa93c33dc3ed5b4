"""Pictures of what was measured, for docs/performance.md: small, and readable on white and on black."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

IMAGES = Path(__file__).parents[1] / "docs" / "images"
INK = "#808080"
COLOURS = ("#1f77d0", "#27a35a", "#d9822b", "#c0508f")


def axes(title: str, size: tuple[float, float]) -> tuple[Any, Any]:
    """Return a figure and its axes, in a grey that is seen on any ground."""
    import matplotlib

    matplotlib.use("svg")
    # the same numbers make the same file; letters stay letters
    matplotlib.rcParams.update({"svg.hashsalt": "magistral_nb", "svg.fonttype": "none", "font.family": "sans-serif"})
    from matplotlib import pyplot

    figure, plot = pyplot.subplots(figsize=size, layout="constrained")
    plot.set_title(title, color=INK, fontsize=11)
    plot.tick_params(colors=INK, which="both")
    plot.spines[["top", "right"]].set_visible(False)
    plot.spines[["left", "bottom"]].set_color(INK)
    plot.xaxis.label.set_color(INK)
    plot.yaxis.label.set_color(INK)
    return figure, plot


def iopub(costs: Sequence[Mapping[str, Any]]) -> None:
    """Draw the bytes on iopub over the tokens of a reply, at full speed."""
    figure, plot = axes("One reply at full speed: what goes over the wire", (6.4, 3.6))
    names = list(dict.fromkeys(cost["name"] for cost in costs))
    for name, colour in zip(names, COLOURS, strict=False):
        own = [cost for cost in costs if cost["name"] == name]
        plot.plot(
            [cost["tokens"] for cost in own],
            [cost["bytes"] / 1e6 for cost in own],
            marker="o",
            color=colour,
            label=name,
        )
    sizes = {cost["tokens"]: cost["text"] / 1e6 for cost in costs}
    plot.plot(list(sizes), list(sizes.values()), color=INK, linestyle=":", label="the text itself")
    plot.set(xscale="log", yscale="log", xlabel="tokens", ylabel="MB on iopub")
    plot.set_xticks(list(sizes), [f"{tokens:,}" for tokens in sizes])
    plot.minorticks_off()
    plot.legend(frameon=False, labelcolor=INK, fontsize=9)
    save(figure, "iopub.svg")


def frames(rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw the longest task and the dropped frames of each text, ours beside the whole text rendered again."""
    import numpy

    figure, plot = axes("Longest task while a reply grows, ms (less is better)", (6.4, 3.2))
    names = list(dict.fromkeys(row["what"] for row in rows))
    places = numpy.arange(len(names))
    for number, (way, label) in enumerate((("whole", "whole text again"), ("ours", "magistral_nb"))):
        found = [next(row["longestTask"] for row in rows if (row["what"], row["way"]) == (name, way)) for name in names]
        bars = plot.barh(places + 0.2 - 0.4 * number, found, 0.38, color=COLOURS[2 - 2 * number], label=label)
        plot.bar_label(bars, [f"{value:,.0f}" for value in found], padding=3, color=INK, fontsize=8)
    plot.set(xscale="log", xlim=(1, None))
    plot.set_yticks(places, names)
    plot.invert_yaxis()
    plot.legend(frameon=False, labelcolor=INK, fontsize=9, loc="lower right")
    save(figure, "frames.svg")


def save(figure: Any, name: str) -> None:
    """Write a picture; without the day, so that equal numbers are no change."""
    IMAGES.mkdir(exist_ok=True)
    figure.savefig(IMAGES / name, transparent=True, metadata={"Date": None})
