"""The evaluation's page in a real browser: it asks for nothing, fits any screen, and draws inside its drawings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import made_answers as made
import msgspec
import pytest

from service.evaluate.assemble import assemble
from service.verbs.evaluating.page import html

Visit = Callable[..., Any]
PHONE = 360
OWNED = "document.title='owned'"
LONG = f"<img src=x onerror={OWNED}>{'-deployment-name' * 6}"
DRAWN = """
const box = e => { const {left, right, top, bottom, height} = e.getBoundingClientRect();
                   return {left, right, top, bottom, height}; };
return seen.filter(e => e.tagName === 'svg').map(e => ({
    title: e.querySelector('title').textContent, box: box(e),
    words: [...e.querySelectorAll('text')].filter(one => one.textContent).map(box),
    spans: [...e.querySelectorAll('.series:not(.mark) path')].map(box),
    marks: [...e.querySelectorAll('.series.mark path')]
        .map(one => ({...box(one), stroke: getComputedStyle(one).stroke})),
    goals: [...e.querySelectorAll('.over path')].map(box),
}));
"""
OVERFLOWS = """
return seen.filter(e => !e.closest('thead') && (e.getBoundingClientRect().right > innerWidth + 0.5
        || (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== 'visible')))
    .map(e => `${e.tagName} ${e.textContent.slice(0, 40)}`);
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models and three variants, one of them a flow, and a name that would run."""
    rows = [msgspec.structs.replace(row, expected_nodes={"sort": "shelf"}) for row in made.rows_of(120)]
    shares = {"plain": 0.6, "shots": 0.8, "chain": 0.95}
    answers = {
        (one, model): made.answers_of(rows, share, seed, nodes={"sort": "shelf"} if one == "chain" else {})
        for seed, (one, share) in enumerate(shares.items())
        for model in ("small", LONG)
    }
    models = [{"id": one, "kind": "endpoint", "name": one} for one in ("small", LONG)]
    found = assemble(rows, answers, made.about_of(made.GOAL, list(shares), models=models))
    path = tmp_path_factory.mktemp("pages") / "evaluation.html"
    path.write_text(html(found))
    return path


def test_it_asks_for_nothing_and_runs_nothing(page: Path, visit: Visit) -> None:
    with visit(page) as opened:
        assert opened.requests == [page.as_uri()]
        assert opened.complaints == []
        assert opened.page.title() != "owned"
        assert opened.page.locator("h1").count() == 1


@pytest.mark.parametrize("width", [PHONE, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_screen_and_the_drawings_hold_what_is_drawn(
    page: Path, visit: Visit, width: int, scheme: str
) -> None:
    with visit(page, width=width, scheme=scheme) as opened:
        opened.page.evaluate("() => document.querySelectorAll('details').forEach(e => { e.open = true })")
        assert opened.asks(OVERFLOWS) == []
        drawings = opened.asks(DRAWN)
    assert len(drawings) >= 5
    for found in drawings:
        box = found["box"]
        assert len(found["spans"]) == len(found["marks"]) == 6
        for part in (*found["words"], *found["spans"], *found["marks"], *found["goals"]):
            assert box["left"] - 0.5 <= part["left"] <= part["right"] <= box["right"] + 0.5, found["title"]
            assert box["top"] - 0.5 <= part["top"] <= part["bottom"] <= box["bottom"] + 0.5, found["title"]
        assert all(word["height"] >= 10 for word in found["words"])
        for span, mark in zip(found["spans"], found["marks"], strict=True):
            assert span["left"] - 3 <= (mark["left"] + mark["right"]) / 2 <= span["right"] + 3, found["title"]
        ground = "rgb(0, 0, 0)" if scheme == "dark" else "rgb(255, 255, 255)"
        assert all(mark["stroke"] not in {"none", ground} for mark in found["marks"])
    assert [len(found["goals"]) for found in drawings if found["title"] == "Exact match"] == [1]
