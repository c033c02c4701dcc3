"""All measures by name, in the order in which they are shown."""

from __future__ import annotations

from service.evaluate.measures import (
    adherence,
    calls,
    consistency,
    exact,
    grounding,
    judged,
    length,
    overlap,
    refusal,
)
from service.evaluate.measures.measure import CorpusMeasure, RowMeasure

# a measure of the rows that show what was forgotten
REGRESSION = "regression."
CORPUS: dict[str, CorpusMeasure] = {one.name: one for one in overlap.CORPUS}


def row_measures(refusals: refusal.Refusals | None = None) -> dict[str, RowMeasure]:
    """Measures that score each row; refusals are told by these words (None: the shipped ones)."""
    families = (
        exact.MEASURES, overlap.MEASURES, adherence.MEASURES, calls.MEASURES, refusal.measures(refusals),
        consistency.MEASURES, grounding.MEASURES, judged.MEASURES, length.MEASURES,
    )  # fmt: skip
    return {one.name: one for family in families for one in family}


ROWS = row_measures()
_WORDS = [one.name for one in (*exact.MEASURES, *overlap.MEASURES)]
NAMES = (*_WORDS, *CORPUS, *(name for name in ROWS if name not in _WORDS))


def known(name: str) -> bool:
    """Whether there is a measure of this name, of the evaluation set or of the regression set."""
    return name.removeprefix(REGRESSION) in NAMES


def measure_of(name: str) -> RowMeasure | CorpusMeasure:
    """The measure of a name, of the regression set too."""
    plain = name.removeprefix(REGRESSION)
    return ROWS[plain] if plain in ROWS else CORPUS[plain]


def scale(name: str) -> float:
    """What the best value is: 1 of shares and means, 100 of corpus scores."""
    return 100.0 if name.removeprefix(REGRESSION) in CORPUS else 1.0
