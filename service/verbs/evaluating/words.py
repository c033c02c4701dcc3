"""An evaluation in words and rows of tables, for its page and its Markdown alike; no text of any row is in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from service.evaluate.conclude import figures, measure_words
from service.evaluate.goals import side
from service.evaluate.measures.catalogue import known, measure_of
from service.lint.outputs.groups import printable
from service.records.evaluation import Cell, Difference, Evaluation, Goal, Measure

HEADLINES = {
    "met": "The goal is met",
    "not-met": "The goal is not met",
    "not-enough-rows": "Too few rows to tell",
    "no-goal": "Measured, with no goal to decide by",
}
_VERDICTS = {
    "better": "better",
    "worse": "worse",
    "equal-enough": "equal enough",
    "not-enough-rows": "not enough rows to tell",
}
_DIRECTIONS = {"higher": "more is better", "lower": "less is better", "neither": "neither more nor less is better"}
_LONGEST_NAME = 120


class Grid(msgspec.Struct, frozen=True):
    """A table: its caption, its heads, its rows, and which columns hold figures."""

    caption: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    numbers: tuple[int, ...] = ()


def headline(evaluation: Evaluation) -> str:
    """The conclusion in a line."""
    said = HEADLINES[evaluation.conclusion.status]
    one = evaluation.conclusion
    return f"{said}: {shown(one.variant)} with {shown(one.model or '')}" if one.variant is not None else said


def goal_words(goal: Goal) -> str:
    """What was asked of the answers: a measure, its side and how much of it."""
    return f"{goal.measure} {side(goal.measure)} {goal.at_least:g}"


def notes(evaluation: Evaluation) -> list[str]:
    """What has to be known before any figure is believed."""
    found = []
    if not evaluation.complete:
        found.append("Not every row was asked: a budget or an interruption ended it. Run it again to go on.")
    failed = sum(sum(cell.failed.values()) for cell in evaluation.cells)
    if failed:
        found.append(f"{failed:,} answer(s) failed; rows without an answer count as neither right nor wrong.")
    compared = [one for one in evaluation.differences if one.verdict in {"better", "worse"}]
    if compared:
        share = 1 - float(evaluation.settings.get("confidence", 0.95))
        found.append(
            f"{len(evaluation.differences):,} differences were looked at, each at its own: about one in "
            f"{round(1 / share):,} looks like one by chance alone."
        )
    return found


def name_of(cell: Cell, evaluation: Evaluation) -> str:
    """A cell's name, with the model where there are several."""
    several = len({one.model for one in evaluation.cells}) > 1
    return f"{shown(cell.variant)}, {shown(cell.model)}" if several else shown(cell.variant)


def measures(evaluation: Evaluation) -> list[str]:
    """Every measure that has a value, the goal's first."""
    names = dict.fromkeys(
        name for cell in evaluation.cells for name, one in cell.measures.items() if one.value is not None
    )
    goal = evaluation.goal.measure if evaluation.goal else None
    return sorted(names, key=lambda name: (name != goal, known(name) and measure_of(name).better == "neither"))


def explained(name: str, evaluation: Evaluation) -> str:
    """What a measure is, and which way it is better."""
    held = [cell.measures[name] for cell in evaluation.cells if name in cell.measures]
    what = f"{measure_of(name).what}; " if known(name) else ""
    why = next((f"; {one.why}" for one in held if one.why), "")
    return f"{what}{_DIRECTIONS[held[0].better]}{why}."


def values(name: str, evaluation: Evaluation) -> Grid:
    """One measure of every cell that has it."""
    rows = [
        (name_of(cell, evaluation), figures(one), f"{one.rows:,}", f"{one.missing:,}" if one.missing else "")
        for cell in evaluation.cells
        if (one := cell.measures.get(name)) is not None
    ]
    return Grid(words(name), ("variant", "value", "rows", "without an answer"), rows, (1, 2, 3))


def words(name: str) -> str:
    """A measure's name, its first letter large."""
    said = measure_words(name)
    return said if said.startswith("chrF") else said[0].upper() + said[1:]


def facts(evaluation: Evaluation) -> Grid:
    """What the advisor takes over."""
    rows = [
        (name, _fact(value), printable(evaluation.evidence.get(name, "")))
        for name, value in evaluation.facts.items()
    ]  # fmt: skip
    return Grid("Facts for tunegate advise --evaluation", ("fact", "value", "because"), rows)


def costs(evaluation: Evaluation) -> Grid:
    """Rows, tokens, seconds and money of every cell."""
    rows = [
        (
            name_of(cell, evaluation), f"{cell.answered:,} of {cell.rows:,}",
            ", ".join(f"{printable(code)} {count:,}" for code, count in cell.failed.items()),
            _count(cell.tokens_in), _count(cell.tokens_out), _seconds(cell.latency_p50_s),
            _seconds(cell.latency_p95_s), _usd(cell.usd_per_1000), _usd(cell.usd),
        )
        for cell in evaluation.cells
    ]  # fmt: skip
    head = ("variant", "answered", "failed", "tokens in", "tokens out", "p50", "p95", "USD per 1,000", "USD")
    return Grid("What each asked, took and cost", head, rows, (1, 3, 4, 5, 6, 7, 8))


def differences(evaluation: Evaluation, name: str) -> Grid:
    """What differs in one measure, with the verdict in words."""
    rows = [_difference(one, evaluation) for one in evaluation.differences if one.measure == name]
    head = ("compared", "difference", "rows", "verdict", "these rows would show")
    return Grid(f"Differences in {measure_words(name)}", head, rows, (1, 2, 4))


def nodes(evaluation: Evaluation) -> Grid:
    """Every node of every flow."""
    rows = [
        (f"{name_of(cell, evaluation)}: {shown(node)}", measure_words(name), figures(one), f"{one.rows:,}")
        for cell in evaluation.cells
        for node, held in cell.nodes.items()
        for name, one in held.items()
    ]
    return Grid("The nodes of flows, each by itself", ("node", "measure", "value", "rows"), rows, (2, 3))


def worst(evaluation: Evaluation) -> Grid:
    """The rows to look at first, by where they stand."""
    rows = [
        (f"{printable(one.path)}:{one.line}", shown(one.variant), shown(one.model), measure_words(one.measure),
         f"{one.value:.2f}")
        for one in evaluation.worst
    ]  # fmt: skip
    head = ("row", "variant", "model", "measure", "value")
    return Grid("Rows by file and line; none of their text is kept", head, rows, (4,))


def basis(evaluation: Evaluation) -> Iterator[Grid]:
    """What was evaluated, by content, and with which settings."""
    files = [
        tuple(printable(str(one.get(key, ""))) for key in ("path", "role", "rows", "sha256")) for one in evaluation.data
    ]
    yield Grid("Evaluation files", ("file", "role", "rows", "sha256"), files, (2,))
    variants = [tuple(shown(str(one.get(key, ""))) for key in ("id", "kind", "sha256")) for one in evaluation.variants]
    yield Grid("Variants", ("variant", "kind", "sha256"), variants)
    models = [tuple(shown(str(one.get(key, ""))) for key in ("id", "kind", "name")) for one in evaluation.models]
    yield Grid("Models", ("model", "kind", "name"), models)
    settings = [(printable(str(name)), printable(str(value))) for name, value in evaluation.settings.items()]
    yield Grid("Settings", ("setting", "value"), settings)


def shown(name: str) -> str:
    """A name that somebody chose, on one line and of a length that a page has room for."""
    said = printable(name)
    return said if len(said) <= _LONGEST_NAME else f"{said[:_LONGEST_NAME]}..."


def shown_text(text: str) -> str:
    """A sentence that names what somebody chose, on one line."""
    return printable(text)


def held(evaluation: Evaluation, name: str) -> Sequence[tuple[Cell, Measure]]:
    """The cells that have a value of a measure."""
    found = [(cell, cell.measures.get(name)) for cell in evaluation.cells]
    return [(cell, one) for cell, one in found if one is not None and one.value is not None]


def _difference(one: Difference, evaluation: Evaluation) -> tuple[str, ...]:
    several = len({cell.model for cell in evaluation.cells}) > 1
    ours, theirs = (
        f"{shown(variant)}, {shown(model)}" if several else shown(variant)
        for variant, model in ((one.variant, one.model), (one.than_variant, one.than_model))
    )
    least = f"{one.detectable:.3f}" if one.detectable is not None else ""
    value = f"{one.difference:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"
    return f"{ours} against {theirs}", value, f"{one.rows:,}", _VERDICTS[one.verdict], least


def _fact(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else printable(str(value))


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"


def _usd(value: float | None) -> str:
    return "" if value is None else f"{value:,.4f}".rstrip("0").rstrip(".")
