"""From answers to the evaluation record: pure, and the same for the same answers in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from itertools import combinations
from typing import Any

import msgspec

from service.data import RuleFiles, rule_files
from service.errors import ErrorItem, TuneGateError, missing_extra
from service.evaluate.answered_rows import keep_rows
from service.evaluate.answers import Answer, EvaluationRow
from service.evaluate.conclude import conclude
from service.evaluate.facts import Findings, facts
from service.evaluate.goals import name_error
from service.evaluate.kept_measures import KeptMeasures, key_of
from service.evaluate.limits import limits
from service.evaluate.measures.catalogue import CORPUS, REGRESSION, measure_of, row_measures
from service.evaluate.measures.expressions import waiting_once
from service.evaluate.measures.measure import RowMeasure, wants_expected
from service.evaluate.measures.refusal import refusals
from service.evaluate.measuring import Side, differences, measured, measured_nodes
from service.evaluate.scores import Scores, score
from service.evaluate.standing import TUNED, Ranks
from service.evaluate.statistics import Draws
from service.records.evaluation import Cell, Difference, Evaluation, Goal, Measure, WorstRow
from service.records.identity import record_id

# what the worst rows are told by where no goal names a measure
_TELLING = ("exact_match", "choice_accuracy", "tool_calls", "schema_valid", "pattern_match", "token_f1", "judged")
_MOST_WORST = 10
_LIBRARIES = ("jsonschema", "numpy", "regex", "rouge_score.rouge_scorer", "sacrebleu.metrics", "scipy.special")


class _Figures(msgspec.Struct, frozen=True):
    """What all scores together come to, in the order of the sides; no goal plays a part in it."""

    measures: list[dict[str, Measure]]
    nodes: list[dict[str, dict[str, Measure]]]
    differences: list[Difference]


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What the answers are of. `usd_per_million`: model id -> USD per million tokens read and written.

    `settings` may hold seed, resamples, confidence and margin; what it does not hold is filled in.
    """

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
    rows: Sequence[EvaluationRow],
    answers: Mapping[tuple[str, str], Sequence[Answer]],
    about: About,
    *,
    rules: RuleFiles | None = None,
    kept: KeptMeasures | None = None,
) -> Evaluation:
    """Measure every (variant, model), compare them on the rows that both answered, and conclude.

    What `kept` holds of the very same rows and answers is not measured again.

    Raises:
        TuneGateError: `invalid_input` for a goal on a measure that does not exist, has no better side or is asked for
            by no row; `missing_extra`, `invalid_rules`. All of them without any answers too.
    """
    _check(about, rows)
    _check_libraries()
    rules = rules or rule_files()
    bounds = limits(rules)
    assumed = {"seed": 0, "resamples": 10_000, "confidence": 0.95, "margin": bounds.equal_margin.value}
    settings = assumed | about.settings
    draws = Draws(seed=settings["seed"], resamples=settings["resamples"], confidence=settings["confidence"])
    ranks = Ranks(about.variants)
    kept = kept or KeptMeasures()
    keys, sides = _sides(rows, answers, about, rules, kept)
    if answers:
        keep_rows(kept, keys, rows, answers, sides)
    figures = _figures(keys, sides, ranks, draws, settings["margin"], kept)
    found_cells = (_cell(i, one, figures, rows, answers[one.variant, one.model], about) for i, one in enumerate(sides))
    cells = sorted(found_cells, key=ranks.order)
    compared = figures.differences
    conclusion = conclude(cells, about.goal, ranks)
    found = facts(
        Findings(cells=cells, differences=compared, goal=about.goal, conclusion=conclusion, ranks=ranks, limits=bounds)
    )
    spent = [cell.usd for cell in cells if cell.usd is not None]
    made = Evaluation(
        id="", made_at=about.made_at, data=about.data, documents=about.documents, variants=about.variants,
        models=about.models, settings=settings, goal=about.goal, cells=cells, differences=compared,
        conclusion=conclusion, facts=found.values, worst=_worst(sides, rows, ranks, about), complete=about.complete,
        usd=round(sum(spent), 6) if spent else None, evidence=found.evidence,
    )  # fmt: skip
    # how fast the answers came is the machine's and the hour's, not the content's
    timeless = [msgspec.structs.replace(cell, latency_p50_s=None, latency_p95_s=None) for cell in cells]
    return msgspec.structs.replace(made, id=record_id(msgspec.structs.replace(made, cells=timeless)))


def _check(about: About, rows: Sequence[EvaluationRow]) -> None:
    goal = about.goal
    if goal is None:
        return
    error = name_error(goal.measure)
    if error is not None:
        raise TuneGateError("invalid_input", "There is no goal on this measure.", errors=[error])
    measure = measure_of(goal.measure)
    of_regression = goal.measure.startswith(REGRESSION)
    asks = measure.asks if isinstance(measure, RowMeasure) else wants_expected
    if not any(asks(row) for row in rows if (row.line in about.regression_lines) == of_regression):
        error = ErrorItem("goal", goal.measure, remedy="Give the rows what it needs, or name another measure.")
        raise TuneGateError("invalid_input", f"No row can be judged by {goal.measure}: {measure.what}.", errors=[error])


def _check_libraries() -> None:
    try:
        for name in _LIBRARIES:
            import_module(name)
    except ImportError as error:
        raise missing_extra("evaluate", "Measuring answers", error) from error


def _sides(
    rows: Sequence[EvaluationRow],
    answers: Mapping[tuple[str, str], Sequence[Answer]],
    about: About,
    rules: RuleFiles,
    kept: KeptMeasures,
) -> tuple[list[str], list[Side]]:
    """(what the scores of each side rest on, the sides)."""
    measures = row_measures(refusals(rules))
    asked = key_of(rules.revision, [*measures, *CORPUS], list(rows), sorted(about.regression_lines))
    keys, sides = [], []
    with waiting_once():
        for (variant, model), given in sorted(answers.items()):
            keys.append(key_of("scores", asked, list(given)))
            made = kept.of(keys[-1], Scores, partial(score, rows, given, measures, about.regression_lines))
            sides.append(Side(variant, model, made))
    return keys, sides


def _figures(
    keys: Sequence[str], sides: Sequence[Side], ranks: Ranks, draws: Draws, margin: float, kept: KeptMeasures
) -> _Figures:
    def make() -> _Figures:
        return _Figures(
            measures=[measured(side.scores, draws) for side in sides],
            nodes=[measured_nodes(side.scores, draws) for side in sides],
            differences=_compared(sides, ranks, draws, margin),
        )

    compared = [(key, side.variant, side.model, ranks[side.variant]) for key, side in zip(keys, sides, strict=True)]
    return kept.of(key_of("figures", compared, draws, margin), _Figures, make)


def _cell(
    i: int, side: Side, figures: _Figures, rows: Sequence[EvaluationRow], answers: Sequence[Answer], about: About
) -> Cell:
    answered = [one for one in answers if one.error is None]
    tokens = [_total(one.tokens_in for one in answered), _total(one.tokens_out for one in answered)]
    price = about.usd_per_million.get(side.model)
    usd = None
    if price is not None and tokens[0] is not None and tokens[1] is not None:
        usd = (tokens[0] * price[0] + tokens[1] * price[1]) / 1_000_000
    return Cell(
        variant=side.variant, model=side.model, rows=len(rows), answered=len(answered),
        failed=dict(sorted(Counter(one.error for one in answers if one.error is not None).items())),
        measures=figures.measures[i], nodes=figures.nodes[i],
        tokens_in=tokens[0], tokens_out=tokens[1],
        latency_p50_s=_latency(answered, 50), latency_p95_s=_latency(answered, 95),
        usd_per_1000=round(usd * 1000 / len(answered), 6) if usd is not None and answered else None,
        usd=None if usd is None else round(usd, 6),
    )  # fmt: skip


def _compared(sides: Sequence[Side], ranks: Ranks, draws: Draws, margin: float) -> list[Difference]:
    """The dearer minus the cheaper: variants with one model, models with one variant, a tuned model with all others."""
    found: list[Difference] = []
    ordered = sorted(sides, key=lambda one: (ranks[one.variant], one.variant, one.model))
    for cheaper, dearer in combinations(ordered, 2):
        alike = cheaper.variant == dearer.variant or cheaper.model == dearer.model
        if alike or ranks[dearer.variant] == TUNED:
            found += differences(dearer, cheaper, draws, margin)
    return found


def _worst(sides: Sequence[Side], rows: Sequence[EvaluationRow], ranks: Ranks, about: About) -> list[WorstRow]:
    """The rows that each cell does worst on, by the goal's measure."""
    found = []
    places = {row.line: _place(row, about) for row in rows}
    for side in sorted(sides, key=lambda one: (ranks[one.variant], one.variant, one.model)):
        held = {name: list(lines) for kind in (side.scores.rows, side.scores.corpus) for name, lines in kind.items()}
        name = about.goal.measure if about.goal else next((one for one in _TELLING if one in held), None)
        if name is None or name not in held:
            continue
        measure = measure_of(name)
        sign = -1 if measure.better == "lower" else 1
        scored = [(sign * (side.scores.of_row(name, line) or 0.0), line) for line in held[name]]
        best = sign * (100.0 if name.removeprefix(REGRESSION) in {"bleu", "chrf"} else 1.0 if sign > 0 else 0.0)
        worst = sorted(one for one in scored if one[0] < best)[:_MOST_WORST]
        found += [
            WorstRow(*places[line], side.variant, side.model, name, round(sign * value, 6) + 0.0)
            for value, line in worst
        ]
    return found


def _place(row: EvaluationRow, about: About) -> tuple[str, int]:
    """Where a row stands: its file and its line there."""
    if row.line_in_file:
        return row.path, row.line_in_file
    return (str(about.data[0]["path"]) if about.data else "-"), row.line


def _total(counts: Any) -> int | None:
    known_counts = [one for one in counts if one is not None]
    return sum(known_counts) if known_counts else None


def _latency(answered: Sequence[Answer], percent: int) -> float | None:
    """Seconds that so many percent of the answers took at most (linear between neighbours)."""
    import numpy as np

    seconds = [one.seconds for one in answered if one.seconds is not None]
    return round(float(np.percentile(seconds, percent)), 6) if seconds else None
