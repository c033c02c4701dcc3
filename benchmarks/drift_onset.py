"""Simulated drift with a known onset: how soon it is seen, and how often drift is seen where there is none.

Run: python benchmarks/drift_onset.py [series]. Every series is a baseline and 12 samples over time; from the fifth on
something changed by a known amount, or nothing did. Each sample is compared with the baseline as `tunegate drift` and a
monitor compare, with the shipped rules. The delay counts samples from the onset on: 1 is the first that has the change.
The stated level of a report is 1 - confidence; a series without a change has 12 reports that could raise an alarm.
"""

from __future__ import annotations

import os
import platform
import random
import sys
from collections import Counter
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

from scipy import __version__ as scipy_version

from service.data import rule_files
from service.evaluate.drift.effects import Draws, Effect, apart, ks, psi, widened
from service.evaluate.drift.evaluations import paired_fall
from service.evaluate.drift.judged import Found, judged, verdict
from service.evaluate.drift.rules import drift_rules
from service.evaluate.statistics import share_interval
from service.records.drift import DriftVerdict

SAMPLES, ONSET = 12, 5
RULES = drift_rules(rule_files())


class Case(NamedTuple):
    """What changes: `compare` takes rows, a seed, and 1 where this sample has the change."""

    name: str
    rows: int
    compare: Callable[[random.Random, int, int], list[Found]]


def lengths(shift: float) -> Callable[[random.Random, int, int], list[Found]]:
    """Log-normal lengths, longer by a factor; with the labels of the same rows, which do not change."""

    def compare(chance: random.Random, rows: int, drifted: int) -> list[Found]:
        factor = 1 + shift * drifted
        sides = [Counter(round(chance.lognormvariate(6, 0.6) * by) for _ in range(rows)) for by in (1.0, factor)]
        labels = [Counter(chance.choices(range(5), (40, 30, 15, 10, 5), k=rows)) for _ in range(2)]
        counts = [[side[one] for one in range(5)] for side in labels]
        return [
            Found("characters", rows, rows, lambda draws: ks(sides[0], sides[1], draws)),
            Found("labels", rows, rows, lambda draws: psi(counts[0], counts[1], draws)),
        ]

    return compare


def scores(fall: float, *, paired: bool) -> Callable[[random.Random, int, int], list[Found]]:
    """Right or wrong, 85 % right before; of the same rows one in ten is answered otherwise by chance alone."""

    def compare(chance: random.Random, rows: int, drifted: int) -> list[Found]:
        before = [float(chance.random() < 0.85) for _ in range(rows)]
        after = []
        for one in before:
            again = float(chance.random() < 0.85) if chance.random() < 0.1 or not paired else one
            after.append(0.0 if drifted and chance.random() < fall / 0.85 else again)
        differences = [new - old for old, new in zip(before, after, strict=True)]

        def unpaired(draws: Draws) -> Effect:
            sides = [share_interval(sum(one), rows, RULES.confidence) for one in (before, after)]
            moved = apart(*(widened(one, RULES.confidence, draws.confidence) for one in sides))
            return Effect(-moved.value, -moved.high, -moved.low)

        effect = (lambda draws: paired_fall(differences, draws)) if paired else unpaired
        return [Found("scores", rows, rows, effect, paired=paired, fewest=6)]

    return compare


CASES = [
    Case("lengths, 40 % longer (KS 0.22)", 200, lengths(0.4)),
    Case("lengths, 40 % longer (KS 0.22)", 1_000, lengths(0.4)),
    Case("lengths, 20 % longer (KS 0.12)", 1_000, lengths(0.2)),
    Case("lengths, 20 % longer (KS 0.12)", 5_000, lengths(0.2)),
    Case("scores fall by 10 points, paired", 200, scores(0.1, paired=True)),
    Case("scores fall by 10 points, two samples", 200, scores(0.1, paired=False)),
    Case("scores fall by 5 points, paired", 500, scores(0.05, paired=True)),
    Case("scores fall by 5 points, two samples", 500, scores(0.05, paired=False)),
]


def first_alarm(case: Case, seed: int, *, onset: int) -> int | None:
    """The sample that is the first to be called drifted; 1 is the first of the series."""
    for sample in range(1, SAMPLES + 1):
        chance = random.Random(seed * 1_000 + sample)
        found = case.compare(chance, case.rows, int(sample >= onset))
        said: DriftVerdict = verdict(judged(found, RULES, seed))
        if said == "drifted":
            return sample
    return None


def main() -> None:
    """Print the conditions and a line for each case."""
    series = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print(f"{platform.platform()}, Python {platform.python_version()}, scipy {scipy_version}, {os.cpu_count()} cores;")
    print(f"{series} series of {SAMPLES} samples, onset at {ONSET}, stated level {1 - RULES.confidence:.2f} a report")
    print(f"{'change':40} {'rows':>6} {'alarms of reports without':>26} {'seen':>6} {'delay, median':>14} {'p90':>5}")
    for case in CASES:
        reports = alarms = 0
        for seed in range(series):
            first = first_alarm(case, seed, onset=SAMPLES + 1)
            alarms += first is not None
            reports += first or SAMPLES
        delays = sorted(
            first - ONSET + 1
            for seed in range(series, 2 * series)
            if (first := first_alarm(case, seed, onset=ONSET)) is not None and first >= ONSET
        )
        ninth = delays[max(0, round(0.9 * len(delays)) - 1)] if delays else 0
        middle = f"{median(delays):g}" if delays else "-"
        print(
            f"{case.name:40} {case.rows:6,} {f'{alarms} of {reports:,} ({alarms / reports:.4f})':>26} "
            f"{len(delays) / series:6.0%} {middle:>14} {ninth:5}",
            flush=True,
        )


if __name__ == "__main__":
    main()
