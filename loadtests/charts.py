"""Charts as text: SVG stretched to its box, and words above it in HTML, where they keep their shape. Pure."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from loadtests.timeline import OverTime

WIDTH, HEIGHT = 1_000, 100
ROUND = (1, 2, 2.5, 5, 10)
QUANTILES = {"max": "max", "p999": "p99.9", "p99": "p99", "p50": "p50"}
"""Longest first, so that the shorter ones are drawn over it."""
FLOOR_MS = 0.1
COLOURS = 6
FILLED_MAX = 2
"""Of more curves the areas would hide one another."""


def number(value: float) -> str:
    """Return 1,234 or 12.3 or 0.12: three digits, or all before the point."""
    if value == round(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}".rstrip("0").rstrip(".")


def time_ms(value: float) -> str:
    """Return a duration in ms or, from a second on, in s."""
    return f"{number(value)} ms" if value < 1_000 else f"{number(value / 1_000)} s"


def round_up(value: float) -> float:
    """Return the next round number, so that a scale can be read."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in ROUND if step * power >= value * 0.999)


def path(points: Sequence[tuple[float, float]]) -> str:
    """Return an SVG path through the points, each from 0 to 1 from the lower left."""
    return "M" + "L".join(f"{x * WIDTH:.1f} {HEIGHT - y * HEIGHT:.1f}" for x, y in points) if points else ""


def rates(title: str, curves: OverTime, names: Mapping[str, str], marks: Mapping[str, float]) -> str:
    """Draw some of the curves, each with its label. ``marks`` are moments, in seconds, with what happened then.

    Curves that are zero all along are left out.
    """
    times = curves.get("at_s", [])
    names = {name: label for name, label in names.items() if any(curves.get(name, ()))}
    if len(times) < 2 or not names:
        return ""
    end_s = times[-1]
    top = round_up(max(max(curves[name]) for name in names) * 1.05)
    drawn = "".join(
        _curve(times, curves[name], end_s, top, f"curve-{at % COLOURS}", is_filled=len(names) <= FILLED_MAX)
        for at, name in enumerate(names)
    )
    keys = "".join(
        f'<span class="key curve-{at % COLOURS}">{escape(label)}</span>' for at, label in enumerate(names.values())
    )
    flags = "".join(
        f'<span class="mark{" is-late" if at_s > 0.8 * end_s else ""}" style="left:{at_s / end_s:.2%}">'
        f"<b>{escape(word)}</b></span>"
        for word, at_s in marks.items()
        if at_s <= end_s
    )
    grid = "".join(f'<line class="grid" x1="0" x2="{WIDTH}" y1="{y}" y2="{y}"/>' for y in (0.5, HEIGHT / 2))
    return (
        f'<figure class="card"><figcaption><h2>{escape(title)}</h2>{keys}</figcaption><div class="plot">'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{escape(title)}">'
        f'{grid}{drawn}</svg><span class="scale" style="top:0">{number(top)}</span>'
        f'<span class="scale" style="top:50%">{number(top / 2)}</span>{flags}</div>'
        f'<div class="time"><span>0 s</span><span>{number(end_s)} s</span></div></figure>'
    )


def of_kind(curves: OverTime, kind: str, *, is_from_lowest: bool) -> OverTime:
    """Return the curves of a kind, named by process alone; from the lowest value of each, what grows stands out."""
    found: OverTime = {"at_s": curves.get("at_s", [])}
    for name, values in curves.items():
        process, _, what = name.rpartition(" ")
        if what == kind:
            least = min(values, default=0.0) if is_from_lowest else 0.0
            found[process] = [round(value - least, 2) for value in values]
    return found


def latencies(latency_ms: Mapping[str, Mapping[str, float | None]]) -> str:
    """Draw the percentiles of each latency as bars over one another, on one logarithmic scale, with their numbers."""
    known = {name: figures for name, figures in latency_ms.items() if figures["max"] is not None}
    if not known:
        return ""
    longest = max(figures["max"] or 0.0 for figures in known.values())
    top = max(FLOOR_MS * 10, 10.0 ** math.ceil(math.log10(max(FLOOR_MS, longest))))
    ticks = [FLOOR_MS * 10**power for power in range(round(math.log10(top / FLOOR_MS)) + 1)]
    axis = "".join(f'<span style="left:{_place(tick, top):.2%}">{time_ms(tick)}</span>' for tick in ticks[1:])
    grid = "".join(_tick(_place(tick, top)) for tick in ticks[1:])
    rows = "".join(_row(name, figures, top, grid) for name, figures in known.items())
    heads = "".join(f'<span class="head bar-{key}">{label}</span>' for key, label in reversed(QUANTILES.items()))
    return (
        '<figure class="card"><figcaption><h2>Latency from the planned time of each gift</h2></figcaption>'
        f'<div class="latencies"><span></span><span class="axis">{axis}</span>{heads}{rows}</div></figure>'
    )


def _curve(
    times: Sequence[float], values: Sequence[float], end_s: float, top: float, style: str, *, is_filled: bool
) -> str:
    ends = [(at_s / end_s, value / top) for at_s, value in zip(times, values, strict=True)]
    points = [(0.0, ends[0][1]), *ends]  # a rate holds from the reading before it
    area = [(points[0][0], 0.0), *points, (points[-1][0], 0.0)]
    filled = f'<path class="area {style}" d="{path(area)}Z"/>' if is_filled else ""
    return f'{filled}<path class="{style}" d="{path(points)}"/>'


def _place(value_ms: float, top_ms: float) -> float:
    return math.log10(max(FLOOR_MS, value_ms) / FLOOR_MS) / math.log10(top_ms / FLOOR_MS)


def _tick(place: float) -> str:
    return f'<line class="grid" x1="{place * WIDTH:.1f}" x2="{place * WIDTH:.1f}" y1="0" y2="{HEIGHT}"/>'


def _row(name: str, figures: Mapping[str, float | None], top: float, grid: str) -> str:
    bars = "".join(
        f'<rect class="bar-{key}" width="{max(4.0, _place(figures[key] or 0.0, top) * WIDTH):.1f}" y="18" height="64"/>'
        for key in QUANTILES
    )
    numbers = "".join(f"<b>{time_ms(figures[key] or 0.0)}</b>" for key in reversed(QUANTILES))
    return (
        f'<span class="name">{escape(name.replace("_", " "))}</span>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">{grid}{bars}</svg>{numbers}'
    )
