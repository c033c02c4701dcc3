"""Labels of both answers of every row; what is dropped, cut or refused is counted before anything is trained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from typing import Any

import msgspec

from trainers.chat_template import RefusedByTemplate, UnfitMessage
from trainers.contract import TrainPlan
from trainers.labelling import (
    CUT_AWAY,
    NO_LABEL,
    SAME_ANSWERS,
    SWITCHED,
    TOO_LONG,
    UNSTABLE,
    Limits,
    counts_of_answers,
    limits_of,
    refuse,
    sorted_by,
    template_notes,
)
from trainers.labels import IGNORED, LabelledRow, UnstableTemplate, label_samples
from trainers.preferences.rows import Messages, PreferenceRow

_SEVERAL = "with an output whose earlier answers the chat template renders otherwise once later ones exist"


class Pair(msgspec.Struct, frozen=True):
    """Two labelled conversations that begin alike.

    `reference`: the log-probabilities (nats) of their answers by the model as it started, once they are known.
    """

    preferred: LabelledRow
    other: LabelledRow
    reference: tuple[float, float] | None = None

    @property
    def sides(self) -> tuple[LabelledRow, LabelledRow]:
        """Both, the preferred one first."""
        return self.preferred, self.other


class PairUse(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file's rows; every number counts rows, pairs, answers or tokens (of both sides) by its name."""

    rows: int
    pairs: int
    dropped_overlong_pairs: int
    cut_pairs: int
    cut_trained_tokens: int
    tokens: int
    trained_tokens: int
    straddling_tokens: int
    unstopped_answers: int
    rewritten_answers: int
    longest_sample: int


class LabelledPairs(msgspec.Struct, frozen=True):
    """The pairs in the order of their rows, what became of the rows, and what to know about it."""

    pairs: list[Pair]
    use: PairUse
    notes: list[str]
    template_changed: bool = False


def training_pairs(plan: TrainPlan, tokenizer: Any, rows: list[PreferenceRow]) -> LabelledPairs:
    """The training rows as the plan limits them, else at most as long as the model's context."""
    limits, stops = limits_of(plan, training=True)
    return label_pairs(tokenizer, rows, limits, stops=stops, file="training data")


def held_out_pairs(plan: TrainPlan, tokenizer: Any, rows: list[PreferenceRow]) -> list[Pair]:
    """The validation rows; what is longer than the model's context is treated as the plan treats training rows."""
    limits, stops = limits_of(plan, training=False)
    return label_pairs(tokenizer, rows, limits, stops=stops, file="validation").pairs


def label_pairs(
    tokenizer: Any,
    rows: list[PreferenceRow],
    limits: Limits | None = None,
    *,
    stops: Collection[int] = (),
    file: str = "the data",
) -> LabelledPairs:
    """Labels of both sides of every row; of the messages asked with nothing is trained.

    A template that begins a turn for generation otherwise than it stores it is tried again with thinking switched
    off, if it has the switch (the tokenizer's template is changed then).

    Raises:
        TrainerError: `invalid_input` with the lines of all rows that cannot be trained as they stand.
    """
    bounds = limits or Limits()
    sorted_out, switched = sorted_by(tokenizer, lambda: _SortedOut(tokenizer, rows, bounds, stops))
    refuse(sorted_out.problems, bounds, file=file, nothing_left=not sorted_out.kept)
    use = sorted_out.use(rows)
    notes = [SWITCHED] if switched else []
    notes += [f"{use.rows} rows, {use.pairs} pairs, {use.tokens} tokens, {use.trained_tokens} of them trained"]
    notes += template_notes(tokenizer, [row.answered for row in rows])
    counted = [
        (use.dropped_overlong_pairs, f"pairs have a side of more than {bounds.max_tokens} tokens and were dropped"),
        (use.cut_pairs, f"pairs were cut to {bounds.max_tokens} tokens a side"),
        *counts_of_answers(use),
    ]
    notes += [f"{count} {what}" for count, what in counted if count]
    return LabelledPairs(sorted_out.kept, use, notes, template_changed=switched)


class _SortedOut:
    """Every row labelled: kept, cut, dropped, or a problem with its line."""

    def __init__(self, tokenizer: Any, rows: list[PreferenceRow], limits: Limits, stops: Collection[int]) -> None:
        self.limits = limits
        self.kept: list[Pair] = []
        self.problems: defaultdict[str, list[int]] = defaultdict(list)
        self.dropped = self.cut = self.cut_trained = 0
        for row in rows:
            # what is asked with is read, not learnt
            asked = [message | {"weight": 0} for message in row.messages]
            try:
                preferred = _side(tokenizer, [*asked, *row.preferred], row.tools, stops)
                other = _side(tokenizer, [*asked, *row.other], row.tools, stops)
            except UnstableTemplate:
                self.problems[UNSTABLE].append(row.line)
            except (UnfitMessage, RefusedByTemplate, _Several) as error:
                self.problems[str(error)].append(row.line)
            else:
                self._take(row.line, Pair(preferred, other))

    def _take(self, line: int, pair: Pair) -> None:
        most = self.limits.max_tokens
        if not all(side.trained for side in pair.sides):
            self.problems[NO_LABEL].append(line)
        elif most is None or max(len(side.input_ids) for side in pair.sides) <= most:
            self._keep(line, pair)
        elif self.limits.overlong == "refuse":
            self.problems[TOO_LONG].append(line)
        elif self.limits.overlong == "drop":
            self.dropped += 1
        else:
            self._cut(line, pair, most)

    def _keep(self, line: int, pair: Pair) -> bool:
        if pair.preferred.input_ids == pair.other.input_ids:
            self.problems[SAME_ANSWERS].append(line)
            return False
        self.kept.append(pair)
        return True

    def _cut(self, line: int, pair: Pair, most: int) -> None:
        short = Pair(_shortened(pair.preferred, most), _shortened(pair.other, most))
        if not all(side.trained for side in short.sides):
            self.problems[CUT_AWAY].append(line)
        elif self._keep(line, short):
            self.cut += 1
            self.cut_trained += sum(side.trained for side in pair.sides) - sum(side.trained for side in short.sides)

    def use(self, rows: list[PreferenceRow]) -> PairUse:
        """The counts."""

        def total(of: Callable[[LabelledRow], int]) -> int:
            return sum(of(side) for pair in self.kept for side in pair.sides)

        return PairUse(
            rows=len(rows),
            pairs=len(self.kept),
            dropped_overlong_pairs=self.dropped,
            cut_pairs=self.cut,
            cut_trained_tokens=self.cut_trained,
            tokens=total(lambda one: len(one.input_ids)),
            trained_tokens=total(lambda one: one.trained),
            straddling_tokens=total(lambda one: one.straddling),
            unstopped_answers=total(lambda one: one.unstopped),
            rewritten_answers=total(lambda one: one.rewritten),
            longest_sample=max(len(side.input_ids) for pair in self.kept for side in pair.sides),
        )


class _Several(ValueError):  # noqa: N818 - it names a property of the row
    """One side would be several samples, and an answer's probability is of the whole."""


def _side(tokenizer: Any, messages: Messages, tools: list[Any] | None, stops: Collection[int]) -> LabelledRow:
    samples = label_samples(tokenizer, messages, tools, stops=stops)
    if len(samples) > 1:
        raise _Several(_SEVERAL)
    # an answer without a trained turn has no sample where the template is not prefix-stable
    return samples[0] if samples else LabelledRow(input_ids=[], labels=[])


def _shortened(side: LabelledRow, most: int) -> LabelledRow:
    return msgspec.structs.replace(side, input_ids=side.input_ids[:most], labels=side.labels[:most])


def empty_like(pair: Pair) -> Pair:
    """A pair without a trained token, which counts for nothing."""
    nothing = LabelledRow(input_ids=pair.preferred.input_ids[:1], labels=[IGNORED])
    return Pair(nothing, nothing, (0.0, 0.0))
