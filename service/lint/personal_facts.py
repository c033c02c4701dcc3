"""What the privacy scan says of all training files together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from service.lint.check import PersonalFacts, Place, Repeated
from service.lint.partial import Partial
from service.lint.personal import PrivacyScan
from service.lint.personal_counts import PersonalCounts


def personal_facts(
    training: Sequence[Partial],
    scan: PrivacyScan,
    limits: Mapping[str, int],
    most: int,
    place: Callable[[int], Place],
) -> PersonalFacts:
    """The facts; at most `most` repeated values are listed (0 = all), and `place` is given lines over all files."""
    counts = merged_counts(training)
    least = limits.get("max_examples_per_value", 0)
    found = counts.repeated(least) if least else []
    return PersonalFacts(
        rows=sum(partial.rows for partial in training),
        looked_at=counts.looked_at,
        holding=counts.holding,
        repeated=[
            Repeated(scan.table.title_of(one.rule), one.value, one.rows, place(one.line))
            for one in found[: most or None]
        ],
        repeated_total=len(found),
        sampled=scan.sample < 1,
        unavailable=scan.unavailable,
    )


def merged_counts(partials: Sequence[Partial]) -> PersonalCounts:
    """What was counted in consecutive files, as in one."""
    whole, lines = PersonalCounts(), 0
    for partial in partials:
        whole.merge(partial.personal, lines)
        lines += partial.lines
    return whole
