"""Label masks: render once, tokenise once with offsets, train on assistant spans whose weight is not 0."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from trainers.chat_template import Message, form_of, rendered, shaped

IGNORED = -100  # torch cross-entropy's ignore_index


class LabelledRow(msgspec.Struct, frozen=True):
    """Token ids and labels of equal length.

    `straddling` tokens lie across an edge of an answer and are not trained; `unstopped` answers end in no token that
    stops generation; `rewritten` answers do not stand in the rendering as they were written.
    """

    input_ids: list[int]
    labels: list[int]
    straddling: int = 0
    unstopped: int = 0
    rewritten: int = 0

    @property
    def trained(self) -> int:
        """Tokens whose loss counts."""
        return sum(label != IGNORED for label in self.labels)


class UnstableTemplate(ValueError):  # noqa: N818 - it names a property of the template
    """The chat template renders earlier turns differently once later ones exist."""

    def __init__(self, message: int) -> None:
        super().__init__(f"template not prefix-stable at message {message}")
        self.message = message


class _Answer(msgspec.Struct, frozen=True):
    """A trained turn: characters [start, end) of the text, and what was written there."""

    start: int
    end: int
    written: str


def label_row(
    tokenizer: Any, messages: Sequence[Message], tools: list[Any] | None, *, stops: Collection[int] = ()
) -> LabelledRow:
    """Ids and labels of one conversation; never truncates. `stops` are ids that end generation besides eos.

    The end-of-turn token and the template's text after it are trained, role headers are not.

    Raises:
        UnstableTemplate: when the rendering of a prefix is not a prefix of the rendering.
        UnfitMessage, RefusedByTemplate: when the template cannot render it.
    """
    given = _given(tokenizer, messages, tools)
    full = rendered(tokenizer, given, tools, prompt=False)
    spans = [_span(tokenizer, full, given, tools, index, stops) for index in _trained_turns(messages)]
    return _labelled(tokenizer, full, spans, stops)


def label_samples(
    tokenizer: Any, messages: Sequence[Message], tools: list[Any] | None, *, stops: Collection[int] = ()
) -> list[LabelledRow]:
    """One sample of the whole row; where the template is not prefix-stable one per trained turn, rendered up to it.

    Raises:
        UnstableTemplate: when the generation prompt is no prefix of the turn that it should begin.
        UnfitMessage, RefusedByTemplate: when the template cannot render it.
    """
    try:
        return [label_row(tokenizer, messages, tools, stops=stops)]
    except UnstableTemplate:
        given = _given(tokenizer, messages, tools)
    samples = []
    for index in _trained_turns(messages):
        text = rendered(tokenizer, given[: index + 1], tools, prompt=False)
        samples.append(_labelled(tokenizer, text, [_span(tokenizer, text, given, tools, index, stops)], stops))
    return samples


def render(tokenizer: Any, messages: Sequence[Message], tools: list[Any] | None, *, prompt: bool = False) -> str:
    """The chat template's text, with the generation prompt if asked.

    Raises:
        UnfitMessage, RefusedByTemplate: when the template cannot render it.
    """
    return rendered(tokenizer, _given(tokenizer, messages, tools), tools, prompt=prompt)


def split_answer(messages: Sequence[Message]) -> tuple[list[Message], str] | None:
    """(messages before the last assistant turn, its text), or None when it has no text to compare."""
    for index in range(len(messages) - 1, 0, -1):
        if messages[index]["role"] == "assistant":
            content = messages[index].get("content")
            return (list(messages[:index]), content) if isinstance(content, str) and content else None
    return None


def _given(tokenizer: Any, messages: Sequence[Message], tools: list[Any] | None) -> list[Message]:
    return shaped(messages, form_of(tokenizer, with_tools=bool(tools)))


def _trained_turns(messages: Sequence[Message]) -> list[int]:
    return [
        index for index, message in enumerate(messages) if message["role"] == "assistant" and message.get("weight") != 0
    ]


def _span(
    tokenizer: Any, text: str, given: list[Message], tools: list[Any] | None, index: int, stops: Collection[int]
) -> _Answer:
    """Where the turn stands in `text`: after its generation prompt, up to all that the template writes for it."""
    before = rendered(tokenizer, given[:index], tools, prompt=True)
    if not text.startswith(before):
        raise UnstableTemplate(index)
    # the last turn ends where the text does: one rendering less per row
    after = text if index == len(given) - 1 else rendered(tokenizer, given[: index + 1], tools, prompt=False)
    if not text.startswith(after):
        after = _without_end(tokenizer, after, stops)
    if not text.startswith(after) or len(after) < len(before):
        raise UnstableTemplate(index)
    content = given[index].get("content")
    return _Answer(len(before), len(after), content.strip() if isinstance(content, str) else "")


def _without_end(tokenizer: Any, text: str, stops: Collection[int]) -> str:
    """The text without an end-of-text token that follows the end of the turn, as Phi-3's template writes it.

    Where that token is the only end of the turn it stays: an answer must not lose what stops it.
    """
    ends = tuple(tokenizer.convert_ids_to_tokens(sorted({tokenizer.eos_token_id, *stops} - {None})))
    shorter = text.removesuffix(tokenizer.eos_token or "")
    return shorter if shorter.rstrip().endswith(ends) else text


def _labelled(tokenizer: Any, text: str, answers: list[_Answer], stops: Collection[int]) -> LabelledRow:
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = list(encoded["input_ids"]), encoded["offset_mapping"]
    # offsets never go back, so a span is found by bisection; one scan per span would be quadratic in the turns
    lefts = [left for left, _ in offsets]
    labels = [IGNORED] * len(ids)
    straddling = unstopped = 0
    for answer in answers:
        first, last = bisect_left(lefts, answer.start), bisect_left(lefts, answer.end)
        straddling += _crosses(offsets, first, answer.start)
        trained = []
        for k in range(first, last):
            left, right = offsets[k]
            if left < right <= answer.end:
                labels[k] = ids[k]
                trained.append(ids[k])
            elif right > answer.end:
                straddling += 1
        unstopped += not {tokenizer.eos_token_id, *stops}.intersection(trained)
    rewritten = sum(answer.written not in text[answer.start : answer.end] for answer in answers)
    return LabelledRow(ids, labels, straddling=straddling, unstopped=unstopped, rewritten=rewritten)


def _crosses(offsets: list[tuple[int, int]], first: int, edge: int) -> int:
    """Tokens before `first` that reach over the edge."""
    count = 0
    while first > 0 and offsets[first - 1][1] > edge:
        count, first = count + 1, first - 1
    return count
