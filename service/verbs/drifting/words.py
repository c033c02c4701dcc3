"""A drift report in words and rows of a table, for text, Markdown and page alike."""

from __future__ import annotations

from service.evaluate.drift.judged import effect_words
from service.lint.outputs.groups import printable
from service.records.drift import Compared, DriftReport

HEADLINES = {"drifted": "Drifted", "stable": "No drift", "undecided": "Too little data to tell"}
HEAD = ("feature", "effect", "drift from", "verdict", "before", "now", "rows", "p (Holm)", "rule")
NUMBERS = (2, 6, 7)
_MOST_FIGURES = 4


def headline(report: DriftReport) -> str:
    """The verdict in a line."""
    drifted = [one for one in report.compared if one.verdict == "drifted"]
    if not drifted:
        return HEADLINES[report.verdict]
    return f"{HEADLINES['drifted']}: {', '.join(one.feature for one in drifted)}"


def sentence(report: DriftReport) -> str:
    """What was compared, and how sure the verdict is."""
    sides = f"{report.current.rows:,} rows against {report.baseline.rows:,}"
    undecided = sum(one.verdict == "undecided" for one in report.compared)
    open_ = f" {undecided:,} of {len(report.compared):,} comparisons are open." if undecided else ""
    return (
        f"{sides}, {len(report.compared):,} comparisons; all intervals together hold with "
        f"{float(report.settings['confidence']):.0%} confidence.{open_}"
    )


def row(one: Compared) -> tuple[str, ...]:
    """A comparison as a row of the table."""
    return (
        one.feature, effect_words(one), f"{one.threshold:g}", one.verdict, _figures(one.baseline),
        _figures(one.current), _rows(one), "" if one.p_adjusted is None else f"{one.p_adjusted:.2g}", one.rule,
    )  # fmt: skip


def left_out(report: DriftReport) -> list[str]:
    """What was not compared, and why."""
    return [f"{printable(one.what)}: {printable(one.why)}" for one in report.not_compared]


def _rows(one: Compared) -> str:
    return f"{one.rows_baseline:,} pairs" if one.paired else f"{one.rows_baseline:,} / {one.rows_current:,}"


def _figures(found: dict[str, float]) -> str:
    shown = [f"{printable(name)} {value:g}" for name, value in list(found.items())[:_MOST_FIGURES]]
    return ", ".join(shown) + (", ..." if len(found) > _MOST_FIGURES else "")
