"""Laws of all renderings: whatever a path, a pointer or a message holds, it stays what it is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from service.records.lint_report import Finding, LintReport
from service.verbs.linting.output import RENDERERS, render

Build = Callable[..., LintReport]
PLAIN = Finding("R030", "error", "data.jsonl", 3, 70, "/messages/2/weight", "weight is a string")
NASTY = st.sampled_from(
    [
        "<script>alert(1)</script>", "]]>", "a;b]c%0A", "::error::x", "##vso[task.complete result=Succeeded;]", "|`|``",
        "\x1b[31m\x07", "\u202e", "\r\n", "&amp;&lt;", '" onload="x', "@someone #1 [a](http://b.c) ![i](http://b.c)",
        "\x00\x0b\ufffe", "</details></style></svg>",
    ]
)  # fmt: skip
TEXT = st.lists(NASTY | st.text(max_size=12), min_size=1, max_size=3).map("".join)
POINTER = TEXT.map("/{}".format)


class Tags(HTMLParser):
    """Counts the elements of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[tag] += 1
        self.attributes += attrs


@given(path=TEXT, pointer=POINTER, message=TEXT)
def test_a_page_gets_no_element_and_a_document_stays_well_formed(
    build: Build, path: str, pointer: str, message: str
) -> None:
    report = build(Finding("R030", "error", path, 3, 70, pointer, message), paths=(path,))
    same = build(PLAIN)
    assert Tags(render(report, "html")).found == Tags(render(same, "html")).found
    comment = MarkdownIt("commonmark", {"html": True}).enable("table")
    assert (
        Tags(comment.render(render(report, "markdown"))).found == Tags(comment.render(render(same, "markdown"))).found
    )
    assert len(list(ET.fromstring(render(report, "junit")).iter())) == len(
        list(ET.fromstring(render(same, "junit")).iter())
    )


@given(path=TEXT, pointer=POINTER, message=TEXT)
def test_no_text_becomes_a_command_or_another_line(build: Build, path: str, pointer: str, message: str) -> None:
    report = build(Finding("R030", "error", path, 3, 70, pointer, message), paths=(path,))
    (annotation, _) = render(report, "github").split("\n")
    assert re.fullmatch(r"::error (?:file=[^,:\r\n]*,line=3,)?title=R030::[^\r\n]*", annotation)
    issue, _, complete = render(report, "azure-devops").split("\n")
    assert re.fullmatch(r"##vso\[task\.logissue (?:[a-z]+=[^;\]\r\n]*;)+\][^\r\n]*", issue)
    assert complete.startswith("##vso[task.complete result=Failed;]")


@given(path=TEXT, pointer=POINTER, message=TEXT)
def test_no_text_steers_the_terminal(build: Build, path: str, pointer: str, message: str) -> None:
    report = build(Finding("R030", "error", path, 3, 70, pointer, message), paths=(path,))
    shown = render(report, "text", colour=True)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", click.unstyle(shown))


@pytest.mark.parametrize("name", RENDERERS)
def test_a_rule_that_this_version_does_not_know_is_shown_by_its_id(name: str, build: Build) -> None:
    assert "Z999" in render(build(Finding("Z999", "error", "data.jsonl", 1, 0, None, "gone")), name)


@pytest.mark.parametrize("name", RENDERERS)
def test_what_is_counted_but_not_listed_is_said(name: str, build: Build) -> None:
    report = build(PLAIN, more=1234, paths=("data.jsonl", "other.jsonl"))
    assert re.search("1,?23[45]|was cut", render(report, name))


@pytest.mark.parametrize("name", RENDERERS)
def test_the_same_report_is_rendered_the_same(name: str, flawed: LintReport) -> None:
    assert render(flawed, name) == render(flawed, name)


@pytest.mark.parametrize("name", sorted(set(RENDERERS) - {"sarif", "junit"}))
def test_known_findings_are_counted(name: str, build: Build) -> None:
    report = build(baseline="4" * 64, known={"R031": 41})
    assert re.search("41 findings? known from the baseline", render(report, name))
