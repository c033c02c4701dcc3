"""The evaluation as a page and as Markdown: the conclusion first, every figure in both, and no text of any row."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree as ET

import made_answers as made
import msgspec
import pytest

from service.evaluate.answers import Answer
from service.evaluate.assemble import assemble
from service.records.evaluation import Evaluation
from service.verbs.evaluating.page import html, markdown

Evaluated = Callable[..., Evaluation]
HOSTILE = "<script>alert(1)</script> | **x** `y`"


def told(page: str) -> str:
    """The words of a page, without its styles."""
    body = page[page.index("<body>") : page.index("</body>")]
    return " ".join(" ".join(ET.fromstring(f"<x>{body[6:]}</x>").itertext()).split())


@pytest.mark.parametrize(
    ("count", "shares", "title"),
    [
        (400, {"plain": 0.61, "shots": 0.96}, "The goal is met: shots with small"),
        (400, {"plain": 0.61, "shots": 0.63}, "The goal is not met"),
        (20, {"plain": 0.85}, "Too few rows to tell"),
    ],
)
def test_the_conclusion_comes_first(evaluated: Evaluated, count: int, shares: dict[str, float], title: str) -> None:
    found = evaluated(count, **shares)
    page, text = told(html(found)), markdown(found)
    assert page.startswith(f"{title} {found.conclusion.why}")
    assert text.startswith(f"# {title}\n\n{found.conclusion.why}")


def test_every_value_interval_and_verdict_is_told_in_both(evaluated: Evaluated) -> None:
    found = evaluated(200, plain=0.61, shots=0.96)
    page, text = told(html(found)), markdown(found)
    for shown in (page, text):
        for cell in found.cells:
            measure = cell.measures["exact_match"]
            assert f"{measure.value:.2f} [{measure.low:.2f}, {measure.high:.2f}]" in shown
        assert "shots against plain" in shown
        assert "better" in shown
        assert "eval.jsonl:" in shown
        assert "tried.few_shot" in shown
        assert "one in 20 looks like one by chance" in shown
        assert found.id in shown


def test_intervals_are_drawn_to_scale(evaluated: Evaluated) -> None:
    found = evaluated(100, plain=0.3, shots=0.9)
    page = ET.fromstring(f"<x>{html(found)[html(found).index('<main>') : html(found).index('<footer>')]}</x>")
    drawing = next(one for one in page.iter("svg") if one.findtext("title") == "Exact match")
    starts, ends = [], []
    for line in drawing.iter("g"):
        path = line.find(".//path")
        if line.get("class") == "series" and path is not None:
            numbers = [float(one) for one in re.findall(r"-?\d+\.?\d*", path.get("d", ""))]
            starts.append(numbers[0])
            ends.append(numbers[2])
    cells = [cell.measures["exact_match"] for cell in found.cells]
    lows, highs = [one.low or 0 for one in cells], [one.high or 0 for one in cells]
    unit = (starts[1] - starts[0]) / (lows[1] - lows[0])
    assert unit > 100
    for start, end, low, high in zip(starts, ends, lows, highs, strict=True):
        assert end - start == pytest.approx(unit * (high - low), abs=0.1)


def test_no_text_of_a_row_and_no_markup_of_a_name_gets_in() -> None:
    rows = made.rows_of(20)
    answers = [Answer(line=row.line, text=f"secret {row.line}", nodes={HOSTILE: "secret"}) for row in rows]
    about = made.about_of(made.GOAL, ["plain"])
    about = msgspec.structs.replace(
        about, variants=[{"id": HOSTILE, "kind": "flow", "sha256": "1"}], data=[{"path": HOSTILE, "role": "evaluation"}]
    )
    found = assemble([msgspec.structs.replace(row, path=HOSTILE) for row in rows], {(HOSTILE, HOSTILE): answers}, about)
    page, text = html(found), markdown(found)
    for shown in (page, text):
        assert "secret" not in shown
        assert "stands on shelf" not in shown
    assert "<script" not in page
    assert HOSTILE in told(page)


def test_what_was_not_asked_or_failed_is_said() -> None:
    rows = made.rows_of(50)
    answers = [Answer(line=row.line, text=row.expected) for row in rows[:30]]
    answers += [Answer(line=row.line, error="rate_limited") for row in rows[30:35]]
    found = assemble(rows, {("plain", "small"): answers}, made.about_of(made.GOAL, ["plain"], complete=False))
    for shown in (told(html(found)), markdown(found)):
        assert "Not every row was asked" in shown
        assert "5 answer(s) failed" in shown
        assert "rate_limited 5" in shown
