"""The page for whoever decides: it stands alone, can be read by everyone, and says only what the report says."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from service.records.lint_report import Bin, Finding, LintReport, Statistics
from service.verbs.linting.output import render
from service.verbs.linting.page_style import DARK, LIGHT

Build = Callable[..., LintReport]
VOID = {"meta", "br", "hr", "img", "link", "input"}
FULL = Statistics(
    rows=200, valid=190, tokens=20_000, epochs=3, lengths=[Bin(16, 31, 50), Bin(32, 63, 150)],
    turns={"2": 150, "4": 50}, shapes={"chat": 199, "plain text": 1}, system_prompts=[150, 50], labels=[20, 180],
    languages={"en": 120, "tl": 80},
)  # fmt: skip


class Page(HTMLParser):
    """Elements with their attributes, and text by the element that it stands in; fails when tags do not nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[tuple[str, str]] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append((self.open[-1], data))

    def said(self, tag: str) -> list[str]:
        return [text for name, text in self.text if name == tag]


def page(report: LintReport) -> Page:
    return Page(render(report, "html"))


def test_the_page_asks_nothing_of_anyone(flawed: LintReport) -> None:
    shown = render(flawed, "html")
    attributes = {name for _, found in Page(shown).elements for name in found}
    assert not attributes & {"src", "href", "srcset", "action", "onload", "onclick", "xlink:href", "style"}
    assert not {tag for tag, _ in Page(shown).elements} & {"script", "link", "img", "iframe", "object", "base"}
    assert "default-src 'none'" in shown
    assert not re.search(r"url\(|@import|https?:", shown.split("</style>")[0])


def test_the_verdict_is_the_heading(flawed: LintReport, clean: LintReport, build: Build) -> None:
    assert page(flawed).said("h1") == ["Not ready for local: 11 errors"]
    assert page(clean).said("h1") == ["Ready for local"]
    warned = build(Finding("Q001", "warning", "data.jsonl", 2, 0, None, "the same row as line 1"))
    assert page(warned).said("h1") == ["Ready for local, with 1 warning to look at"]


def test_known_findings_are_no_word_on_the_data(build: Build) -> None:
    known = page(build(baseline="4" * 64, known={"R030": 3}))
    assert known.said("h1") == ["No new error for local"]
    assert "can still be refused" in " ".join(known.said("p"))
    error = Finding("R031", "error", "data.jsonl", 3, 70, None, "weight on a user message")
    assert page(build(error, baseline="4" * 64)).said("h1") == ["Not ready for local: 1 new error"]


def test_the_cost_is_what_the_report_measured(build: Build) -> None:
    error = Finding("R030", "error", "data.jsonl", 3, 70, "/messages/2/weight", "weight is a string")
    facts = {"data.duplicate_share": 0.25, "data.leakage_rows": 4}
    cost = " ".join(page(build(error, statistics=FULL, facts=facts)).said("li"))
    for words in ("10 of 200 training rows (5 %)", "about 60,000 tokens", "25 %", "4 validation rows"):
        assert words in cost
    assert "What it would cost to ignore this" not in page(build(statistics=None)).said("h2")


@pytest.mark.parametrize(("valid", "shown"), [(1999, "less than 1 %"), (1, "99 %"), (0, "100 %")])
def test_shares_are_never_rounded_to_nothing_or_everything(build: Build, valid: int, shown: str) -> None:
    error = Finding("R030", "error", "data.jsonl", 3, 70, None, "weight is a string")
    assert f"({shown})" in render(build(error, statistics=Statistics(rows=2000, valid=valid)), "html")


def test_a_problem_says_what_why_where_and_what_instead(flawed: LintReport) -> None:
    shown = page(flawed)
    text = [data for _, data in shown.text]
    place = next(i for i, data in enumerate(text) if data == "R012, 1 finding")
    rest = text[place : place + 25]
    assert "What follows the last answer is never trained; services refuse it." in rest
    assert "flawed.jsonl:20" in rest
    assert "Instead" in rest


def test_every_distribution_is_a_chart_with_its_words_and_a_table(build: Build) -> None:
    shown = page(build(statistics=FULL))
    titles = ["Rows", "Tokens a row", "Messages a row", "Shapes", "System prompts", "Answers as classes", "Languages"]
    assert shown.said("title")[1:] == titles
    drawings = [found for tag, found in shown.elements if tag == "svg"]
    ids = {found["id"] for _, found in shown.elements if "id" in found}
    assert len(ids) == len([found for _, found in shown.elements if "id" in found])
    for drawing in drawings:
        assert drawing["role"] == "img"
        assert set(str(drawing["aria-labelledby"]).split()) <= ids
    assert shown.said("caption")[: len(titles)] == titles
    assert "Tokens a row" in shown.said("strong")


def test_bars_are_proportional_and_stay_in_the_drawing(build: Build) -> None:
    bins = [Bin(1, 1, 400), Bin(2, 3, 100), Bin(4, 7, 0)]
    shown = page(build(statistics=Statistics(lengths=bins)))
    bars = [found for tag, found in shown.elements if tag == "rect"]
    widths = [float(str(bar["width"])) for bar in bars]
    assert widths[0] == pytest.approx(4 * widths[1])
    assert widths[2] == 0
    (whole,) = {str(found["viewbox"]).split()[2] for tag, found in shown.elements if tag == "svg"}
    assert all(float(str(bar["x"])) + float(str(bar["width"])) < float(whole) for bar in bars)


def test_many_groups_are_drawn_as_a_few_and_the_rest(build: Build) -> None:
    shown = page(build(statistics=Statistics(labels=[1] * 50)))
    assert "31 more" in shown.said("text")


def test_files_are_named_with_their_hash_and_size(flawed: LintReport) -> None:
    shown = page(flawed)
    assert flawed.files[0].sha256 in shown.said("code")
    assert flawed.files[0].path in shown.said("th")


def test_only_fixes_that_there_are_get_a_command(build: Build) -> None:
    safe = Finding("F003", "warning", "data.jsonl", None, None, None, "x", fix="safe")
    assert "tunegate lint FILE --target local --fix -o MENDED" in page(build(safe)).said("code")
    assert "--unsafe-fixes" not in render(build(safe), "html")
    assert "--fix" not in render(build(Finding("R030", "error", "data.jsonl", 1, 0, None, "x")), "html")


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_can_be_read(colours: dict[str, str]) -> None:
    inks = ("text", "quiet", "error", "warning", "info", "good")
    for ink, ground in itertools.product(inks, ("ground", "soft")):
        assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    # a bar is graphics, which needs three to one (WCAG 2.2, 1.4.11)
    for bar in ("plain", "good", "error", "warning", "info"):
        assert contrast(colours[bar], colours["ground"]) >= 3, bar


def contrast(one: str, other: str) -> float:
    """The ratio of relative luminances, WCAG 2.2."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
