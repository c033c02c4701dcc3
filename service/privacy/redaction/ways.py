"""What stands in the place of a value: a tag with a number, a tag, asterisks, or a tag with a keyed hash."""

from __future__ import annotations

import hmac
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from itertools import count
from typing import NamedTuple, Protocol

from service.privacy.redaction.values import alike

_TAG = re.compile(r"<[A-Z][A-Z0-9_]*_[0-9]+>")
# all but separators that stand alone: "::" would still be an address
_MASKED = re.compile(r"[^ \t\n\-./:@,()+_]|[ \t\n\-./:@,()+_]{2,}")
_HASH_BYTES = 8
_LETTERS = bytes.maketrans(b"0123456789abcdef", b"abcdefghijklmnop")


class Namer(Protocol):
    """Names the values of one conversation, in the order in which they first appear."""

    def text(self, entity: str, value: str) -> str:
        """What stands in a text."""

    def number(self, entity: str, value: str) -> str:
        """What stands where JSON has a number: digits."""


class Way(NamedTuple):
    """`namer` makes a namer for a conversation with these texts."""

    id: str
    title: str
    namer: Callable[[Iterable[str]], Namer]


class _Pseudonyms:
    """<EMAIL_ADDRESS_1>: equal values have equal tags, and a tag that the data holds already is never given."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._taken = {tag for text in texts if "<" in text for tag in _TAG.findall(text)}
        self._numbers: dict[str, Iterator[int]] = defaultdict(lambda: count(1))
        self._tags: dict[str, str] = {}
        self._order: dict[str, int] = {}

    def text(self, entity: str, value: str) -> str:
        key = alike(value)
        if key not in self._tags:
            tags = (f"<{entity}_{number}>" for number in self._numbers[entity])
            self._tags[key] = next(tag for tag in tags if tag not in self._taken)
            self._order[key] = len(self._order) + 1
        return self._tags[key]

    def number(self, entity: str, value: str) -> str:
        # no number of a value's length is certain not to be another account's, or to be found again
        self.text(entity, value)
        return _as(value, self._order[alike(value)])


class _Tags:
    """<EMAIL_ADDRESS>."""

    def text(self, entity: str, value: str) -> str:
        del value
        return f"<{entity}>"

    def number(self, entity: str, value: str) -> str:
        del entity
        return _as(value, 0)


class _Masks(_Tags):
    """***@***.***: as long as the value, which is all that is left of a secret; other values keep their separators."""

    def text(self, entity: str, value: str) -> str:
        masked = "" if entity.startswith("SECRET_") else _MASKED.sub(lambda found: "*" * len(found.group()), value)
        return "*" * len(value) if masked in ("", value) else masked


class _Hashes(_Tags):
    """<EMAIL_ADDRESS_kfbn...>: equal values have equal tags in every row of a run; the key of the run is kept nowhere.

    Letters only, as digits could be taken for an account's.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def text(self, entity: str, value: str) -> str:
        digest = hmac.digest(self._key, alike(value).encode("utf-8", "surrogatepass"), sha256)
        return f"<{entity}_{digest[:_HASH_BYTES].hex().encode().translate(_LETTERS).decode()}>"


def _as(value: str, number: int) -> str:
    """A number of the same kind: 1 for 4155550132, 1.0 for 4155550132.0."""
    return f"{number}.0" if {".", "e", "E"} & set(value) else str(number)


def _hash() -> Way:
    key = os.urandom(32)
    return Way("hash", "a tag with a keyed hash, the same for the same value in all rows", lambda _: _Hashes(key))


_WAYS: dict[str, Callable[[], Way]] = {
    "pseudonyms": lambda: Way("pseudonyms", "numbered tags, the same for the same value in a row", _Pseudonyms),
    "replace": lambda: Way("replace", "a tag that says what it was", lambda _: _Tags()),
    "mask": lambda: Way("mask", "asterisks", lambda _: _Masks()),
    "hash": _hash,
}
WAYS = tuple(_WAYS)


def way(name: str) -> Way:
    """One of WAYS, for one run."""
    return _WAYS[name]()
