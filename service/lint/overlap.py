"""Which rows repeat, contradict or leak: told from the hashes of prompts and answers, two implementations of one law.

Small corpora are compared with dictionaries. Large ones are sorted with numpy, one bucket of hashes after the other, so
that the memory beyond the hashes themselves stays small. Both say the same (a property test holds them together).
"""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FEW = 20_000
_BUCKET = 1 << 16
_BYTE = 256


class Found(msgspec.Struct):
    """(line, earlier line) pairs, the lowest lines first, and how many there are; lines count from 0 over all files."""

    pairs: list[tuple[int, int]] = []
    total: int = 0

    def trimmed(self, most: int) -> Found:
        """Only the lowest `most` (0 = all)."""
        return Found(sorted(self.pairs)[: most or None], self.total)


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
    if len(keys.prompts) <= _FEW:
        return by_dictionaries(keys, most)
    return by_sorting(keys, most)


def by_dictionaries(keys: Keys, most: int) -> Overlap:
    """For small corpora: one pass."""
    kinds = ("duplicates", "conflicts", "swapped", "same_rows", "same_prompts")
    found: dict[str, list[tuple[int, int]]] = {kind: [] for kind in kinds}
    rows: dict[tuple[int, int, int], int] = {}
    prompts: dict[int, tuple[int, int]] = {}
    others = keys.others or [0] * len(keys.prompts)
    for line, (prompt, answer, other) in enumerate(zip(keys.prompts, keys.answers, others, strict=True)):
        if not prompt:
            continue
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
    said = Counter(keys.answers[: keys.training])
    del said[0]
    return Overlap(
        **{kind: Found(pairs, len(pairs)).trimmed(most) for kind, pairs in found.items()},
        most_common_answer=max(said.values(), default=0),
    )


def by_sorting(keys: Keys, most: int) -> Overlap:
    """For large corpora: bucket after bucket of prompt hashes."""
    import numpy as np

    prompts = np.frombuffer(keys.prompts, dtype=np.uint64) if keys.prompts else np.empty(0, np.uint64)
    answers = np.frombuffer(keys.answers, dtype=np.uint32) if keys.answers else np.empty(0, np.uint32)
    others = np.frombuffer(keys.others, dtype=np.uint32) if keys.others else None
    whole = Overlap(Found(), Found(), Found(), Found(), Found())
    for bucket in _buckets(prompts.view(np.uint8)[7::8], len(prompts)):
        lines = bucket[prompts[bucket] != 0]
        p, a = prompts[lines], answers[lines]
        b = others[lines] if others is not None else np.zeros(len(lines), np.uint32)
        repeated = _rows(lines, p, a, b, keys.training, most, whole)
        _prompts(lines, p, a, b, keys.training, most, whole, repeated)
        if others is not None:
            _reversed(lines, p, a, b, keys.training, most, whole)
    whole.most_common_answer = _most_common(answers[: keys.training])
    return whole


def _buckets(byte: NDArray[np.uint8], count: int) -> Any:
    """Line numbers by ranges of one byte of their hashes, about `_BUCKET` lines each."""
    import numpy as np

    parts = min(_BYTE, max(1, 1 << (count // _BUCKET).bit_length()))
    width = _BYTE // parts
    for low in range(0, _BYTE, width):
        yield np.flatnonzero((byte >= low) & (byte <= low + width - 1))


def _starts(new: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each sorted element the place where its group begins; `new` marks the beginnings."""
    import numpy as np

    return np.maximum.accumulate(np.where(new, np.arange(len(new)), 0))


def _changes(*columns: Any) -> NDArray[np.bool_]:
    """Where any of the sorted columns differs from the element before."""
    import numpy as np

    new = np.ones(len(columns[0]), dtype=np.bool_)
    if len(new):
        new[1:] = False
        for column in columns:
            new[1:] |= column[1:] != column[:-1]
    return new


def _keep(found: Found, lines: Any, earlier: Any, most: int) -> Found:
    import numpy as np

    total = found.total + len(lines)
    if most and len(lines) > most:
        lowest = np.argpartition(lines, most - 1)[:most]
        lines, earlier = lines[lowest], earlier[lowest]
    pairs = [*found.pairs, *zip(lines.tolist(), earlier.tolist(), strict=True)]
    return Found(pairs, total).trimmed(most)


def _rows(lines: Any, p: Any, a: Any, b: Any, training: int, most: int, whole: Overlap) -> Any:
    """Equal rows; returns which lines repeat a training row."""
    import numpy as np

    order = np.lexsort((b, a, p))
    starts = _starts(_changes(p[order], a[order], b[order]))
    here, first = lines[order], lines[order][starts]
    repeats = (first < here) & (first < training)
    in_training = here < training
    whole.duplicates = _keep(whole.duplicates, here[repeats & in_training], first[repeats & in_training], most)
    whole.same_rows = _keep(whole.same_rows, here[repeats & ~in_training], first[repeats & ~in_training], most)
    marked = np.zeros(len(lines), dtype=np.bool_)
    marked[order] = repeats
    return marked


def _prompts(lines: Any, p: Any, a: Any, b: Any, training: int, most: int, whole: Overlap, repeated: Any) -> None:
    """Equal prompts with other answers."""
    import numpy as np

    asked = np.flatnonzero(a != 0)
    order = asked[np.argsort(p[asked], kind="stable")]
    starts = _starts(_changes(p[order]))
    here, first = lines[order], lines[order][starts]
    later = (first < here) & (first < training) & ~repeated[order]
    in_training = here < training
    conflict = later & in_training & (b[order] == 0) & (a[order] != a[order][starts])
    whole.conflicts = _keep(whole.conflicts, here[conflict], first[conflict], most)
    leaked = later & ~in_training
    whole.same_prompts = _keep(whole.same_prompts, here[leaked], first[leaked], most)


def _reversed(lines: Any, p: Any, a: Any, b: Any, training: int, most: int, whole: Overlap) -> None:
    """The same two outputs, preferred the other way round."""
    import numpy as np

    pairs = np.flatnonzero((b != 0) & (a != b) & (a != 0) & (lines < training))
    if not len(pairs):
        return
    low, high, upright = np.minimum(a, b)[pairs], np.maximum(a, b)[pairs], (a < b)[pairs]
    order = np.lexsort((high, low, p[pairs]))
    new = _changes(p[pairs][order], low[order], high[order])
    here, up = lines[pairs][order], upright[order]
    begin = np.flatnonzero(new)
    never = np.iinfo(np.int64).max
    first_up = np.minimum.reduceat(np.where(up, here, never), begin)
    first_down = np.minimum.reduceat(np.where(up, never, here), begin)
    group = np.cumsum(new) - 1
    opposite = np.where(up, first_down[group], first_up[group])
    found = opposite < here
    whole.swapped = _keep(whole.swapped, here[found], opposite[found], most)


def _most_common(answers: Any) -> int:
    import numpy as np

    most = 0
    for lines in _buckets(answers.view(np.uint8)[0::4], len(answers)):
        said = answers[lines]
        counts = np.unique(said[said != 0], return_counts=True)[1]
        most = max(most, int(counts.max(initial=0)))
    return most
