"""Bars as inline SVG: one drawing for every report, read by people and by screen readers alike."""

import html
from collections.abc import Sequence
from typing import Final

WIDTH: Final = 900
HEIGHT: Final = 220
_LEFT: Final = 52
_BOTTOM: Final = 22
_TOP: Final = 10


class Safe(str):
    """HTML that needs no escaping any more: what the templates' escape leaves as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        return self


def bars(points: Sequence[tuple[str, float]], title: str, *, unit: str = "", width: int = WIDTH) -> Safe:
    """A bar chart; `points` are (label, value), at most a hundred.

    title  what is drawn, for those who cannot see it
    unit   written before each value, such as `$`
    width  in pixels as it is meant to be shown, so that its texts come out as large as others
    """
    top = _round_up(max((value for _, value in points), default=0), whole=not unit)
    shape = "chart wide" if width == WIDTH else "chart"
    inner, base = width - _LEFT - 6, HEIGHT - _BOTTOM
    step = inner / max(1, len(points))
    parts = [
        f'<svg class="{shape}" viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="{html.escape(title)}">',
        f"<title>{html.escape(title)}</title>",
    ]
    for share in (0, 0.5, 1):
        height = base - share * (base - _TOP)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{width - 6}" y1="{height:.1f}" y2="{height:.1f}"/>'
        )
        parts.append(
            f'<text class="axis" x="{_LEFT - 6}" y="{height + 3:.1f}" text-anchor="end">'
            f"{html.escape(unit)}{_short(top * share)}</text>"
        )
    every = max(1, round(len(points) * 90 / width))
    for place, (label, value) in enumerate(points):
        tall = (base - _TOP) * max(0.0, value) / top if top else 0
        left, wide = _LEFT + place * step, max(1.0, step * 0.72)
        said = f"{html.escape(label)}: {html.escape(unit)}{value:,.2f}".removesuffix(".00")
        parts.append(
            f'<rect class="bar" x="{left + (step - wide) / 2:.1f}" y="{base - tall:.1f}" width="{wide:.1f}" '
            f'height="{tall:.1f}" rx="2"><title>{said}</title></rect>'
        )
        parts.append(
            f'<rect class="hit" x="{left:.1f}" y="{_TOP}" width="{step:.1f}" height="{base - _TOP}">'
            f"<title>{said}</title></rect>"
        )
        if place % every == 0:
            also = " odd" if place // every % 2 else ""  # too close together on a narrow screen
            parts.append(
                f'<text class="axis{also}" x="{left + step / 2:.1f}" y="{HEIGHT - 6}" text-anchor="middle">'
                f"{html.escape(label)}</text>"
            )
    parts.append("</svg>")
    return Safe("".join(parts))


def _round_up(value: float, *, whole: bool) -> float:
    """The next round number, for the upper end of the axis.

    whole  what is counted comes in whole pieces, and so must the middle of the axis
    """
    power = float(10 ** (len(str(int(value))) - 1)) if value > 0 else 1.0
    bounds = (2, 4, 6, 8, 10) if whole and power == 1 else (1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10)
    return next(bound * power for bound in bounds if value <= bound * power)


def _short(value: float) -> str:
    """Few characters: 1.5k, 2M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
