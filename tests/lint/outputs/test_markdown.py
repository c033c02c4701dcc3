"""The report as a comment on a pull request."""

from __future__ import annotations

from collections.abc import Callable

from markdown_it import MarkdownIt

from service.lint.outputs.markdown import MARKER, markdown
from service.records.lint_report import Finding, LintReport

Build = Callable[..., LintReport]
LIMIT = 65_536  # characters of a GitHub comment


def test_the_comment_starts_with_its_marker_and_the_verdict(flawed: LintReport, clean: LintReport) -> None:
    assert markdown(flawed).splitlines()[:4] == [
        MARKER,
        "## tunegate lint: fail",
        "",
        "**11 errors, 3 warnings, 4 infos** in 240 rows, checked for local (sft).",
    ]
    assert "## tunegate lint: pass" in markdown(clean)


def test_each_rule_is_a_row_and_its_places_are_folded_away(flawed: LintReport) -> None:
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown(flawed))
    assert page.count("<details>") == page.count("</details>") == len(flawed.counts) + 1
    assert page.count("<table>") == len(flawed.counts) + 2
    assert "| **error** | R030 | Weight is not 0 or 1 | 1 |" in markdown(flawed)
    assert "| flawed.jsonl:5 | `/messages/2/weight` | weight is a boolean; it is the number 0 or 1 |" in markdown(
        flawed
    )


def test_a_comment_fits_whatever_there_is_to_say(build: Build) -> None:
    many = [
        Finding(rule, "error", "data.jsonl", n, 0, None, "long " * 20) for rule in ("R012", "R030") for n in range(400)
    ]
    shown = markdown(build(*many))
    assert len(shown) < LIMIT
    assert "| R012 |" in shown
    assert "| R030 |" in shown
    assert "The places of 1 more rule do not fit into a comment." in shown
    assert shown.count("<details>") == shown.count("</details>")
