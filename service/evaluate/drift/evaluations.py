"""Two evaluations compared: scores that fell (LLM drift), and the same prompts answered otherwise (prompt drift)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.evaluate import statistics
from service.evaluate.answer_log import RECORD
from service.evaluate.answered_rows import AnsweredRow, AnsweredRows, kept_rows
from service.evaluate.drift.effects import Draws, Effect, apart, widened
from service.evaluate.drift.judged import Found
from service.evaluate.drift.rules import DriftRules
from service.evaluate.measures.catalogue import known, measure_of
from service.evaluate.statistics import Interval, mean_intervals, paired_intervals, share_interval
from service.records.drift import DriftSide, NotCompared
from service.records.evaluation import Cell, Evaluation, Measure

# what tells that answers got worse, where no goal names a measure
_TELLING = (
    "exact_match", "choice_accuracy", "tool_calls", "schema_valid", "pattern_match", "token_f1", "judged",
)  # fmt: skip
_PAIRED = 0.5
# fewer rows cannot be told from chance at 95 %
_FEWEST = statistics.FEWEST_DIFFERING
Rows = Mapping[str, AnsweredRow]


class Evaluated(msgspec.Struct, frozen=True):
    """An evaluation, with its rows where its folder is at hand."""

    shown_as: str
    record: Evaluation
    rows: AnsweredRows | None = None

    def about(self) -> DriftSide:
        """The side as the report names it."""
        asked = sum(int(one.get("rows", 0)) for one in self.record.data)
        return DriftSide(path=self.shown_as, evaluation=self.record.id, rows=asked, made_at=self.record.made_at)

    def answered(self, cell: Cell) -> dict[str, AnsweredRow]:
        """The rows of a cell by what they ask and expect."""
        cells = self.rows.cells if self.rows is not None else []
        return {
            row.key: row for one in cells if (one.variant, one.model) == (cell.variant, cell.model) for row in one.rows
        }


class Pair(NamedTuple):
    """A cell of both evaluations, and what it is called."""

    name: str
    before: Cell
    after: Cell


def read_evaluation(path: Path) -> Evaluated:
    """A record, or the folder of an evaluation with its answers.

    Raises:
        TuneGateError: `unreadable_path`; `invalid_input` for a file that holds no evaluation.
    """
    file = path / RECORD if path.is_dir() else path
    try:
        record = msgspec.json.decode(file.read_bytes(), type=Evaluation)
    except OSError as error:
        raise TuneGateError("unreadable_path", f"{file}: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TuneGateError(
            "invalid_input", f"{file}: no record of an evaluation.",
            remedy="Give the -o folder of tunegate evaluate, or its evaluation.json.",
        ) from error  # fmt: skip
    return Evaluated(str(path), record, kept_rows(file.parent))


def pairs(before: Evaluated, after: Evaluated) -> list[Pair]:
    """The cells that both have by variant and model; where each has one only, that one.

    Raises:
        TuneGateError: `invalid_input` where they have none in common.
    """
    ours = {(cell.variant, cell.model): cell for cell in before.record.cells}
    theirs = {(cell.variant, cell.model): cell for cell in after.record.cells}
    if common := [name for name in ours if name in theirs]:
        several = len(common) > 1
        return [Pair(f" {name[0]}/{name[1]}" if several else "", ours[name], theirs[name]) for name in common]
    if len(ours) == len(theirs) == 1:
        return [Pair("", *ours.values(), *theirs.values())]
    errors = [
        ErrorItem(side, ", ".join(f"{variant}/{model}" for variant, model in cells) or "nothing")
        for side, cells in (("baseline", ours), ("current", theirs))
    ]
    raise TuneGateError(
        "invalid_input", "The evaluations have no variant with one model in common.",
        remedy="Evaluate with the same names of variants and models.", errors=errors,
    )  # fmt: skip


def read_scores(record: Evaluation, asked: Sequence[str]) -> dict[str, float]:
    """How far each measure that tells, or is asked for, can fall from where the record stands, in its best cell."""
    wanted = asked or [*([record.goal.measure] if record.goal is not None else []), *_TELLING]
    found: dict[str, float] = {}
    for cell in record.cells:
        for name in wanted:
            measure = cell.measures.get(name)
            if measure is None or measure.value is None or getattr(measure_of(name), "bounds", None) is None:
                continue
            room = 1.0 - measure.value if measure_of(name).better == "lower" else measure.value
            found[name] = max(found.get(name, 0.0), room)
    return found


def compared_evaluations(
    before: Evaluated, after: Evaluated, rules: DriftRules, measures: Sequence[str] = ()
) -> tuple[list[Found], list[NotCompared]]:
    """Everything that two evaluations say together, and what they do not.

    Raises:
        TuneGateError: `invalid_input` for cells or measures that they do not have in common.
    """
    found: list[Found] = []
    left_out: list[NotCompared] = []
    for pair in pairs(before, after):
        rows = before.answered(pair.before), after.answered(pair.after)
        for name in _measures(pair, before.record, measures):
            one = _fall(name, pair, rows, rules)
            if one is None:
                left_out.append(NotCompared(f"{name}{pair.name}", "it has no interval, or no bounds"))
            else:
                found.append(one)
        changed = list(_answers(pair, rows, before, after))
        found += [one for one in changed if isinstance(one, Found)]
        left_out += [one for one in changed if isinstance(one, NotCompared)]
    if not found:
        raise TuneGateError(
            "invalid_input", "The evaluations have no measure in common that says whether answers got worse.",
            remedy=f"Such are: {', '.join(_TELLING)}; give the rows what they need.",
        )  # fmt: skip
    return found, left_out


def _measures(pair: Pair, record: Evaluation, asked: Sequence[str]) -> list[str]:
    both = [name for name in pair.before.measures if name in pair.after.measures and known(name)]
    if wrong := [name for name in asked if name not in both]:
        errors = [ErrorItem("measure", name, ", ".join(both)) for name in wrong]
        raise TuneGateError("invalid_input", "Measures that the evaluations do not share.", errors=errors)
    goal = [record.goal.measure] if record.goal is not None else []
    wanted = asked or [*goal, *(name for name in _TELLING if name not in goal)]
    return [
        name for name in wanted
        if name in both and all(one.measures[name].value is not None for one in (pair.before, pair.after))
    ]  # fmt: skip


def _fall(name: str, pair: Pair, rows: tuple[Rows, Rows], rules: DriftRules) -> Found | None:
    sides = pair.before.measures[name], pair.after.measures[name]
    measure = measure_of(name)
    if getattr(measure, "bounds", None) is None:
        return None
    sign = -1.0 if measure.better == "lower" else 1.0
    said = [{"value": float(one.value or 0.0)} for one in sides]
    common = [key for key in rows[0] if key in rows[1] and all(name in side[key].scores for side in rows)]
    if common and len(common) >= _PAIRED * min(one.rows for one in sides):
        differences = [sign * (rows[1][key].scores[name] - rows[0][key].scores[name]) for key in common]

        def paired(draws: Draws) -> Effect:
            return paired_fall(differences, draws)

        return Found(
            "scores", len(common), len(common), paired, said[0], said[1], called=f"{name}{pair.name}", paired=True,
            fewest=_FEWEST,
        )  # fmt: skip
    bounds = [_interval(one) for one in sides]
    if bounds[0] is None or bounds[1] is None:
        return None
    first, second = bounds[0], bounds[1]

    def unpaired(draws: Draws) -> Effect:
        moved = apart(*(widened(one, rules.confidence, draws.confidence) for one in (first, second)))
        low, high = sorted((-sign * moved.low, -sign * moved.high))
        return Effect(-sign * moved.value, low, high)

    return Found(
        "scores", sides[0].rows, sides[1].rows, unpaired, said[0], said[1], called=f"{name}{pair.name}", fewest=_FEWEST
    )


def _interval(measure: Measure) -> Interval | None:
    if measure.value is None or measure.low is None or measure.high is None:
        return None
    return Interval(measure.value, measure.low, measure.high)


def paired_fall(differences: Sequence[float], draws: Draws) -> Effect:
    """How much a score got worse, of differences row by row (now minus before, more is better); p by the sign test."""
    import numpy as np
    from scipy.stats import binomtest

    column = np.array(differences, dtype=np.float64)[:, None]
    drawn = statistics.Draws(seed=draws.seed, resamples=draws.resamples, confidence=draws.confidence)
    (found,) = paired_intervals(column, drawn, bounded=[True])
    worse, better = sum(one < 0 for one in differences), sum(one > 0 for one in differences)
    p_value = float(binomtest(worse, worse + better, alternative="greater").pvalue) if worse + better else 1.0
    return Effect(-found.value, -found.high, -found.low, p_value)


def _answers(pair: Pair, rows: tuple[Rows, Rows], before: Evaluated, after: Evaluated) -> Iterator[Found | NotCompared]:
    """The same prompts: how many answers changed, and how far."""
    what = f"answers to the same prompts{pair.name}"
    if not rows[0] or not rows[1]:
        yield NotCompared(what, "the answers are not at hand: give the folders of the evaluations, not the records")
        return
    if _prompt_of(pair.before, before.record) != _prompt_of(pair.after, after.record):
        yield NotCompared(what, "the variant is another one: its prompts were changed")
        return
    texts = [
        (one.text, other.text)
        for key, one in rows[0].items()
        if (other := rows[1].get(key)) is not None and one.text is not None and other.text is not None
    ]
    if not texts:
        yield NotCompared(what, "no row was answered in both")
        return
    # only answers need it
    from service.evaluate.measures.consistency import normalised
    from service.evaluate.measures.overlap import token_f1

    changed = [1.0 - normalised(*one) for one in texts]
    unlike = [1.0 - token_f1(*one) for one in texts]

    def share(draws: Draws) -> Effect:
        found = share_interval(sum(changed), len(changed), draws.confidence)
        return Effect(found.value, found.low, found.high)

    def mean(draws: Draws) -> Effect:
        import numpy as np

        drawn = statistics.Draws(seed=draws.seed, resamples=draws.resamples, confidence=draws.confidence)
        (found,) = mean_intervals(np.array(unlike)[:, None], drawn, (0.0, 1.0))
        return Effect(found.value, found.low, found.high)

    said = [_consistency(cell) for cell in (pair.before, pair.after)]
    for feature, effect in (("changed_answers", share), ("unlike_answers", mean)):
        yield Found(
            feature, len(texts), len(texts), effect, said[0], said[1], called=f"{feature}{pair.name}", paired=True,
            fewest=_FEWEST,
        )  # fmt: skip


def _prompt_of(cell: Cell, record: Evaluation) -> Any:
    """What the variant asks, by content."""
    return next((one.get("sha256") for one in record.variants if one.get("id") == cell.variant), None)


def _consistency(cell: Cell) -> dict[str, float]:
    """How far the answers of one evaluation agree among themselves, where that was asked for."""
    found = cell.measures.get("consistency")
    return {} if found is None or found.value is None else {"consistency": found.value}
