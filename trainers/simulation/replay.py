"""Plays the events of a run again: the peak of its last step, what was alive then, and what an allocator reserved."""

from __future__ import annotations

from collections import Counter, defaultdict

from trainers.simulated import LiveGroup
from trainers.simulation.allocator import Allocator
from trainers.simulation.storage import Storage, StorageLog

_POINTS = 200
_GROUPS = 20
# phases of the measured step, as step.py names them
MEASURED = ("fwd", "bwd", "opt")


class Replay:
    """The measured phases are those of the last step; earlier events only set the stage."""

    def __init__(self, log: StorageLog) -> None:
        self._log = log
        self.phases: dict[str, int] = dict.fromkeys(MEASURED, 0)
        self.reserved = 0
        self._curve: list[int] = []
        self._at_peak = self._play()

    @property
    def allocated(self) -> int:
        """Bytes at the peak of the measured step."""
        return max(self.phases.values())

    @property
    def phase(self) -> str:
        """Where the peak lies, the first of equals."""
        return max(self.phases, key=lambda name: self.phases[name])

    def categories(self, name_of: dict[str, str]) -> dict[str, int]:
        """The peak shared out; storages that nobody marked are named after the phase that made them."""
        found: defaultdict[str, int] = defaultdict(int)
        for storage in self._live():
            found[storage.category or name_of.get(storage.phase, "temporaries")] += storage.size
        return dict(found)

    def largest(self) -> list[LiveGroup]:
        """Groups of equal tensors at the peak, the largest first."""
        counts: Counter[tuple[str, tuple[int, ...], str]] = Counter()
        sizes: Counter[tuple[str, tuple[int, ...], str]] = Counter()
        for storage in self._live():
            key = (storage.op, storage.shape, storage.dtype)
            counts[key] += 1
            sizes[key] += storage.size
        return [LiveGroup(op, list(shape), kind, counts[op, shape, kind], size)
                for (op, shape, kind), size in sizes.most_common(_GROUPS)]  # fmt: skip

    def timeline(self) -> list[tuple[float, int]]:
        """(share of the step's events, bytes): the highest value of each of at most 200 stretches."""
        count = len(self._curve)
        step = max(1, -(-count // _POINTS))
        return [(round(at / count, 4), max(self._curve[at : at + step])) for at in range(0, count, step)]

    def _play(self) -> int:
        """Number of events before the peak's own."""
        storages, allocator = self._log.storages, Allocator()
        live = top = at = 0
        phase = "load"
        for position, event in enumerate(self._log.events):
            if event >= 0:
                storage = storages[event]
                live, phase = live + storage.size, storage.phase
                allocator.take(event, storage.size)
            else:
                live -= storages[~event].size
                allocator.give_back(~event)
            if phase in self.phases:
                self._curve.append(live)
                self.phases[phase] = max(self.phases[phase], live)
                if live > top:
                    top, at = live, position
        self.reserved = allocator.reserved
        return at

    def _live(self) -> list[Storage]:
        """Every storage that was alive at the peak."""
        alive: set[int] = set()
        for event in self._log.events[: self._at_peak + 1]:
            alive.symmetric_difference_update((event if event >= 0 else ~event,))
        return [self._log.storages[number] for number in sorted(alive)]
