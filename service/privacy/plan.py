"""What the gate must know of one language's recognizers, as data: it is kept on disk, where Presidio is not needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec


class Expression(msgspec.Struct, frozen=True):
    """One expression for Vectorscan; `flags` are those of the `regex` module."""

    text: str
    flags: int


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A pattern of a recognizer, or (pattern None) all of it."""

    recognizer: int
    pattern: int | None = None
    weak: bool = False  # below its threshold unless a context word lifts it


class Candidates(NamedTuple):
    """What may fire: a recognizer by number, and its patterns by number (None = all of it)."""

    recognizer: int
    patterns: tuple[int, ...] | None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Which recognizers can possibly fire once certain expressions matched.

    A recognizer is a number: its place in the list that the settings always give for the language.
    """

    fingerprint: str  # of the recognizers that it was read from
    names: tuple[str, ...]
    entities: tuple[str, ...]
    expressions: tuple[Expression, ...]
    digits: tuple[bool, ...]  # by expression: whether it matches no text without a digit
    parts: tuple[tuple[Part, ...], ...]  # by expression: what may fire when it matched
    always: tuple[int, ...]  # what no expression can stand for
    words: Mapping[int, tuple[str, ...] | None]  # lower-cased context words of recognizers with weak patterns


ENCODER = msgspec.json.Encoder()
DECODER = msgspec.json.Decoder(Plan)
