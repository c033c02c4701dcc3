"""From scores of rows to measures with intervals, and to differences with verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from service.evaluate.measures.catalogue import CORPUS, REGRESSION, measure_of, scale
from service.evaluate.measures.measure import CorpusMeasure
from service.evaluate.scores import Scores
from service.evaluate.statistics import (
    Draws,
    Interval,
    Numbers,
    corpus_difference,
    corpus_interval,
    detectable,
    mean_intervals,
    paired_intervals,
    share_interval,
)
from service.records.evaluation import Difference, DifferenceVerdict, Measure

# what sacrebleu draws for its own significance tests (sacrebleu 2.6, --paired-bs-n)
_CORPUS_RESAMPLES = 1_000


class Side(msgspec.Struct, frozen=True):
    """One side of a comparison: what it is called, and what it scored."""

    variant: str
    model: str
    scores: Scores


def measured(scores: Scores, draws: Draws) -> dict[str, Measure]:
    """Every measure that a row asked for."""
    found = _row_measures(scores.rows, draws) | _corpus_measures(scores, draws)
    wanted = [*found, *scores.missing, *scores.unjudged]
    shown = (name for name in _in_order(wanted) if _shown(name, found, scores))
    return {name: _noted(found.get(name), name, scores) for name in shown}


def measured_nodes(scores: Scores, draws: Draws) -> dict[str, dict[str, Measure]]:
    """The measures of each node of a flow."""
    return {node: _row_measures(by_name, draws) for node, by_name in scores.nodes.items()}


def differences(ours: Side, theirs: Side, draws: Draws, margin: float) -> list[Difference]:
    """`ours` minus `theirs` for every measure of which more or less is better, on the rows that both have.

    `margin`: a difference inside of which two values are called equal, as a share of the measure's scale.
    """
    found: list[Difference] = []
    for lines, names in _same_rows(ours.scores.rows, theirs.scores.rows):
        columns = _columns(ours.scores.rows, lines, names) - _columns(theirs.scores.rows, lines, names)
        bounded = [measure_of(name).bounds is not None for name in names]  # type: ignore[union-attr]
        spreads = columns.std(axis=0, ddof=1) if len(lines) > 1 else [0.0] * len(names)
        intervals = paired_intervals(columns, draws, bounded=bounded)
        for name, interval, spread in zip(names, intervals, spreads, strict=True):
            least = detectable(float(spread), len(lines), draws.confidence) if spread > 0 else None
            found.append(_difference(name, ours, theirs, interval, len(lines), margin, least))
    for name in ours.scores.corpus:
        if name in theirs.scores.corpus:
            found += _corpus_differences(name, ours, theirs, draws, margin)
    order = _in_order(one.measure for one in found)
    return sorted(found, key=lambda one: order.index(one.measure))


def verdict(interval: Interval, better: str, margin: float) -> DifferenceVerdict:
    """Better or worse where the interval excludes 0, equal enough where it lies inside the margin."""
    if interval.low > 0 or interval.high < 0:
        return "better" if (interval.low > 0) == (better == "higher") else "worse"
    return "equal-enough" if -margin < interval.low and interval.high < margin else "not-enough-rows"


def _difference(
    name: str, ours: Side, theirs: Side, interval: Interval, rows: int, margin: float, least: float | None
) -> Difference:
    return difference_of(
        name, (ours.variant, ours.model), (theirs.variant, theirs.model), interval, rows=rows,
        better=measure_of(name).better, margin=margin * scale(name), least=least,
    )  # fmt: skip


def difference_of(
    name: str, ours: tuple[str, str], theirs: tuple[str, str], interval: Interval, *, rows: int, better: str,
    margin: float, least: float | None,
) -> Difference:  # fmt: skip
    """The record of a paired difference of (variant, model); `margin` is in the measure's own unit."""
    return Difference(
        measure=name, variant=ours[0], model=ours[1], than_variant=theirs[0], than_model=theirs[1],
        difference=_rounded(interval.value), low=_rounded(interval.low), high=_rounded(interval.high), rows=rows,
        verdict=verdict(interval, better, margin), detectable=None if least is None else _rounded(least),
    )  # fmt: skip


def _corpus_differences(name: str, ours: Side, theirs: Side, draws: Draws, margin: float) -> Iterator[Difference]:
    lines = sorted(ours.scores.corpus[name].keys() & theirs.scores.corpus[name].keys())
    if lines:
        one, other = (_statistics(side.scores, name, lines) for side in (ours, theirs))
        interval = corpus_difference(one, other, CORPUS[name.removeprefix(REGRESSION)].score, _fewer(draws))
        yield _difference(name, ours, theirs, interval, len(lines), margin, None)


def _row_measures(rows: Mapping[str, Mapping[int, float]], draws: Draws) -> dict[str, Measure]:
    found: dict[str, Measure] = {}
    for lines, names in _same_rows(rows, rows, every=True):
        scores = _columns(rows, lines, names)
        for i, name in enumerate(names):
            measure = measure_of(name)
            assert not isinstance(measure, CorpusMeasure)
            column = scores[:, i : i + 1]
            if measure.share:
                interval = share_interval(float(column.sum()), len(lines), draws.confidence)
            else:
                interval = mean_intervals(column, draws, measure.bounds)[0]
            known = measure.bounds is not None or interval.low < interval.high
            found[name] = _measure(name, interval, len(lines), known=known)
    return found


def _corpus_measures(scores: Scores, draws: Draws) -> dict[str, Measure]:
    found = {}
    for name, by_line in scores.corpus.items():
        statistics = _statistics(scores, name, sorted(by_line))
        interval = corpus_interval(statistics, CORPUS[name.removeprefix(REGRESSION)].score, _fewer(draws))
        found[name] = _measure(name, interval, len(by_line), known=True)
    return found


def _measure(name: str, interval: Interval, rows: int, *, known: bool) -> Measure:
    measure = measure_of(name)
    return Measure(
        value=_rounded(interval.value), low=_rounded(interval.low) if known else None,
        high=_rounded(interval.high) if known else None, rows=rows, better=measure.better,
        why=getattr(measure, "why", None),
    )  # fmt: skip


def _noted(found: Measure | None, name: str, scores: Scores) -> Measure:
    """The measure with how many rows it could not be taken of."""
    missing, unjudged = scores.missing.get(name, 0), scores.unjudged.get(name, 0)
    if found is None:
        nothing = "no row that asks for it was answered" if missing else "no answer could be judged"
        return Measure(value=None, rows=0, better=measure_of(name).better, why=nothing, missing=missing)
    asked_of_some = name.removeprefix(REGRESSION) in {"schema_valid", "pattern_match"}
    why = f"{unjudged} row(s) not judged: their expression or schema is not run" if unjudged and asked_of_some else None
    return msgspec.structs.replace(found, missing=missing, why=why or found.why)


def _shown(name: str, found: Mapping[str, Measure], scores: Scores) -> bool:
    """What no answer had anything for (samples, retrieved text, a judge) is left out."""
    from service.evaluate.measures.measure import wants_nothing

    if name in found:
        return True
    measure = measure_of(name)
    return bool(scores.missing.get(name) or scores.unjudged.get(name)) and (
        isinstance(measure, CorpusMeasure) or measure.asks is not wants_nothing
    )


def _same_rows(
    ours: Mapping[str, Mapping[int, float]], theirs: Mapping[str, Mapping[int, float]], *, every: bool = False
) -> list[tuple[list[int], list[str]]]:
    """(lines, measures that both have on just these lines): what has the same rows is drawn together."""
    groups: dict[tuple[int, ...], list[str]] = {}
    for name, by_line in ours.items():
        lines = tuple(sorted(by_line.keys() & theirs.get(name, {}).keys()))
        if lines and (every or measure_of(name).better != "neither"):
            groups.setdefault(lines, []).append(name)
    return [(list(lines), names) for lines, names in groups.items()]


def _columns(rows: Mapping[str, Mapping[int, float]], lines: Sequence[int], names: Sequence[str]) -> Numbers:
    import numpy as np

    return np.array([[rows[name][line] for name in names] for line in lines], dtype=np.float64)


def _statistics(scores: Scores, name: str, lines: Sequence[int]) -> Numbers:
    import numpy as np

    return np.array([scores.corpus[name][line] for line in lines], dtype=np.float64)


def _fewer(draws: Draws) -> Draws:
    return msgspec.structs.replace(draws, resamples=min(draws.resamples, _CORPUS_RESAMPLES))


def _in_order(names: object) -> list[str]:
    """As the catalogue has them, those of the regression set last."""
    from service.evaluate.measures.catalogue import NAMES

    wanted = set(names)  # type: ignore[call-overload]
    return [prefix + name for prefix in ("", REGRESSION) for name in NAMES if prefix + name in wanted]


def _rounded(value: float) -> float:
    """Six places: sums in another order may differ in the last bits, and ids are over content."""
    return round(float(value), 6) + 0.0
