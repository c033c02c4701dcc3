"""Samples of labelled rows: token ids with a class, or with a tag on the first token of each word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from trainers.classification.rows import IGNORED_TAG, LabelledText, TaggedWords, refuse
from trainers.labelling import Limits
from trainers.problems import TrainerError

R = TypeVar("R", LabelledText, TaggedWords)

_TOO_LONG = "too long"


class Sample(msgspec.Struct, frozen=True):
    """One row as the model sees it.

    `labels` is one class, or one tag per token (-100: none). Of tagged words `words` has the tag of each word of the
    row, and `places` the token that speaks for it (-1: cut away, or the tokenizer makes nothing of the word).
    """

    input_ids: list[int]
    labels: list[int]
    token_type_ids: list[int] | None = None
    words: list[int] = []
    places: list[int] = []

    @property
    def labelled(self) -> int:
        """Labels whose loss counts."""
        return sum(label != IGNORED_TAG for label in self.labels)


class Samples(msgspec.Struct, frozen=True):
    """Samples in the order of their rows, the rows that they are of, what became of all rows, and what to know."""

    samples: list[Sample]
    rows: list[Any]
    use: dict[str, int]
    notes: list[str]


def text_sample(tokenizer: Any, row: LabelledText, *, types: bool, most: int | None = None) -> Sample:
    """A text or a pair, with the special tokens of the model; cut to `most` tokens, of a pair the longer text first."""
    encoded = tokenizer(
        row.text, row.pair, truncation=most is not None, max_length=most, return_token_type_ids=types
    )  # fmt: skip
    return Sample(list(encoded["input_ids"]), [row.label], _types(encoded, types=types))


def words_sample(tokenizer: Any, row: TaggedWords, *, types: bool, most: int | None = None) -> Sample:
    """The words joined by single spaces; the first token that covers a part of a word carries its tag."""
    encoded = tokenizer(
        " ".join(row.words), truncation=most is not None, max_length=most, return_token_type_ids=types,
        return_offsets_mapping=True,
    )  # fmt: skip
    places = _places(row.words, encoded["offset_mapping"])
    labels = [IGNORED_TAG] * len(encoded["input_ids"])
    for place, tag in zip(places, row.tags, strict=True):
        if place >= 0:
            labels[place] = tag
    return Sample(list(encoded["input_ids"]), labels, _types(encoded, types=types), list(row.tags), places)


def _places(words: list[str], offsets: Sequence[tuple[int, int]]) -> list[int]:
    """The index of each word's first token, -1 where no token is its own."""
    places, start, at = [], 0, 0
    for word in words:
        end = start + len(word)
        # special tokens cover nothing
        while at < len(offsets) and (offsets[at][1] <= start or offsets[at][0] == offsets[at][1]):
            at += 1
        if at < len(offsets) and offsets[at][0] < end:
            places.append(at)
            at += 1
        else:
            places.append(-1)
        start = end + 1
    return places


def _types(encoded: Any, *, types: bool) -> list[int] | None:
    return list(encoded["token_type_ids"]) if types else None


def make_samples(rows: list[R], encode: Callable[..., Sample], limits: Limits, *, file: str) -> Samples:
    """Every row as a sample of at most so many tokens; nothing is dropped or cut but as `limits` say, and counted.

    `encode(row, most=...)` makes the sample.

    Raises:
        TrainerError: `invalid_input` with all lines that cannot be trained.
    """
    problems: defaultdict[str, list[int]] = defaultdict(list)
    kept: list[tuple[R, Sample]] = []
    dropped = cut = cut_tokens = cut_words = 0
    for row in rows:
        sample, most = encode(row, most=None), limits.max_tokens
        if not sample.labelled:
            problems["without a labelled token"].append(row.line)
        elif most is None or len(sample.input_ids) <= most:
            kept.append((row, sample))
        elif limits.overlong == "refuse":
            problems[_TOO_LONG].append(row.line)
        elif limits.overlong == "drop":
            dropped += 1
        else:
            short = encode(row, most=most)
            cut, cut_tokens = cut + 1, cut_tokens + len(sample.input_ids) - len(short.input_ids)
            cut_words += _placed(sample) - _placed(short)
            kept.append((row, short))
            if not short.labelled:
                problems["without a labelled token after the cut"].append(row.line)
    allowed = f" (limit {limits.max_tokens} tokens)" if _TOO_LONG in problems else ""
    choose = ", raise max_tokens, or choose overlong drop or cut" if allowed else ""
    refuse(problems, f"{file}{allowed}", f"Nothing is dropped or cut silently: mend the rows{choose}.")
    if not kept:
        raise TrainerError("invalid_input", f"{file}: every row is too long and was dropped.", remedy="Choose cut.")
    samples = [sample for _, sample in kept]
    use = {
        "rows": len(rows),
        "samples": len(kept),
        "dropped_overlong_samples": dropped,
        "cut_samples": cut,
        "cut_tokens": cut_tokens,
        "cut_words": cut_words,
        # the words that no token is of were there before the cut
        "unplaced_words": sum(one.places.count(-1) for one in samples) - cut_words,
        "tokens": sum(len(one.input_ids) for one in samples),
        "labelled_tokens": sum(one.labelled for one in samples),
        "longest_sample": max(len(one.input_ids) for one in samples),
    }
    return Samples(samples, [row for row, _ in kept], use, _notes(use, limits))


def _placed(sample: Sample) -> int:
    return sum(place >= 0 for place in sample.places)


def _notes(use: dict[str, int], limits: Limits) -> list[str]:
    notes = [f"{use['rows']} rows, {use['samples']} samples, {use['tokens']} tokens, {use['labelled_tokens']} labels"]
    counted = [
        ("dropped_overlong_samples", f"samples are longer than {limits.max_tokens} tokens and were dropped"),
        ("cut_samples", f"samples were cut to {limits.max_tokens} tokens"),
        ("cut_words", "words were cut away: they are not trained, and count as not found where they are measured"),
        ("unplaced_words", "words have no token of their own: their tags are not trained, and count as not found"),
    ]
    return notes + [f"{use[name]} {what}" for name, what in counted if use[name]]


def padded(samples: Sequence[Sample], pad_id: int) -> dict[str, Any]:
    """Right-padded tensors (rows, longest): input_ids, attention_mask, perhaps token_type_ids; and labels.

    Labels are (rows,) for classes, (rows, longest) for tags.
    """
    import torch

    longest = max(len(one.input_ids) for one in samples)

    def filled(values: list[int], filler: int) -> list[int]:
        return values + [filler] * (longest - len(values))

    batch = {
        "input_ids": torch.tensor([filled(one.input_ids, pad_id) for one in samples]),
        "attention_mask": torch.tensor([filled([1] * len(one.input_ids), 0) for one in samples]),
    }
    if samples[0].token_type_ids is not None:
        batch["token_type_ids"] = torch.tensor([filled(one.token_type_ids or [], 0) for one in samples])
    if samples[0].words:
        batch["labels"] = torch.tensor([filled(one.labels, IGNORED_TAG) for one in samples])
    else:
        batch["labels"] = torch.tensor([one.labels[0] for one in samples])
    return batch
