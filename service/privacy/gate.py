"""Says, in microseconds, which recognizers can possibly fire in a text: a superset of those that would.

Whenever it cannot say, the answer is "all of them". The texts that it is asked about are searched with Vectorscan:
ASCII in one database, everything else in a second one that follows Unicode, takes longer to make and may come later.
"""

from __future__ import annotations

from collections.abc import Sequence

from service.privacy.digits import needs_digit
from service.privacy.kept import Kept
from service.privacy.plan import Candidates, Part, Plan
from service.privacy.unicode_classes import any_of, translation
from service.privacy.vectorscan import Database

# `regex` folds these two with i and I when case is ignored, Vectorscan folds neither
_DOTLESS, _DOTTED = "\u0131", "\u0130"
# lower-casing a word alone and within a text gives the same letters but for the Greek sigma
_SIGMAS = "\u03c3\u03c2"
_REMEMBERED = 4096


class _Split:
    """All expressions over ASCII text in two databases: most texts have no digit, and half of the expressions need one.

    The first database also says whether there is a digit.
    """

    def __init__(self, plan: Plan, kept: Kept) -> None:
        needing = [needs_digit(one) for one in plan.expressions]
        self._free = tuple(number for number, needs in enumerate(needing) if not needs)
        self._digits = tuple(number for number, needs in enumerate(needing) if needs)
        free, digits = ([plan.expressions[number] for number in part] for part in (self._free, self._digits))
        self._first = kept.database("ascii", lambda: Database.of(free, unicode_classes=False, exact=["[0-9]"]))
        self._second: Database | None = None
        if digits:
            self._second = kept.database("ascii-digits", lambda: Database.of(digits, unicode_classes=False))

    def matching(self, content: bytes) -> list[int]:
        """The numbers of the plan's expressions that match."""
        found = self._first.matching(content)
        if not found:
            return found
        matched = [self._free[number] for number in found if number < len(self._free)]
        if len(matched) < len(found) and self._second is not None:
            matched += [self._digits[number] for number in self._second.matching(content)]
        return matched


class Gate:
    """The superset for one language's plan."""

    def __init__(self, plan: Plan, kept: Kept) -> None:
        self.plan = plan
        self._kept = kept
        self._ascii = _Split(plan, kept)
        self._unicode: Database | None = None
        self.lacks_unicode = False  # a text asked for it and it is not kept
        self._table: dict[int, int] = {}
        self._always = tuple(Candidates(number, None) for number in plan.always)
        self._remembered: dict[tuple[int, ...], tuple[tuple[Candidates, ...], tuple[Part, ...]]] = {}

    def candidates(self, text: str, context: Sequence[str] = ()) -> tuple[Candidates, ...] | None:
        """What may fire, in the order of the recognizers; None when all of them may."""
        if text.isascii():
            matched = self._ascii.matching(text.encode())
        else:
            found = self._beyond_ascii(text)
            if found is None:
                return None
            matched = found
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
            coded = text.encode()
        except UnicodeEncodeError:
            return None  # a lone surrogate
        if self._unicode is None:
            self.lacks_unicode = not self._load_unicode()
            if self._unicode is None:
                return None
        database = self._unicode
        matched = database.matching(coded)
        if self.plan.size in matched:
            matched = database.matching(text.translate(self._table).encode())
        return [number for number in matched if number < self.plan.size]

    def make_unicode(self) -> None:
        """Make the second database now, unless it is there."""
        if self._unicode is None and not self._load_unicode():
            apart = self._kept.disagreements()
            self._table = translation(apart)
            made = Database.of(self.plan.expressions, unicode_classes=True, exact=[any_of(apart)])
            self._kept.keep("unicode", made.to_bytes())
            self._unicode = made
        self.lacks_unicode = False

    def _load_unicode(self) -> bool:
        """Take the second database from an earlier run."""
        if self.lacks_unicode:
            return False
        kept = self._kept.kept_database("unicode")
        if kept is not None:
            self._table = translation(self._kept.disagreements())
            self._unicode = kept
        return kept is not None

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
