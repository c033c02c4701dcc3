"""The gate: a candidate passes where it is better than its baseline and nothing that it could do was forgotten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from service.evaluate.measures.catalogue import REGRESSION, scale
from service.evaluate.measuring import Side, differences
from service.evaluate.statistics import FEWEST_DIFFERING, Draws
from service.records.evaluation import Difference


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """Passed, failed, or null where so few rows cannot tell; why, and every difference that was looked at."""

    state: Literal["passed", "failed"] | None
    why: str
    differences: list[Difference]


def gate(baseline: Side, candidate: Side, *, measure: str, draws: Draws, margin: float) -> Gate:
    """Hold a candidate's scores against the baseline's, on the rows that both answered.

    `measure` decides; a regression measure that got worse fails the candidate whatever it gained. What the rows do not
    show is not better, but for rows so few that no candidate could show it.
    """
    return decided(
        differences(candidate, baseline, draws, margin),
        measure,
        silent=_silent(baseline, candidate, measure),
        worst=scale(measure),
        guarded=lambda name: name.startswith(REGRESSION),
    )


def decided(
    found: Sequence[Difference],
    measure: str,
    *,
    silent: int,
    worst: float,
    guarded: Callable[[str], bool],
    least: float = 0.0,
) -> Gate:
    """What differences say, of which that of `measure` decides and none of a `guarded` measure may be worse.

    `silent`: rows that only the baseline answered; `worst`: by how much a row can differ; `least`: a smaller gain is
    none, however sure it is.
    """
    decisive = next((one for one in found if one.measure == measure), None)
    forgotten = [one for one in found if guarded(one.measure) and one.verdict == "worse"]
    if decisive is None:
        return _failed(f"No row has {measure} of both.", found)
    if decisive.verdict != "better":
        said = {"worse": "is worse", "equal-enough": "is no better", "not-enough-rows": "is not shown to be better"}
        why = f"The candidate {said[decisive.verdict]}: {_figures(decisive)}."
        if decisive.verdict == "not-enough-rows" and decisive.rows + silent < FEWEST_DIFFERING and not forgotten:
            hint = f"Fewer than {FEWEST_DIFFERING} rows can never show it."
            return Gate(state=None, why=f"{why} {hint}", differences=list(found))
        return _failed(why, found)
    if abs(decisive.difference) < least:
        return _failed(f"The candidate is no better, by less than {least:g}: {_figures(decisive)}.", found)
    if silent and not _still_better(decisive, silent, worst):
        why = f"The candidate gave no answer to {silent} row(s) that the baseline answered"
        return _failed(f"{why}: were it wrong there, it would not be better.", found)
    if forgotten:
        return _failed(f"Something was forgotten: {'; '.join(map(_figures, forgotten))}.", found)
    return Gate(state="passed", why=f"The candidate is better: {_figures(decisive)}.", differences=list(found))


def _silent(baseline: Side, candidate: Side, measure: str) -> int:
    """Rows that only the baseline has: who fails on the hard ones must not look better for it."""
    held = [side.scores.rows.get(measure) or side.scores.corpus.get(measure) or {} for side in (baseline, candidate)]
    return len(held[0].keys() - held[1].keys())


def _still_better(one: Difference, silent: int, worst: float) -> bool:
    """Whether the difference would stand if each silent row were as wrong as a row can be."""
    nearest = min(abs(one.low), abs(one.high))
    return nearest * one.rows > silent * worst


def _failed(why: str, found: Sequence[Difference]) -> Gate:
    return Gate(state="failed", why=why, differences=list(found))


def _figures(one: Difference) -> str:
    return f"{one.measure} {one.difference:+.3f} [{one.low:+.3f}, {one.high:+.3f}] on {one.rows} rows"
