"""charts: bars as inline SVG, each with its words and the same numbers as a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

import msgspec

from service.verbs.rendering.elements import element, table

# in the units of the drawing, which scales with the page: on a telephone of 360 pixels three quarters of one each, so
# that the letters (13 units) stay at 10 pixels
_WIDTH, _LABEL, _VALUE, _STEP, _THICK = 430, 150, 75, 26, 16
_MOST_BARS = 20


class Bar(msgspec.Struct, frozen=True):
    """One bar; `kind` picks its colour by class: plain, error, warning, info or good."""

    label: str
    value: int
    kind: str = "plain"


def chart(title: str, says: str, bars: Sequence[Bar], *, of: str, counts: str = "rows") -> ET.Element:
    """A figure of horizontal bars: `says` is the point, `of` what the labels are, `counts` the values."""
    shown = _together(bars)
    name = re.sub("[^a-z0-9]+", "-", title.lower()).strip("-")
    most = max((bar.value for bar in shown), default=0) or 1
    drawing = element(
        "svg",
        element("title", title, id=f"{name}-title"),
        element("desc", f"{says} {'; '.join(f'{bar.label}: {bar.value:,}' for bar in shown)}.", id=f"{name}-desc"),
        *(part for i, bar in enumerate(shown) for part in _drawn(bar, i * _STEP, most)),
        viewBox=f"0 0 {_WIDTH} {len(shown) * _STEP}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )
    rows = [(bar.label, f"{bar.value:,}") for bar in shown]
    return element(
        "figure",
        element("figcaption", element("strong", title), f" {says}"),
        drawing,
        element("details", element("summary", "As a table"), table(title, (of, counts), rows, numbers=(1,))),
    )


def _drawn(bar: Bar, top: int, most: int) -> list[ET.Element]:
    width = (_WIDTH - _LABEL - _VALUE) * bar.value / most
    middle = str(top + _STEP // 2)
    return [
        element("text", bar.label, x=str(_LABEL - 8), y=middle, class_="label"),
        element(
            "rect", x=str(_LABEL), y=str(top + (_STEP - _THICK) // 2), height=str(_THICK), rx="2",
            width=f"{max(width, 2 if bar.value else 0):.2f}", class_=f"bar {bar.kind}",
        ),
        element("text", f"{bar.value:,}", x=f"{_LABEL + width + 8:.1f}", y=middle, class_="value"),
    ]  # fmt: skip


def _together(bars: Sequence[Bar]) -> list[Bar]:
    """The bars, those beyond the most that a chart can show as one."""
    if len(bars) <= _MOST_BARS:
        return list(bars)
    kept, rest = bars[: _MOST_BARS - 1], bars[_MOST_BARS - 1 :]
    return [*kept, Bar(f"{len(rest):,} more", sum(bar.value for bar in rest))]
