"""Which rows repeat, contradict or leak: told from the hashes of prompts and answers.

Lines are compared in buckets of prompts whose hashes begin with the same byte, so that beyond the hashes themselves
only a small part of the lines is held at a time.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

# lines that are compared at once, in one bucket
_FEW = 50_000
_BYTE = 256


class Found(msgspec.Struct):
    """(line, earlier line) pairs, the lowest lines first, and how many there are; lines count from 0 over all files."""

    pairs: list[tuple[int, int]] = []
    total: int = 0

    def add(self, pairs: list[tuple[int, int]], most: int) -> None:
        """Further pairs, of which the lowest `most` are kept (0 = all)."""
        self.total += len(pairs)
        self.pairs = sorted([*self.pairs, *pairs])[: most or None]


class Overlap(msgspec.Struct):
    """Training lines that repeat, contradict or reverse an earlier one; held-out lines that stand in training."""

    duplicates: Found
    conflicts: Found
    swapped: Found
    same_rows: Found
    same_prompts: Found
    most_common_answer: int = 0


class Keys(msgspec.Struct, frozen=True):
    """Per line the hashes of `keys.py`, training lines first; `others` is empty where no row has two outputs."""

    prompts: array[int]
    answers: array[int]
    others: array[int]
    training: int


def overlap(keys: Keys, most: int) -> Overlap:
    """Compare all lines; at most `most` pairs of each kind are kept (0 = all)."""
    whole = Overlap(Found(), Found(), Found(), Found(), Found())
    for lines in _buckets(keys.prompts):
        for kind, pairs in _compared(keys, _asked_twice(keys.prompts, lines)).items():
            getattr(whole, kind).add(pairs, most)
    whole.most_common_answer = _most_common(keys.answers[: keys.training])
    return whole


def _buckets(hashes: array[int]) -> Iterator[Sequence[int]]:
    """Line numbers, in order, by the highest byte of their hashes."""
    if len(hashes) <= _FEW:
        yield range(len(hashes))
        return
    highest = hashes.itemsize - 1 if sys.byteorder == "little" else 0
    first = bytes(memoryview(hashes).cast("B")[highest :: hashes.itemsize])
    for byte in range(_BYTE):
        yield [found.start() for found in re.finditer(re.escape(bytes([byte])), first)]


def _asked_twice(prompts: array[int], lines: Sequence[int]) -> list[int]:
    """Lines whose prompt stands on another one too; in most corpora none, which is told fast."""
    asked = [prompts[line] for line in lines]
    if len(set(asked)) == len(asked):
        return []
    times = Counter(asked)
    # a blank line
    del times[0]
    return [line for line, prompt in zip(lines, asked, strict=True) if times[prompt] > 1]


def _compared(keys: Keys, lines: list[int]) -> dict[str, list[tuple[int, int]]]:
    """Pairs by kind of some lines, with which all lines of the same prompts come."""
    kinds = ("duplicates", "conflicts", "swapped", "same_rows", "same_prompts")
    found: dict[str, list[tuple[int, int]]] = {kind: [] for kind in kinds}
    rows: dict[tuple[int, int, int], int] = {}
    prompts: dict[int, tuple[int, int]] = {}
    for line in lines:
        prompt, answer, other = keys.prompts[line], keys.answers[line], keys.others[line] if keys.others else 0
        training = line < keys.training
        earlier = rows.get((prompt, answer, other))
        asked = prompts.get(prompt) if answer else None
        if earlier is not None:
            found["duplicates" if training else "same_rows"].append((line, earlier))
        elif asked is not None and not training:
            found["same_prompts"].append((line, asked[0]))
        elif asked is not None and not other and asked[1] != answer:
            found["conflicts"].append((line, asked[0]))
        if training:
            reversed_ = rows.get((prompt, other, answer)) if other and answer and other != answer else None
            if reversed_ is not None:
                found["swapped"].append((line, reversed_))
            rows.setdefault((prompt, answer, other), line)
            if answer:
                prompts.setdefault(prompt, (line, answer))
    return found


def _most_common(answers: array[int]) -> int:
    most = 0
    for lines in _buckets(answers):
        said = Counter([answers[line] for line in lines])
        del said[0]
        most = max([most, *said.values()])
    return most
