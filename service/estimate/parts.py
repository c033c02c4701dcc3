"""A phase of a training step as a list of named shares."""

from __future__ import annotations

import msgspec


class Part(msgspec.Struct, frozen=True):
    """One named share of a phase."""

    term: str
    bytes: int
    source: str


class Phase(msgspec.Struct, frozen=True):
    """A moment of the step; its parts sum to what is allocated then, without the constant."""

    name: str
    parts: tuple[Part, ...]

    @property
    def bytes(self) -> int:
        return sum([part.bytes for part in self.parts])


def phase_of(name: str, *parts: Part, fixed: tuple[Part, ...] = ()) -> Phase:
    """The phase without its empty shares; `fixed` come first, and none of them is empty."""
    return Phase(name, fixed + tuple([part for part in parts if part.bytes]))


def filled(*parts: Part) -> tuple[Part, ...]:
    """Those that are not empty."""
    return tuple([part for part in parts if part.bytes])
