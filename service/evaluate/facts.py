"""Facts for the advisor, each with its evidence: what was tried and is still short, which kind of gap there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from service.evaluate.conclude import best_untuned, figures, measure_words
from service.evaluate.limits import Limits
from service.evaluate.measures.catalogue import measure_of
from service.evaluate.measures.measure import RowMeasure
from service.evaluate.standing import (
    FEW_SHOT,
    FLOW,
    PROMPT,
    RAG,
    TUNED,
    Ranks,
    affordable,
    judged_by,
    quality,
    standing,
)
from service.records.evaluation import Cell, Conclusion, Difference, Goal

_TRIED = {PROMPT: "tried.prompt", FEW_SHOT: "tried.few_shot", RAG: "tried.rag"}
_FORMS = ("schema_valid", "pattern_match", "exact_match")
_CONSISTENCIES = ("consistency", "consistency_perturbed")


class Facts(msgspec.Struct, frozen=True):
    """Values by fact, and what each rests on."""

    values: dict[str, Any]
    evidence: dict[str, str]

    def add(self, name: str, value: Any, why: str) -> None:
        self.values[name] = value
        self.evidence[name] = why


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """All that facts are drawn from."""

    cells: Sequence[Cell]
    differences: Sequence[Difference]
    goal: Goal | None
    conclusion: Conclusion
    ranks: Ranks
    limits: Limits


def facts(found: Findings) -> Facts:
    """What the advisor may take over; what the rows cannot tell is not among it."""
    made = Facts({}, {})
    _exists(found, made)
    if found.goal is not None and found.conclusion.status in {"met", "not-met"}:
        _tried(found, found.goal, made)
        _gap(found, found.goal, made)
    _consistent(found, made)
    return made


def _consistent(found: Findings, made: Facts) -> None:
    """How far answers agree, where there is one right answer to a question: free text may well be said in two ways."""
    cell = _reference(found)
    if cell is None or not _of_one_answer(found.goal):
        return
    measure = cell.measures.get("consistency")
    if measure is not None and measure.value is not None:
        made.add("eval.consistency", measure.value, f"{cell.variant} with {cell.model}: {figures(measure)}")
    changing = _behaviour(found)
    if changing is not None:
        made.add("drift.seen", "inconsistent-prompts", changing)


def _of_one_answer(goal: Goal | None) -> bool:
    measure = None if goal is None else measure_of(goal.measure)
    return isinstance(measure, RowMeasure) and measure.share


def _exists(found: Findings, made: Facts) -> None:
    """An evaluation that cannot tell a good answer from a bad one is none."""
    judged = any(
        one.value is not None and one.better != "neither" and not name.startswith(("consistency", "grounded"))
        for cell in found.cells
        for name, one in cell.measures.items()
    )
    if not judged:
        made.add("eval.exists", value=False, why="no row holds anything that an answer could be held against")
    elif found.conclusion.status == "not-enough-rows":
        made.add("eval.exists", value=False, why=found.conclusion.why)
    else:
        rows = max((cell.rows for cell in found.cells), default=0)
        made.add("eval.exists", value=True, why=f"{rows} rows were measured")


def _tried(found: Findings, goal: Goal, made: Facts) -> None:
    """A kind is short where none of its cells is shown to be enough; the kind that is enough is not short."""
    enough = _enough(found)
    for rank, name in _TRIED.items():
        cells = [one for one in found.cells if found.ranks[one.variant] == rank and judged_by(one, goal)]
        if enough is not None and rank > enough:
            continue
        if enough == rank or (enough == FLOW and rank == PROMPT):
            made.add(name, value=False, why=found.conclusion.why)
        elif cells:
            best = max(cells, key=lambda one: standing(one, goal) == "open")
            measure = best.measures[goal.measure]
            made.add(
                name,
                value=True,
                why=f"{best.variant} with {best.model}: {measure_words(goal.measure)} {figures(measure)}",
            )


def _enough(found: Findings) -> int | None:
    return None if found.conclusion.variant is None else found.ranks[found.conclusion.variant]


def _gap(found: Findings, goal: Goal, made: Facts) -> None:
    """The first of: nothing, price or speed, form, knowledge, behaviour; none of them is no proposal."""
    enough = _enough(found)
    if enough == PROMPT:
        made.add("gap.kind", "none", found.conclusion.why)
        return
    if enough == RAG:
        made.add("gap.kind", "knowledge", f"retrieval closes it: {found.conclusion.why}")
        return
    dear = next((c for c in found.cells if quality(c, goal) == "meets" and affordable(c, goal) == "short"), None)
    if dear is not None:
        made.add(
            "gap.kind", "latency-cost", f"{dear.variant} with {dear.model} is good enough, and too dear or too slow"
        )
        return
    form = _form(found, goal)
    knowledge = None if enough is not None else _knowledge(found, goal)
    behaviour = _behaviour(found) if _of_one_answer(goal) else None
    if form:
        made.add("gap.kind", "format", form)
    elif knowledge:
        made.add("gap.kind", "knowledge", knowledge)
    elif behaviour:
        made.add("gap.kind", "behaviour", behaviour)
    elif enough is not None:
        made.add("gap.kind", "behaviour", f"what the model is shown closes it: {found.conclusion.why}")


def _reference(found: Findings) -> Cell | None:
    """The cell whose failings are looked at: the best without tuning, or the cheapest where something is enough."""
    untuned = [one for one in found.cells if found.ranks[one.variant] < TUNED]
    if found.goal is None or _enough(found) is not None:
        return min(untuned, key=found.ranks.order, default=None)
    return best_untuned(untuned, found.goal, found.ranks)


def _form(found: Findings, goal: Goal) -> str | None:
    cell = _reference(found)
    if cell is None:
        return None
    f1 = cell.measures.get("token_f1")
    right = f1 is not None and f1.low is not None and f1.low >= found.limits.content_right.value
    for name in _FORMS:
        measure = cell.measures.get(name)
        asked = goal.at_least if goal.measure == name else found.limits.form_right.value
        if measure is None or measure.high is None or measure.high >= asked:
            continue
        if right and f1 is not None:
            said = f"{measure_words(name)} {figures(measure)} while token F1 is {figures(f1)}"
            return f"{said}: the form fails, not the content"
        if goal.measure == name and f1 is None and name != "exact_match":
            return f"{measure_words(name)} {figures(measure)}: the form is what was asked for, and it fails"
    return None


def _knowledge(found: Findings, goal: Goal) -> str | None:
    compared = [
        one
        for one in found.differences
        if one.measure == goal.measure and one.model == one.than_model
        and found.ranks[one.variant] == RAG and found.ranks[one.than_variant] <= FEW_SHOT
    ]  # fmt: skip
    shown = {found.ranks[cell.variant] for cell in found.cells}
    against = FEW_SHOT if FEW_SHOT in shown else PROMPT
    for one in compared:
        if one.verdict == "better" and found.ranks[one.than_variant] == against:
            return (
                f"retrieval is better than {one.than_variant} by {one.difference:.2f} [{one.low:.2f}, {one.high:.2f}] "
                f"{measure_words(goal.measure)}"
            )
    # short answers overlap little even where they are right: against another kind, the difference is what tells
    for cell in found.cells if not compared else ():
        measure = cell.measures.get("grounded_ngrams")
        high = None if measure is None or found.ranks[cell.variant] != RAG else measure.high
        if measure is not None and high is not None and high < found.limits.grounded.value:
            return f"answers do not rest on the retrieved text: overlap {figures(measure)}"
    return None


def _behaviour(found: Findings) -> str | None:
    cell = _reference(found)
    for name in _CONSISTENCIES if cell is not None else ():
        measure = cell.measures.get(name) if cell is not None else None
        if measure is not None and measure.high is not None and measure.high < found.limits.consistent.value:
            return f"{measure_words(name)} {figures(measure)}: the same question gets different answers"
    return None
