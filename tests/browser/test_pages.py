"""The pages in a real browser: they ask for nothing, draw what they say, and can be read on any screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NAMES = [
    "lint", "lint of hostile data", "lint of clean data", "advise", "advise without facts", "advise in Tagalog",
    "estimate", "estimate of a named GPU", "estimate of a simulated step",
]  # fmt: skip
LINTED = [name for name in NAMES if name.startswith("lint")]
PHONE = 360
Visit = Callable[..., Any]
Pages = dict[str, Path]

# text against what lies behind it: the ratio of relative luminances, WCAG 2.2
CONTRASTS = """
const rgb = colour => { probe.fillStyle = '#000'; probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1);
                        return [...probe.getImageData(0, 0, 1, 1).data]; };
const canvas = document.createElement('canvas');
const probe = canvas.getContext('2d', {willReadFrequently: true});
const light = colour => rgb(colour).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const behind = e => { for (; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor;
    if (colour !== 'rgba(0, 0, 0, 0)') return colour;
} return 'Canvas'; };
const solid = document.createElement('div');
solid.style.cssText = 'background: Canvas';
document.body.append(solid);
const ground = getComputedStyle(solid).backgroundColor;
solid.remove();
const spoken = seen.filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
return spoken.map(e => {
    const under = behind(e);
    const [one, other] = [light(e.closest('svg') ? getComputedStyle(e).fill : getComputedStyle(e).color),
                          light(under === 'Canvas' ? ground : under)];
    return [(Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05), other, e.textContent.slice(0, 40)];
});
"""
# every drawing with its box, its bars and its words, in pixels of the screen
DRAWINGS = """
const box = e => { const {left, right, top, bottom, width, height} = e.getBoundingClientRect();
                   return {left, right, top, bottom, width, height}; };
return seen.filter(e => e.tagName === 'svg').map(e => ({
    title: e.querySelector('title').textContent, box: box(e),
    bars: [...e.querySelectorAll('rect')].map(box),
    words: [...e.querySelectorAll('text')].map(one => ({...box(one), said: one.textContent})),
}));
"""
OVERFLOWS = """
return seen.filter(e => !e.closest('thead') && (e.getBoundingClientRect().right > innerWidth + 0.5
        || (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== 'visible')))
    .map(e => `${e.tagName} ${e.textContent.slice(0, 40)}`);
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_page_asks_for_nothing_and_complains_of_nothing(pages: Pages, visit: Visit, name: str) -> None:
    with visit(pages[name]) as opened:
        assert opened.page.locator("h1").count() == 1
        assert opened.requests == [pages[name].as_uri()]
        assert opened.complaints == []


def test_what_a_page_asks_for_would_be_seen(pages: Pages, visit: Visit, tmp_path: Path) -> None:
    planted = tmp_path / "planted.html"
    shown = pages["lint"].read_text()
    planted.write_text(shown.replace("</main>", '<img src="https://example.com/x.png"><script>1</script></main>'))
    with visit(planted) as opened:
        assert any("example.com" in one for one in opened.complaints), "the page's own policy refuses it"
        assert any("script" in one for one in opened.complaints)
    open_to_all = tmp_path / "open.html"
    open_to_all.write_text(planted.read_text().replace("default-src 'none'", "default-src *"))
    with visit(open_to_all) as opened:
        assert "https://example.com/x.png" in opened.requests


def test_text_of_others_stays_text(pages: Pages, visit: Visit) -> None:
    with visit(pages["lint of hostile data"]) as opened:
        assert opened.page.title().startswith("tunegate lint: Not ready for local")
        text = opened.page.inner_text("main")
        assert "<img src=x onerror=document.title='owned'>" in text
        assert "<script>document.title='owned'</script>" in text
        assert opened.page.locator("script, img, b, iframe, object, embed, form, a, link").count() == 0
        handlers = "return [...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames())"
        assert not [one for one in opened.asks(handlers) if one.startswith("on") or one in {"src", "href", "style"}]


@pytest.mark.parametrize("name", LINTED)
def test_charts_are_drawn_and_can_be_read(pages: Pages, visit: Visit, name: str) -> None:
    with visit(pages[name]) as wide, visit(pages[name], width=PHONE) as narrow:
        drawings = [*wide.asks(DRAWINGS), *narrow.asks(DRAWINGS)]
    assert {"Rows", "Tokens a row", "Messages a row"} <= {one["title"] for one in drawings}
    for drawing in drawings:
        box = drawing["box"]
        assert box["width"] > 280, drawing["title"]
        assert box["height"] >= 15 * len(drawing["bars"]) > 0, drawing["title"]
        assert max(bar["width"] for bar in drawing["bars"]) > 100, drawing["title"]
        for part in (*drawing["bars"], *drawing["words"]):
            assert box["left"] - 0.5 <= part["left"] <= part["right"] <= box["right"] + 0.5, (drawing["title"], part)
        assert all(word["height"] >= 10 for word in drawing["words"]), drawing["title"]


def test_each_language_and_severity_has_its_bar(pages: Pages, visit: Visit) -> None:
    with visit(pages["lint"]) as opened:
        words = {one["title"]: [word["said"] for word in one["words"]] for one in opened.asks(DRAWINGS)}
    assert words["Findings by severity"][0::2] == ["errors", "warnings", "infos"]
    assert words["Languages"][0] == "en"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_wider_than_the_screen(pages: Pages, visit: Visit, name: str) -> None:
    with visit(pages[name]) as opened:
        opened.page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
        for width in (320, PHONE, 700, 1280):
            opened.page.set_viewport_size({"width": width, "height": 800})
            assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
            assert opened.asks(OVERFLOWS) == [], width


@pytest.mark.parametrize("name", ["lint", "advise", "estimate"])
def test_on_a_telephone_every_cell_says_which_column_it_is_of(pages: Pages, visit: Visit, name: str) -> None:
    cells = "return seen.filter(e => e.tagName === 'TD' && e.previousElementSibling)"
    before = f"{cells}.map(e => [getComputedStyle(e, '::before').content, e.dataset.head])"
    with visit(pages[name], width=PHONE) as opened:
        shown = opened.asks(before)
        assert len(shown) > 20
        assert all(head and content not in {"none", "normal"} for content, head in shown)
        assert opened.asks("return seen.filter(e => e.tagName === 'TH' && e.closest('thead')).length") > 0, "still read"
    with visit(pages[name]) as opened:
        assert {content for content, _ in opened.asks(before)} <= {"none", "normal"}


@pytest.mark.parametrize("name", NAMES)
def test_text_can_be_told_from_its_ground_by_day_and_by_night(pages: Pages, visit: Visit, name: str) -> None:
    with visit(pages[name]) as opened:
        for scheme in ("light", "dark"):
            opened.page.emulate_media(color_scheme=scheme)
            found = opened.asks(CONTRASTS)
            assert found
            assert [one for one in found if one[0] < 4.5] == []
            assert all((ground < 0.1) == (scheme == "dark") for _, ground, _ in found), scheme


def test_on_paper_all_is_open_and_white(pages: Pages, visit: Visit) -> None:
    inside = "return [...document.querySelectorAll('details > *:not(summary)')].map(e => e.checkVisibility())"
    with visit(pages["lint"], scheme="dark", media="print") as opened:
        assert set(opened.asks(inside)) == {True}
        assert {ground > 0.8 for _, ground, _ in opened.asks(CONTRASTS)} == {True}
    with visit(pages["lint"]) as opened:
        assert set(opened.asks(inside)) == {False}
