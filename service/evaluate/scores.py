"""What one variant with one model scored, row by row, so that every difference can be paired."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from service.evaluate.answers import Answer, EvaluationRow
from service.evaluate.measures.catalogue import CORPUS, REGRESSION
from service.evaluate.measures.measure import RowMeasure, said, wants_expected


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """By measure and line: scores, and the statistics of corpus measures; `missing`: rows that ask and have no answer.

    Measures of the regression rows have names of their own (`regression.exact_match`).
    """

    rows: dict[str, dict[int, float]]
    corpus: dict[str, dict[int, list[float]]]
    nodes: dict[str, dict[str, dict[int, float]]]
    missing: dict[str, int]
    unjudged: dict[str, int]

    def of_row(self, measure: str, line: int) -> float | None:
        """A row's own score: of a corpus measure, that of its own statistics."""
        if measure in self.rows:
            return self.rows[measure].get(line)
        statistics = self.corpus.get(measure, {}).get(line)
        return None if statistics is None else CORPUS[measure.removeprefix(REGRESSION)].score(statistics)


def score(
    rows: Sequence[EvaluationRow],
    answers: Iterable[Answer],
    measures: Mapping[str, RowMeasure],
    regression: frozenset[int] = frozenset(),
) -> Scores:
    """Every measure on every row that asks for it; of two answers to a row the later counts."""
    given = {one.line: one for one in answers if one.error is None}
    found = Scores(rows={}, corpus={}, nodes={}, missing={}, unjudged={})
    for row in sorted(rows, key=lambda one: one.line):
        prefix = REGRESSION if row.line in regression else ""
        answer = given.get(row.line)
        _score_row(found, row, answer, measures, prefix)
        if answer is not None and not prefix:
            _score_nodes(found, row, answer, measures)
    for prefix in ("", REGRESSION):
        _score_corpus(found, [one for one in rows if (one.line in regression) == bool(prefix)], given, prefix)
    return found


def _score_row(
    found: Scores, row: EvaluationRow, answer: Answer | None, measures: Mapping[str, RowMeasure], prefix: str
) -> None:
    for name, measure in measures.items():
        if not measure.asks(row):
            continue
        key = prefix + name
        if answer is None:
            found.missing[key] = found.missing.get(key, 0) + 1
        elif (value := measure.score(row, answer)) is not None:
            found.rows.setdefault(key, {})[row.line] = value
        else:
            found.unjudged[key] = found.unjudged.get(key, 0) + 1


def _score_nodes(found: Scores, row: EvaluationRow, answer: Answer, measures: Mapping[str, RowMeasure]) -> None:
    """What each node of a flow said, held against what the row expects of that node."""
    for node, text in answer.nodes.items():
        alone = EvaluationRow(line=row.line, messages=row.messages, expected=row.expected_nodes.get(node))
        spoken = Answer(line=row.line, text=text)
        for name, measure in measures.items():
            value = measure.score(alone, spoken) if measure.of_nodes and measure.asks(alone) else None
            if value is not None:
                found.nodes.setdefault(node, {}).setdefault(name, {})[row.line] = value


def _score_corpus(found: Scores, rows: Sequence[EvaluationRow], given: Mapping[int, Answer], prefix: str) -> None:
    asking = [row for row in rows if wants_expected(row)]
    pairs = sorted(
        (row.line, said(given[row.line]), (row.expected or "").strip()) for row in asking if row.line in given
    )
    for name, measure in CORPUS.items():
        if len(asking) > len(pairs):
            found.missing[prefix + name] = len(asking) - len(pairs)
        if pairs:
            statistics = measure.statistics([one[1] for one in pairs], [one[2] for one in pairs])
            found.corpus[prefix + name] = {one[0]: sums for one, sums in zip(pairs, statistics, strict=True)}
