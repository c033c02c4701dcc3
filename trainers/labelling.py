"""Labels a whole file before anything is trained: what is expanded, dropped, cut or refused is counted and said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from trainers.chat_template import RefusedByTemplate, UnfitMessage, form_of, switch_thinking_off, template_text
from trainers.contract import TrainPlan
from trainers.labels import LabelledRow, UnstableTemplate, label_samples
from trainers.load import Row, lines_text, model_facts
from trainers.problems import TrainerError

Overlong = Literal["refuse", "drop", "cut"]

NO_LABEL = "without a trained token"
TOO_LONG = "too long"
CUT_AWAY = "without a trained token after the cut"
UNSTABLE = "whose answer does not follow the chat template's own generation prompt"
SAME_ANSWERS = "whose two answers are the same in tokens"  # of preference pairs
SWITCHED = "the chat template's enable_thinking is set to false, in the template that travels with the model"


class DataUse(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file's rows; every number counts rows, samples, answers or tokens as its name says.

    A row is a line of the file, a sample what the model sees at once: a row, or one of its answers with all that
    stands before it where the template is not prefix-stable.
    """

    rows: int
    samples: int
    expanded_rows: int
    dropped_overlong_samples: int
    cut_samples: int
    cut_trained_tokens: int
    tokens: int
    trained_tokens: int
    straddling_tokens: int
    unstopped_answers: int
    rewritten_answers: int
    longest_sample: int


class Labelled(msgspec.Struct, frozen=True):
    """The samples to train on, in the order of their rows, what became of the rows, and what to know about it."""

    samples: list[LabelledRow]
    use: DataUse
    notes: list[str]
    template_changed: bool = False


class Limits(msgspec.Struct, frozen=True):
    """At most so many tokens per sample (None: any length), and what becomes of longer ones."""

    max_tokens: int | None = None
    overlong: Overlong = "refuse"


class Sorted(Protocol):
    """Rows sorted out under one chat template; `problems` has the lines of each."""

    problems: defaultdict[str, list[int]]


S = TypeVar("S", bound=Sorted)


def limits_of(plan: TrainPlan, *, training: bool) -> tuple[Limits, Collection[int]]:
    """How long a sample may be, and the ids that end generation; held-out rows may be as long as the context."""
    context, stops = model_facts(plan)
    values = plan.hyperparameters
    return Limits((values.max_tokens if training else None) or context, values.overlong), stops


def sorted_by(tokenizer: Any, sort: Callable[[], S]) -> tuple[S, bool]:
    """What `sort` gives; where the template is not stable, again with thinking switched off if it has the switch."""
    found = sort()
    if UNSTABLE in found.problems and switch_thinking_off(tokenizer):
        return sort(), True
    return found, False


def training_labels(plan: TrainPlan, tokenizer: Any, rows: list[Row]) -> Labelled:
    """The training rows as the plan limits them, else at most as long as the model's context."""
    limits, stops = limits_of(plan, training=True)
    return label_rows(tokenizer, rows, limits, stops=stops, file="training data")


def held_out_labels(plan: TrainPlan, tokenizer: Any, rows: list[Row]) -> list[LabelledRow]:
    """The validation rows; what is longer than the model's context is treated as the plan treats training rows."""
    if not rows:
        return []
    limits, stops = limits_of(plan, training=False)
    return label_rows(tokenizer, rows, limits, stops=stops, file="validation").samples


def label_rows(
    tokenizer: Any,
    rows: list[Row],
    limits: Limits | None = None,
    *,
    stops: Collection[int] = (),
    file: str = "the data",
) -> Labelled:
    """Labels of every row; what cannot be trained as it stands is refused with its lines, all at once.

    A template that begins a turn for generation otherwise than it stores it is tried again with thinking switched
    off, if it has the switch (the tokenizer's template is changed then).

    Raises:
        TrainerError: `invalid_input`.
    """
    bounds = limits or Limits()
    sorted_out, switched = sorted_by(tokenizer, lambda: _SortedOut(tokenizer, rows, bounds, stops))
    sorted_out.refuse(file)
    use = sorted_out.use(rows)
    notes = ([SWITCHED] if switched else []) + list(_notes(tokenizer, rows, use, bounds))
    return Labelled(sorted_out.kept, use, notes, template_changed=switched)


class _SortedOut:
    """Every row labelled: kept, cut, dropped, or a problem with its line."""

    def __init__(self, tokenizer: Any, rows: list[Row], limits: Limits, stops: Collection[int]) -> None:
        self.limits = limits
        self.kept: list[LabelledRow] = []
        self.problems: defaultdict[str, list[int]] = defaultdict(list)
        self.expanded = self.dropped = self.cut = self.cut_trained = 0
        for row in rows:
            try:
                samples = label_samples(tokenizer, row.messages, row.tools, stops=stops)
            except UnstableTemplate:
                self.problems[UNSTABLE].append(row.line)
            except (UnfitMessage, RefusedByTemplate) as error:
                self.problems[str(error)].append(row.line)
            else:
                self.expanded += len(samples) > 1
                self._take(row.line, samples)

    def _take(self, line: int, samples: list[LabelledRow]) -> None:
        if not any(sample.trained for sample in samples):
            self.problems[NO_LABEL].append(line)
            return
        most = self.limits.max_tokens
        long = [sample for sample in samples if most is not None and len(sample.input_ids) > most]
        if long and self.limits.overlong == "refuse":
            self.problems[TOO_LONG].append(line)
            return
        for sample in samples:
            if most is None or len(sample.input_ids) <= most:
                self.kept.append(sample)
            elif self.limits.overlong == "drop":
                self.dropped += 1
            else:
                self._cut(line, sample, most)

    def _cut(self, line: int, sample: LabelledRow, most: int) -> None:
        short = msgspec.structs.replace(sample, input_ids=sample.input_ids[:most], labels=sample.labels[:most])
        if not short.trained:
            self.problems[CUT_AWAY].append(line)
            return
        self.cut += 1
        self.cut_trained += sample.trained - short.trained
        self.kept.append(short)

    def refuse(self, file: str) -> None:
        """Raise when there is a problem, or nothing left."""
        refuse(self.problems, self.limits, file=file, nothing_left=not self.kept)

    def use(self, rows: list[Row]) -> DataUse:
        """The counts."""

        def total(of: Callable[[LabelledRow], int]) -> int:
            return sum(map(of, self.kept))

        return DataUse(
            rows=len(rows),
            samples=len(self.kept),
            expanded_rows=self.expanded,
            dropped_overlong_samples=self.dropped,
            cut_samples=self.cut,
            cut_trained_tokens=self.cut_trained,
            tokens=total(lambda one: len(one.input_ids)),
            trained_tokens=total(lambda one: one.trained),
            straddling_tokens=total(lambda one: one.straddling),
            unstopped_answers=total(lambda one: one.unstopped),
            rewritten_answers=total(lambda one: one.rewritten),
            longest_sample=max(len(one.input_ids) for one in self.kept),
        )


def refuse(problems: Mapping[str, list[int]], limits: Limits, *, file: str, nothing_left: bool) -> None:
    """Raise when there is a problem (what is wrong with a row: its lines), or nothing left to train on.

    Raises:
        TrainerError: `invalid_input` with every problem and what can be done.
    """
    found = [f"{lines_text(sorted(set(lines)))} {what}" for what, lines in problems.items()]
    if not found and nothing_left:
        found = ["every row is too long and was dropped"]
    if not found:
        return
    limit = limits.max_tokens
    limited = TOO_LONG in problems or CUT_AWAY in problems or not problems
    remedies = ["Nothing is dropped or cut silently: mend the rows"]
    remedies += ["raise max_tokens", "choose overlong drop or cut"] if limited and limit is not None else []
    if set(problems).difference({NO_LABEL, TOO_LONG, CUT_AWAY, SAME_ANSWERS}):
        remedies.append("supply a chat template that renders them (--chat-template FILE)")
    shown = f" (limit {limit} tokens)" if limited and limit is not None else ""
    raise TrainerError("invalid_input", f"{file}: {'; '.join(found)}{shown}.", remedy=f"{', or '.join(remedies)}.")


def _notes(tokenizer: Any, rows: list[Row], use: DataUse, limits: Limits) -> list[str]:
    """One line per thing that a person would want to know before the first step."""
    notes = [f"{use.rows} rows, {use.samples} samples, {use.tokens} tokens, {use.trained_tokens} of them trained"]
    counted = [
        (use.expanded_rows, "rows became one sample per answer: the chat template is not prefix-stable"),
        (use.dropped_overlong_samples, f"samples are longer than {limits.max_tokens} tokens and were dropped"),
        (use.cut_samples, f"samples were cut to {limits.max_tokens} tokens"),
        *counts_of_answers(use),
    ]
    return notes + template_notes(tokenizer, rows) + [f"{count} {what}" for count, what in counted if count]


def template_notes(tokenizer: Any, rows: list[Row]) -> list[str]:
    """How the chat template wants its messages, and what it leaves out of these rows."""
    notes = []
    for with_tools in sorted({bool(row.tools) for row in rows}):
        form = form_of(tokenizer, with_tools=with_tools)
        notes.append(f"{'rows with tools: ' if with_tools else ''}{form.stated}")
        counts = {what: sum(_has(row, what) for row in rows if bool(row.tools) == with_tools) for what in form.left_out}
        notes += [f"the chat template leaves out {what} ({count} rows)" for what, count in counts.items() if count]
        if "strftime_now" in template_text(tokenizer, with_tools=with_tools):
            notes.append("the chat template writes today's date: another day gives other tokens")
    return notes


def counts_of_answers(use: Any) -> list[tuple[int, str]]:
    """What happened to answers and their tokens, as `DataUse` (or a like struct) counts it."""
    return [
        (use.cut_trained_tokens, "tokens of answers were cut away and are not trained"),
        (use.straddling_tokens, "tokens lie across the edge of an answer and are not trained"),
        (use.unstopped_answers, "answers end in no token that stops generation: the model will not learn to stop"),
        (use.rewritten_answers, "answers are not rendered as they were written"),
    ]


def _has(row: Row, what: str) -> bool:
    roles = {message.get("role") for message in row.messages}
    return {
        "system messages": bool(roles.intersection(("system", "developer"))),
        "tool results": bool(roles.intersection(("tool", "function"))),
        "tools": bool(row.tools),
    }[what]
