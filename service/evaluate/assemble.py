"""Answers into the evaluation's record: cells, differences, conclusion, facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from service.evaluate.answers import Answer, EvaluationRow
from service.records.evaluation import Cell, Conclusion, Evaluation, Goal, Measure
from service.records.identity import record_id


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What an evaluation was made of; prices in USD per million tokens, (input, output) by model id."""

    data: list[dict[str, Any]]
    documents: dict[str, Any] | None
    variants: list[dict[str, Any]]
    models: list[dict[str, Any]]
    settings: dict[str, Any]
    goal: Goal | None
    usd_per_million: dict[str, tuple[float, float]]
    regression_lines: frozenset[int]
    complete: bool
    made_at: str


def assemble(
    rows: Sequence[EvaluationRow], answers: Mapping[tuple[str, str], Sequence[Answer]], about: About
) -> Evaluation:
    """The record: exact matches per cell, and whether the goal is met by one."""
    expected = {row.line: row.expected for row in rows}
    cells = [_cell(variant, model, found, expected, about) for (variant, model), found in answers.items()]
    made = Evaluation(
        id="",
        made_at=about.made_at,
        data=about.data,
        documents=about.documents,
        variants=about.variants,
        models=about.models,
        settings=about.settings,
        goal=about.goal,
        cells=cells,
        differences=[],
        conclusion=_conclusion(cells, about.goal),
        facts={"eval.exists": True},
        worst=[],
        complete=about.complete,
        usd=sum(cell.usd or 0.0 for cell in cells),
    )
    return msgspec.structs.replace(made, id=record_id(made))


def _cell(
    variant: str, model: str, answers: Sequence[Answer], expected: Mapping[int, str | None], about: About
) -> Cell:
    held = [one for one in answers if one.error is None and expected[one.line] is not None]
    right = sum(one.text == expected[one.line] for one in held)
    tokens_in = sum(one.tokens_in or 0 for one in answers)
    tokens_out = sum(one.tokens_out or 0 for one in answers)
    price = about.usd_per_million.get(model)
    usd = None if price is None else (tokens_in * price[0] + tokens_out * price[1]) / 1e6
    return Cell(
        variant=variant,
        model=model,
        rows=len(answers),
        answered=sum(one.error is None for one in answers),
        failed=dict(Counter(one.error for one in answers if one.error is not None)),
        measures={"exact_match": Measure(value=right / len(held) if held else None, rows=len(held))},
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        usd=usd,
    )


def _conclusion(cells: Sequence[Cell], goal: Goal | None) -> Conclusion:
    if goal is None:
        return Conclusion(status="no-goal", why="No goal was given.")
    for cell in cells:
        found = cell.measures.get(goal.measure)
        if found is not None and found.value is not None and found.value >= goal.at_least:
            return Conclusion(status="met", variant=cell.variant, model=cell.model, why="It meets the goal.")
    return Conclusion(status="not-met", why="No variant meets the goal.")
