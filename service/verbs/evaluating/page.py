"""evaluate, as a page and as Markdown: the conclusion first, then variants side by side with their intervals."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from service.evaluate.measures.catalogue import known, scale
from service.records.evaluation import Evaluation
from service.verbs.evaluating import words as say
from service.verbs.linting.page_style import STYLE as _SHARED
from service.verbs.rendering.drawings import Line, Span, spans
from service.verbs.rendering.elements import Inside, element, markup, table
from service.verbs.rendering.pages import cell, page_frame

# a name under which a drawing still has room; the table under it has all of it
_LONGEST_LABEL = 18
_BEYOND = 1.04
_STYLE = f"""{_SHARED}
.verdict.open {{ border-color: var(--warning); }}
.drawn {{ max-width: 40rem; }}
.drawn text {{ dominant-baseline: auto; }}
.drawn .axis.y text {{ text-anchor: end; }} .drawn .axis.x text {{ text-anchor: middle; }}
.drawn path {{ fill: none; stroke: var(--line); }}
.drawn .over text {{ font-weight: 600; }}
.drawn .over path {{ stroke: var(--error); stroke-width: 2; stroke-dasharray: 6 3; }}
.drawn .series path {{ stroke: var(--plain); stroke-width: 4; }}
.drawn .series.mark path {{ stroke: var(--text); stroke-width: 3; }}
@media print {{ .drawn {{ print-color-adjust: exact; }} }}
"""
_CLASSES = {"met": "pass", "not-met": "fail", "not-enough-rows": "open", "no-goal": "open"}


def html(evaluation: Evaluation) -> str:
    """One file that needs nothing else; it says the same for the same record, so it has no date."""
    title = say.headline(evaluation)
    header = element(
        "header", element("h1", title), element("p", say.shown_text(evaluation.conclusion.why)),
        class_=f"verdict {_CLASSES[evaluation.conclusion.status]}",
    )  # fmt: skip
    body = element("main", header, *_sections(evaluation))
    foot = element("footer", f"Evaluation {evaluation.id}.")
    return page_frame(f"tunegate evaluate: {title}", markup([body, foot]), style=_STYLE)


def markdown(evaluation: Evaluation) -> str:
    """The same without the drawings."""
    lines = [f"# {say.headline(evaluation)}", "", say.shown_text(evaluation.conclusion.why)]
    lines += ["", *(f"- {note}" for note in say.notes(evaluation))]
    for heading, grids in _parts(evaluation):
        if any(grid.rows for grid in grids):
            lines += ["", f"## {heading}"]
        for grid in grids:
            lines += _markdown_table(grid) if grid.rows else []
    return "\n".join([*lines, "", f"Evaluation `{evaluation.id}`."]) + "\n"


def _parts(evaluation: Evaluation) -> Iterator[tuple[str, list[say.Grid]]]:
    """Headings with their tables, in the order of the page."""
    names = say.measures(evaluation)
    yield "Side by side", [say.values(name, evaluation) for name in names]
    yield "What the advisor takes over", [say.facts(evaluation)]
    yield "Differences", [say.differences(evaluation, name) for name in names]
    yield "Time and money", [say.costs(evaluation)]
    yield "Nodes", [say.nodes(evaluation)]
    yield "Worst rows", [say.worst(evaluation)]
    yield "What was evaluated", list(say.basis(evaluation))


def _sections(evaluation: Evaluation) -> Iterator[ET.Element]:
    notes = say.notes(evaluation)
    if notes:
        yield element("ul", *(element("li", note) for note in notes))
    for heading, grids in _parts(evaluation):
        inside: list[Inside] = []
        if heading == "Side by side":
            inside = [_figure(name, evaluation) for name in say.measures(evaluation)]
        elif heading == "Differences":
            inside = _folded([grid for grid in grids if grid.rows])
        else:
            inside = [_table(grid) for grid in grids if grid.rows]
        if inside:
            yield element("section", element("h2", heading), *inside)


def _figure(name: str, evaluation: Evaluation) -> ET.Element:
    """A measure of every cell, drawn, and the same as a table."""
    title = say.words(name)
    values = [
        Span(_label(say.name_of(of, evaluation)), float(one.value or 0.0), one.low, one.high)
        for of, one in say.held(evaluation, name)
    ]
    goal = evaluation.goal if evaluation.goal is not None and evaluation.goal.measure == name else None
    lines = [Line(goal.at_least, "the goal", "the goal")] if goal else []
    most = max([one.high if one.high is not None else one.value for one in values] + [one.value for one in lines])
    whole = scale(name) if known(name) and most <= scale(name) else most
    told = [f"{one.name} {one.value:.2f}" + (f" from {one.low:.2f} to {one.high:.2f}" if one.low is not None and
            one.high is not None else "") for one in values]  # fmt: skip
    drawing = spans(title, f"{'; '.join(told)}.", values, lines=lines, end=_BEYOND * (whole or 1.0))
    _mark(drawing)
    return element(
        "figure",
        element("figcaption", element("strong", title), f": {say.explained(name, evaluation)}"),
        drawing,
        element("details", element("summary", "As a table"), _table(say.values(name, evaluation))),
    )


def _mark(drawing: ET.Element) -> None:
    """Every second line of the drawing is a value's mark, and not its interval."""
    lines = [one for one in drawing.iter("g") if one.get("class", "").startswith("series")]
    for i, one in enumerate(lines):
        one.set("class", "series mark" if i % 2 else "series")


def _folded(grids: list[say.Grid]) -> list[Inside]:
    """The first table open, the others to be opened."""
    opened: list[Inside] = [_table(grid) for grid in grids[:1]]
    rest = [element("details", element("summary", grid.caption), _table(grid)) for grid in grids[1:]]
    return [*opened, *rest]


def _table(grid: say.Grid) -> Inside:
    return table(grid.caption, grid.head, grid.rows, numbers=grid.numbers)


def _label(name: str) -> str:
    return name if len(name) <= _LONGEST_LABEL else f"{name[: _LONGEST_LABEL - 1]}\u2026"


def _markdown_table(grid: say.Grid) -> list[str]:
    rows = [f"| {' | '.join(cell(one) for one in row)} |" for row in grid.rows]
    return ["", f"{grid.caption}:", "", f"| {' | '.join(grid.head)} |", f"|{'---|' * len(grid.head)}", *rows]
