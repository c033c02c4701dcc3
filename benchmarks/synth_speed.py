"""Whether what synthetic rows are held against grows with the data alone: CPU of the search for copied runs of words,
and for near copies among sources and rows, at two sizes of which one is eight times the other; ratios only.

Run: python benchmarks/synth_speed.py. A ratio of 8 is linear; times mean nothing on a shared machine.
"""

from __future__ import annotations

import platform
import random
import time
from collections.abc import Callable
from functools import partial
from itertools import accumulate

from service.synth.likeness import Likeness
from service.synth.overlap import Runs

SMALL, TIMES, REPEATS = 500, 8, 3
WORDS_A_TEXT = 120


def texts(count: int, seed: int) -> list[str]:
    """Texts of words that are drawn as rarely as words of a language are, one of ten nearly as one before it."""
    chance = random.Random(seed)
    vocabulary = [f"word{n}" for n in range(30_000)]
    weights = list(accumulate(1 / (n + 10) for n in range(len(vocabulary))))
    made: list[str] = []
    for n in range(count):
        words = chance.choices(vocabulary, cum_weights=weights, k=WORDS_A_TEXT)
        if n % 10 == 9:
            words = made[chance.randrange(len(made))].split()
            words[chance.randrange(WORDS_A_TEXT)] = "changed"
        made.append(" ".join(words))
    return made


def least(work: Callable[[], object]) -> float:
    """CPU seconds, the least of some runs."""
    found = []
    for _ in range(REPEATS):
        begun = time.process_time()
        work()
        found.append(time.process_time() - begun)
    return min(found)


def runs(sources: list[str], rows: list[str]) -> None:
    index = Runs(sources)
    for row in rows:
        index.copied(row)


def near(sources: list[str], rows: list[str]) -> int:
    index = Likeness(0.85)
    for text in sources:
        index.add(text)
    for row in rows:
        if not index.like(row):
            index.add(row)
    return index.compared


def main() -> None:
    sizes = (SMALL, SMALL * TIMES)
    print(f"Python {platform.python_version()}, {platform.machine()}; {sizes[0]:,} and {sizes[1]:,} texts on each side")
    data = {count: (texts(count, 1), texts(count, 2)) for count in sizes}
    for name, work in (("copied runs of words", runs), ("near copies", near)):
        small, large = (least(partial(work, *data[count])) for count in sizes)
        print(
            f"{name:<22} {small:7.2f} s {large:7.2f} s  {large / small:5.2f} times as much for {TIMES} times the data"
        )
    for count in sizes:
        print(f"sketches compared per text at {count:,}: {near(*data[count]) / (2 * count):.2f}")


if __name__ == "__main__":
    main()
