"""Gives groups to parts: by seed and content alone, never dividing a group, even over classes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

import msgspec
import xxhash

from service.errors import ErrorItem, TuneGateError
from service.split.groups import Group


class Asked(msgspec.Struct, frozen=True):
    """The size of a part: a share of all rows (0 to 1, both excluded) or a number of rows."""

    name: str
    share: float | None = None
    rows: int | None = None

    def of(self, total: int) -> int:
        """The number of rows, at least one."""
        if self.rows is not None:
            return self.rows
        assert self.share is not None
        return max(1, round(self.share * total))


def sizes(written: dict[str, str | None]) -> list[Asked]:
    """Sizes as people write them: 0.1 and 10% are shares, 200 is a number of rows; None is no part.

    Raises:
        TuneGateError: `usage`, with everything that is no size.
    """
    found, wrong = [], []
    for name, text in written.items():
        if text is None:
            continue
        plain = text.strip()
        share = 0.0
        if re.fullmatch(r"[0-9]*\.[0-9]+|[0-9]+(\.[0-9]+)?%", plain):
            share = float(plain.removesuffix("%")) / (100 if plain.endswith("%") else 1)
        if 0 < share < 1:
            found.append(Asked(name, share=share))
        elif re.fullmatch(r"0*[1-9][0-9]*", plain):
            found.append(Asked(name, rows=int(plain)))
        else:
            wrong.append(
                ErrorItem(name, text[:20], "a share between 0 and 1 (0.1, 10%) or a whole number of rows (200)")
            )
    if wrong:
        raise TuneGateError("usage", f"{len(wrong)} size(s) cannot be read.", errors=wrong)
    return found


def assign(groups: Sequence[Group], parts: Sequence[Asked], *, seed: int) -> dict[int, int]:
    """Root of a group -> number of its part, counted from 1; the other groups are training data.

    A part is never larger than asked, except where its smallest possible group is.

    Raises:
        TuneGateError: `invalid_input` when the groups leave no such split.
    """
    total = sum(group.rows for group in groups)
    _refuse_too_much(parts, total)
    left = sorted(groups, key=lambda one: (_drawn(one, seed), one.identity))
    given: dict[int, int] = {}
    for number, part in enumerate(parts, 1):
        rows = sum(group.rows for group in left)
        taken = _taken(left, part.of(total)) or _smallest(left, rows, part, total)
        given |= dict.fromkeys((group.root for group in taken), number)
        left = [group for group in left if group.root not in given]
    return given


def _drawn(group: Group, seed: int) -> int:
    return xxhash.xxh3_64_intdigest(f"{seed} {group.identity}".encode())


def _taken(groups: Sequence[Group], target: int) -> list[Group]:
    """Groups of together at most `target` rows, each class with its share; what rounding leaves is filled up."""
    classes: dict[int, list[Group]] = defaultdict(list)
    for group in groups:
        classes[group.label or 0].append(group)
    found: list[Group] = []
    for label, quota in _quotas({label: sum(g.rows for g in one) for label, one in classes.items()}, target).items():
        found += _fitting(classes[label], quota)
    chosen = {group.root for group in found}
    rest = target - sum(group.rows for group in found)
    return found + _fitting([group for group in groups if group.root not in chosen], rest)


def _fitting(groups: Sequence[Group], target: int) -> list[Group]:
    found = []
    for group in groups:
        if group.rows <= target:
            found.append(group)
            target -= group.rows
    return found


def _quotas(sizes: dict[int, int], target: int) -> dict[int, int]:
    """Largest remainders: whole numbers in proportion to the sizes, `target` together."""
    total = sum(sizes.values())
    exact = {label: target * size / total for label, size in sizes.items()}
    quotas = {label: int(share) for label, share in exact.items()}
    most = sorted(exact, key=lambda label: (quotas[label] - exact[label], label))
    for label in most[: target - sum(quotas.values())]:
        quotas[label] += 1
    return quotas


def _smallest(groups: Sequence[Group], rows: int, part: Asked, total: int) -> list[Group]:
    """The one group to take when every group is larger than what was asked."""
    smallest = min(groups, key=lambda one: one.rows, default=None)
    if smallest is None or 2 * smallest.rows > rows:
        seen = f"{len(groups)} group(s) left, the smallest of {smallest.rows if smallest else 0} rows"
        raise TuneGateError(
            "invalid_input",
            "The rows that must stay together leave no such split.",
            remedy="Ask for a larger part, group by less, or add rows with other prompts.",
            errors=[ErrorItem(part.name, seen, f"a group of at most {part.of(total)} rows")],
        )
    return [smallest]


def _refuse_too_much(parts: Sequence[Asked], total: int) -> None:
    asked = sum(part.of(total) for part in parts)
    if asked >= total or sum(part.share or 0 for part in parts) >= 1:
        raise TuneGateError(
            "invalid_input",
            f"{asked} of {total} rows are asked for beside the training data: none is left to train on.",
            remedy="Ask for less.",
        )
