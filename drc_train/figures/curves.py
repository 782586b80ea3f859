"""Curves of a run as SVG, with axes and numbers; the page's style colours them for light and dark."""

from collections.abc import Sequence
from html import escape

import numpy as np

WIDTH, HEIGHT = 420, 190
"""Pixels of a drawing."""
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 8, 36
"""Margins around the plot, pixels: numbers stand on the left and below."""
TICKS = 4
"""At most this many intervals between the numbers of an axis."""

STYLE = """.curve{background:none}.curve text{font:11px system-ui,sans-serif;fill:var(--soft)}
.curve .grid{stroke:var(--line);stroke-width:1}.curve polyline{fill:none;stroke:var(--accent);stroke-width:1.4}"""
"""CSS of the drawings; the page defines the variables."""


def curve(name: str, points: Sequence[tuple[int, float]]) -> str:
    """A curve as an ``<svg>`` element.

    Args:
        name: of the figure, for the label of the drawing.
        points: iteration and value. Values that are not finite are left out.

    Returns:
        The element; empty if no value is finite.
    """
    shown = [(step, value) for step, value in points if np.isfinite(value)]
    if not shown:
        return ""
    rows = _ticks(min(value for _, value in shown), max(value for _, value in shown))
    low, high = rows[0], rows[-1]
    first, last = shown[0][0], shown[-1][0]

    def across(step: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (step - first) / max(last - first, 1)

    def down(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    floor, columns = HEIGHT - BOTTOM, [it for it in _ticks(first, last) if first <= it <= last and it == int(it)]
    parts = [
        f'<path class="grid" d="M{LEFT} {down(it):.1f}H{WIDTH - RIGHT}"/>'
        f'<text x="{LEFT - 6}" y="{down(it) + 4:.1f}" text-anchor="end">{_number(it)}</text>'
        for it in rows
    ]
    parts += [
        f'<path class="grid" d="M{across(it):.1f} {floor}v4"/>'
        f'<text x="{across(it):.1f}" y="{floor + 16}" text-anchor="middle">{int(it)}</text>'
        for it in columns
    ]
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 4}" text-anchor="middle">iteration</text>')
    path = " ".join(f"{across(step):.1f},{down(value):.1f}" for step, value in shown)
    label = f"{escape(name)}: {shown[0][1]:.4g} at iteration {first}, {shown[-1][1]:.4g} at {last}"
    head = f'<svg class="curve" width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{label}">'
    return f'{head}{"".join(parts)}<polyline points="{path}"/></svg>'


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers, evenly spaced, from at most ``low`` to at least ``high``."""
    if high - low < 1e-9 * max(abs(low), abs(high), 1e-9):  # a flat curve stands in the middle
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    raw = (high - low) / TICKS
    power = 10 ** np.floor(np.log10(raw))
    step = next(it * power for it in (1, 2, 5, 10) if it * power >= raw * (1 - 1e-9))
    return [float(it * step) for it in range(int(np.floor(low / step + 1e-9)), int(np.ceil(high / step - 1e-9)) + 1)]


def _number(value: float) -> str:
    return f"{value:.6g}"
