"""The estimate's page in a real browser: bars to scale, lines over them, words that can be read."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

Visit = Callable[..., Any]
Pages = dict[str, Path]
PHONE = 360
# every drawing with its words, its bars and its lines, in pixels of the screen
DRAWN = """
const box = e => { const {left, right, top, bottom, width, height} = e.getBoundingClientRect();
                   return {left, right, top, bottom, width, height}; };
return seen.filter(e => e.tagName === 'svg').map(e => ({
    title: e.querySelector('title').textContent, box: box(e),
    bars: [...e.querySelectorAll('rect')].map(one => ({...box(one), of: one.textContent,
        fill: getComputedStyle(one).fill})),
    words: [...e.querySelectorAll('text')].filter(one => one.textContent).map(one => ({...box(one),
        said: one.textContent})),
    lines: [...e.querySelectorAll('.over path')].map(one => ({...box(one), stroke: getComputedStyle(one).stroke})),
    curve: [...e.querySelectorAll('.series path')].map(one => ({...box(one), fill: getComputedStyle(one).fill})),
}));
"""


def drawing(opened: Any, title: str) -> Any:
    return next(one for one in opened.asks(DRAWN) if one["title"] == title)


@pytest.mark.parametrize("width", [PHONE, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_parts_follow_each_other_in_colours_of_their_own(pages: Pages, visit: Visit, width: int, scheme: str) -> None:
    with visit(pages["estimate"], width=width, scheme=scheme) as opened:
        found = drawing(opened, "Memory at P90")
        keys = opened.asks("return seen.filter(e => e.matches('.key')).map(e => getComputedStyle(e).backgroundColor)")
    full = [bar for bar in found["bars"] if bar["of"].endswith("(full)") and bar["width"] > 1]
    assert len(full) >= 4
    assert len({bar["fill"] for bar in full}) == len(full)
    assert {bar["fill"] for bar in found["bars"]} <= set(keys), "the legend has every colour"
    ordered = sorted(full, key=lambda bar: bar["left"])
    for before, after in pairwise(ordered):
        assert abs(before["right"] - after["left"]) < 3
    assert all(bar["height"] >= 15 for bar in found["bars"])
    assert max(bar["right"] for bar in found["bars"]) - min(bar["left"] for bar in found["bars"]) > width / 3


@pytest.mark.parametrize("name", ["estimate", "estimate of a named GPU", "estimate of a simulated step"])
def test_words_and_lines_lie_inside_and_no_word_on_another(pages: Pages, visit: Visit, name: str) -> None:
    with visit(pages[name]) as wide, visit(pages[name], width=PHONE) as narrow:
        drawings = [*wide.asks(DRAWN), *narrow.asks(DRAWN)]
    assert drawings
    for found in drawings:
        box, words = found["box"], found["words"]
        for part in (*found["bars"], *words, *found["lines"], *found["curve"]):
            assert box["left"] - 0.5 <= part["left"] <= part["right"] <= box["right"] + 0.5, (found["title"], part)
            assert box["top"] - 0.5 <= part["top"] <= part["bottom"] <= box["bottom"] + 0.5, (found["title"], part)
        assert all(word["height"] >= 10 for word in words)
        for one in words:
            for other in words:
                apart = one["right"] <= other["left"] + 0.5 or other["right"] <= one["left"] + 0.5
                above = one["bottom"] <= other["top"] + 6 or other["bottom"] <= one["top"] + 6
                assert one is other or apart or above, (one, other)


def test_what_fits_ends_before_the_line_of_its_device(pages: Pages, visit: Visit) -> None:
    with visit(pages["estimate of a named GPU"]) as opened:
        found = drawing(opened, "Memory at P90")
    t4, a100 = sorted(line["left"] for line in found["lines"])

    def end(technique: str) -> float:
        return max(bar["right"] for bar in found["bars"] if bar["of"].endswith(f"({technique})"))

    assert t4 < end("qlora") < a100 < end("lora") < end("full")
    assert all(line["stroke"] not in {"none", "rgb(0, 0, 0)"} for line in found["lines"])


def test_a_simulated_step_is_a_filled_curve(pages: Pages, visit: Visit) -> None:
    with visit(pages["estimate of a simulated step"], width=PHONE) as opened:
        found = drawing(opened, "One step of lora")
        said = [word["said"] for word in found["words"]]
        assert [one for one in said if one.endswith("%")] == ["0 %", "25 %", "50 %", "75 %", "100 %"]
        assert sum(float(one) > 0 for one in said if not one.endswith("%")) >= 2, "values at its side"
        (curve,) = found["curve"]
        assert curve["width"] > 200
        assert curve["height"] > 40
        assert curve["fill"] != "none"
        assert "<img src=x" in opened.page.inner_text("h1")
        assert opened.page.title().startswith("tunegate estimate: <img src=x onerror="), "nothing of it was run"
        assert opened.page.locator("img, script, a, link").count() == 0
