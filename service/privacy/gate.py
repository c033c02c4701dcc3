"""Says, in microseconds, which recognizers can possibly fire in a text: a superset of those that would.

Whenever it cannot say, the answer is "all of them". The texts that it is asked about are searched with Vectorscan:
ASCII in databases where word boundaries are exact, everything else in others that follow Unicode. Each is loaded, or
made, when a text first needs it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import cached_property

from service.privacy.kept import Kept
from service.privacy.plan import Candidates, Expression, Part, Plan
from service.privacy.unicode_classes import any_of, translation
from service.privacy.vectorscan import Database

# `regex` folds these two with i and I when case is ignored, Vectorscan folds neither
_DOTLESS, _DOTTED = "\u0131", "\u0130"
# lower-casing a word alone and within a text gives the same letters but for the Greek sigma
_SIGMAS = "\u03c3\u03c2"
_REMEMBERED = 4096
_DIGIT = r"\d"
# of those that need a digit: made in a third of the time that one database of all takes, and most texts have none
_TOGETHER = 20
# another process that makes a database needs some seconds
_LOOK_AGAIN_SECONDS = 1.0


class _Shelf:
    """A database that threads share: loaded or made once, while others that need it wait."""

    def __init__(self, kept: Kept, name: str, make: Callable[[], Database], making: Callable[[], None]) -> None:
        self._kept = kept
        self._name = name
        self._make = make
        self._making = making
        self._lock = threading.Lock()
        self._database: Database | None = None
        self._next_look = 0.0

    def database(self) -> Database | None:
        """None while another process makes it."""
        return self._database or self._had()

    def _had(self) -> Database | None:
        with self._lock:
            if self._database is None and time.monotonic() >= self._next_look:
                self._database = self._kept.database(self._name, self._made)
                self._next_look = time.monotonic() + _LOOK_AGAIN_SECONDS
            return self._database

    def _made(self) -> Database:
        self._making()
        return self._make()


class _Split:
    """All expressions in two databases: most texts have no digit, and most expressions, and the slow ones, need one.

    The first database also says whether there is a digit and (`apart`) a character that the engines class differently.
    """

    def __init__(self, plan: Plan, kept: Kept, making: Callable[[], None], *, unicode_classes: bool) -> None:
        self._kept = kept
        self._unicode = unicode_classes
        self._free = tuple(number for number, needs in enumerate(plan.digits) if not needs)
        self._digits = tuple(number for number, needs in enumerate(plan.digits) if needs)
        self._digit, self._apart = len(self._free), len(self._free) + 1
        free, digits = ([plan.expressions[number] for number in part] for part in (self._free, self._digits))
        name = "unicode" if unicode_classes else "ascii"
        self._first = _Shelf(kept, name, lambda: self._made(free, None), making)
        self._second = _Shelf(kept, f"{name}-digits", lambda: self._made(digits, _TOGETHER), making)

    def preparations(self) -> list[Callable[[], object]]:
        """Steps that load or make what is not there."""
        return [self._first.database, self._second.database] if self._digits else [self._first.database]

    def matching(self, text: str) -> list[int] | None:
        """The numbers of the plan's expressions that match; None where nobody can say.

        Raises:
            UnicodeEncodeError: a lone surrogate.
        """
        first = self._first.database()
        if first is None:
            return None
        content = text.encode()
        found = first.matching(content)
        if not found:
            return found
        if self._unicode and self._apart in found:
            content = text.translate(self._table).encode()
            found = first.matching(content)
        matched = [self._free[number] for number in found if number < self._digit]
        if self._digits and self._digit in found:
            second = self._second.database()
            if second is None:
                return None
            matched += [self._digits[number] for number in second.matching(content)]
        return matched

    @cached_property
    def _table(self) -> dict[int, int]:
        return translation(self._kept.disagreements())

    def _made(self, expressions: Sequence[Expression], together: int | None) -> Database:
        exact = []
        if together is None:
            exact = [_DIGIT, any_of(self._kept.disagreements())] if self._unicode else [_DIGIT]
        return Database.of(expressions, unicode_classes=self._unicode, exact=exact, together=together)


class Gate:
    """The superset for one language's plan; `making` is called before a database is made that is not kept.

    Its methods raise hyperscan.error for an expression that a database cannot hold.
    """

    def __init__(self, plan: Plan, kept: Kept, making: Callable[[], None]) -> None:
        self.plan = plan
        self._ascii = _Split(plan, kept, making, unicode_classes=False)
        self._unicode = _Split(plan, kept, making, unicode_classes=True)
        self._always = tuple(Candidates(number, None) for number in plan.always)
        self._remembered: dict[tuple[int, ...], tuple[tuple[Candidates, ...], tuple[Part, ...]]] = {}

    def preparations(self) -> list[Callable[[], object]]:
        """Steps that load or make every database."""
        return self._ascii.preparations() + self._unicode.preparations()

    def candidates(self, text: str, context: Sequence[str] = ()) -> tuple[Candidates, ...] | None:
        """What may fire, in the order of the recognizers; None when all of them may."""
        matched = self._ascii.matching(text) if text.isascii() else self._beyond_ascii(text)
        if matched is None:
            return None
        if not matched:
            return self._always
        key = tuple(sorted(matched))
        known = self._remembered.get(key)
        if known is None:
            known = self._recall(key)
        sure, weak = known
        if weak and (lifted := self._lifted(weak, text, context)):
            return self._together([*self._parts(key, weak=False), *lifted])
        return sure

    def _beyond_ascii(self, text: str) -> list[int] | None:
        if _DOTTED in text or _DOTLESS in text:
            return None
        try:
            return self._unicode.matching(text)
        except UnicodeEncodeError:
            return None  # a lone surrogate

    def _recall(self, key: tuple[int, ...]) -> tuple[tuple[Candidates, ...], tuple[Part, ...]]:
        """Few sets of expressions match together again and again."""
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        known = (self._together(self._parts(key, weak=False)), tuple(self._parts(key, weak=True)))
        self._remembered[key] = known
        return known

    def _parts(self, key: tuple[int, ...], *, weak: bool) -> list[Part]:
        return [part for number in key for part in self.plan.parts[number] if part.weak == weak]

    def _together(self, parts: Sequence[Part]) -> tuple[Candidates, ...]:
        chosen: dict[int, set[int] | None] = dict.fromkeys(self.plan.always)
        for part in parts:
            patterns = chosen.setdefault(part.recognizer, set())
            if part.pattern is None:
                chosen[part.recognizer] = None
            elif patterns is not None:
                patterns.add(part.pattern)
        return tuple(
            Candidates(number, None if patterns is None else tuple(sorted(patterns)))
            for number, patterns in sorted(chosen.items())
        )

    def _lifted(self, weak: Sequence[Part], text: str, context: Sequence[str]) -> list[Part]:
        """Those whose context words stand anywhere in the text or beside it; without one they stay unreported."""
        lower = "\n".join((text, *context)).lower()
        lifting: dict[int, bool] = {}
        for part in weak:
            if part.recognizer not in lifting:
                words = self.plan.words.get(part.recognizer)
                lifting[part.recognizer] = words is None or any(word in lower for word in words)
        return [part for part in weak if lifting[part.recognizer]]


def context_words(words: Sequence[str] | None) -> tuple[str, ...] | None:
    """Context words as `Plan.words` holds them; None when a text cannot be asked for them in lower case."""
    lower = tuple(word.lower() for word in words or ())
    return None if any(sigma in word for word in lower for sigma in _SIGMAS) else lower
