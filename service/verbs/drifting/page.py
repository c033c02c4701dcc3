"""A drift report as a page that needs nothing else, and as Markdown."""

from __future__ import annotations

from service.lint.outputs.groups import printable
from service.records.drift import DriftReport, DriftSide
from service.verbs.drifting import words as say
from service.verbs.linting.page_style import STYLE
from service.verbs.rendering.elements import element, markup, table
from service.verbs.rendering.pages import cell, page_frame

_CLASSES = {"stable": "pass", "drifted": "fail", "undecided": "open"}
_STYLE = f"{STYLE}\n.verdict.open {{ border-color: var(--warning); }}\n"
_SIDES = ("side", "what", "rows", "not read", "sha256 or id")


def html(report: DriftReport) -> str:
    """One file; it says the same for the same report, so it has no date."""
    title = say.headline(report)
    header = element(
        "header", element("h1", title), element("p", say.sentence(report)), class_=f"verdict {_CLASSES[report.verdict]}"
    )
    parts = [header]
    if report.findings:
        points = [element("li", f"{one.message} ", element("small", one.rule)) for one in report.findings]
        parts.append(element("section", element("h2", "What drifted"), element("ul", *points)))
    compared = table(
        "Intervals are simultaneous", say.HEAD, [say.row(one) for one in report.compared], numbers=say.NUMBERS
    )
    parts.append(element("section", element("h2", "What was compared"), compared))
    if report.not_compared:
        points = [element("li", one) for one in say.left_out(report)]
        parts.append(element("section", element("h2", "What was not compared"), element("ul", *points)))
    sides = table("Both sides", _SIDES, _rows(report), numbers=(2, 3))
    parts.append(element("section", element("h2", "Sides"), sides))
    foot = element("footer", f"Report {report.id}. Rules {report.rules_revision}.")
    return page_frame(f"tunegate drift: {title}", markup([element("main", *parts), foot]), style=_STYLE)


def markdown(report: DriftReport) -> str:
    """The same for a pull request."""
    lines = [f"# {say.headline(report)}", "", say.sentence(report)]
    if report.findings:
        lines += ["", "## What drifted", "", *(f"- {one.message} `{one.rule}`" for one in report.findings)]
    lines += ["", "## What was compared", "", *_markdown(say.HEAD, [say.row(one) for one in report.compared])]
    if report.not_compared:
        lines += ["", "## What was not compared", "", *(f"- {one}" for one in say.left_out(report))]
    lines += ["", "## Sides", "", *_markdown(_SIDES, _rows(report))]
    return "\n".join([*lines, "", f"Report `{report.id}`."]) + "\n"


def _markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    written = [f"| {' | '.join(cell(one) for one in row)} |" for row in rows]
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *written]


def _rows(report: DriftReport) -> list[tuple[str, ...]]:
    return [_side("baseline", report.baseline), _side("current", report.current)]


def _side(name: str, side: DriftSide) -> tuple[str, ...]:
    identity = side.evaluation or side.sha256 or ""
    return name, printable(side.path), f"{side.rows:,}", f"{side.unread:,}" if side.unread else "", identity
