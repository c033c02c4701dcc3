"""Reads from the recognizer objects themselves what the gate must know of them, so that an upgrade cannot part them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from presidio_analyzer import EntityRecognizer, PatternRecognizer
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.predefined_recognizers import IbanRecognizer, PhoneRecognizer

from service.privacy.digits import needs_digit
from service.privacy.expressions import DOTALL, IGNORECASE, MULTILINE, gate_expression
from service.privacy.gate import context_words
from service.privacy.phones import FastPhoneRecognizer, necessary_expression
from service.privacy.plan import Expression, Part, Plan
from service.privacy.vectorscan import compiles

_BY_PATTERNS = (PatternRecognizer.analyze, IbanRecognizer.analyze)
_BY_PHONES = (PhoneRecognizer.analyze, FastPhoneRecognizer.analyze)
_OURS = "service.privacy."
_PREDEFINED = "presidio_analyzer.predefined_recognizers."


def plan_of(
    recognizers: Sequence[EntityRecognizer],
    *,
    threshold: float,
    enhancer: LemmaContextAwareEnhancer | None,
    careful: bool = False,
) -> Plan:
    """The plan for one language's recognizers, in their order.

    `threshold` is the engine's default. With an `enhancer` the only scores are those of the patterns, of their
    validation and of context words that stand in the text, so that a pattern below its threshold can be told to need
    such a word; without one (lemmas of a model, recognizers with a context logic of their own) nothing is told.

    Whether Vectorscan reads an expression takes as long to ask as to make a database of it. Those that Presidio and we
    ship are known to be read; `careful`, after a database that could not be made, asks for them too.
    """
    if any(type(one).enhance_using_context is not EntityRecognizer.enhance_using_context for one in recognizers):
        enhancer = None
    return _Planner(recognizers, threshold, enhancer, careful=careful).plan()


class _Planner:
    def __init__(
        self,
        recognizers: Sequence[EntityRecognizer],
        threshold: float,
        enhancer: LemmaContextAwareEnhancer | None,
        *,
        careful: bool,
    ) -> None:
        self._recognizers = recognizers
        self._threshold = threshold
        self._enhancer = enhancer
        self._careful = careful
        self._parts: dict[tuple[str, int], list[Part]] = {}
        self._always: list[int] = []

    def plan(self) -> Plan:
        for number, recognizer in enumerate(self._recognizers):
            wanted = self._wanted(number, recognizer)
            if wanted is None:
                self._always.append(number)
                continue
            for expression, part in wanted:
                self._parts.setdefault((expression.text, expression.flags), []).append(part)
        expressions = tuple(Expression(text, flags) for text, flags in self._parts)
        weak = {part.recognizer for parts in self._parts.values() for part in parts if part.weak}
        return Plan(
            fingerprint=fingerprint_of(self._recognizers),
            names=tuple(one.name for one in self._recognizers),
            entities=tuple(sorted({entity for one in self._recognizers for entity in one.supported_entities})),
            expressions=expressions,
            digits=tuple(map(needs_digit, expressions)),
            parts=tuple(tuple(parts) for parts in self._parts.values()),
            always=tuple(self._always),
            words={number: context_words(self._recognizers[number].context) for number in sorted(weak)},
        )

    def _wanted(self, number: int, recognizer: EntityRecognizer) -> list[tuple[Expression, Part]] | None:
        """What must match before a recognizer can fire; None when nothing can stand for it."""
        kind = type(recognizer)
        if kind.enhance_using_context is not EntityRecognizer.enhance_using_context:
            return None
        if kind.analyze in _BY_PHONES:
            text = necessary_expression(recognizer.supported_regions, recognizer.leniency)
            return [(Expression(text, DOTALL), Part(number))]
        if kind.analyze in _BY_PATTERNS and isinstance(recognizer, PatternRecognizer):
            return self._patterns(number, recognizer)
        if kind.__module__.startswith(_OURS) and hasattr(recognizer, "necessary"):
            # ours with a search of their own say what must match: an expression as PatternRecognizer would read it
            flags = IGNORECASE | MULTILINE | DOTALL
            return [(Expression(text, flags), Part(number)) for text in recognizer.necessary]
        return None

    def _patterns(self, number: int, recognizer: PatternRecognizer) -> list[tuple[Expression, Part]] | None:
        found = []
        for place, pattern in enumerate(recognizer.patterns):
            least = self._threshold_of(recognizer)
            if self._best(recognizer, pattern.score, lifted=True) < least:
                continue
            audited = _is_audited(recognizer, pattern.regex)
            text = gate_expression(pattern.regex, recognizer.global_regex_flags, audited=audited)
            if text is None:
                return None
            expression = Expression(text, recognizer.global_regex_flags & (IGNORECASE | MULTILINE | DOTALL))
            shipped = audited or type(recognizer).__module__.startswith(_OURS)
            if (self._careful or not shipped) and not compiles(expression):
                return None
            weak = self._best(recognizer, pattern.score, lifted=False) < least
            found.append((expression, Part(number, place if narrows(recognizer) else None, weak)))
        return found

    def _threshold_of(self, recognizer: PatternRecognizer) -> float:
        thresholds = recognizer.score_thresholds
        least: float = thresholds.get(
            recognizer.supported_entities[0], thresholds.get("default", self._threshold)
        )  # fmt: skip
        return least

    def _best(self, recognizer: PatternRecognizer, score: float, *, lifted: bool) -> float:
        """The best score that a match can end with."""
        if self._enhancer is None or type(recognizer).validate_result is not PatternRecognizer.validate_result:
            return 1.0
        if not lifted or not recognizer.context:
            return score
        better: float = max(
            score + self._enhancer.context_similarity_factor, self._enhancer.min_score_with_context_similarity
        )
        return min(better, 1.0)


def fingerprint_of(recognizers: Sequence[EntityRecognizer]) -> str:
    """Changes with everything that a plan is read from: a kept plan of other recognizers must not be used."""
    said = [
        (
            f"{type(one).__module__}.{type(one).__qualname__}", one.name, sorted(one.supported_entities), one.context,
            sorted(one.score_thresholds.items()), getattr(one, "global_regex_flags", None),
            getattr(one, "supported_regions", None), getattr(one, "leniency", None), getattr(one, "necessary", None),
            [(pattern.name, pattern.regex, pattern.score) for pattern in getattr(one, "patterns", ())],
        )
        for one in recognizers
    ]  # fmt: skip
    return hashlib.sha256(repr(said).encode()).hexdigest()


def narrows(recognizer: EntityRecognizer) -> bool:
    """Whether a copy with some of the patterns finds what those patterns find: true where we know the whole class."""
    kind = type(recognizer)
    return kind is PatternRecognizer or kind.__module__.startswith((_OURS, _PREDEFINED))


def _is_audited(recognizer: PatternRecognizer, regex: str) -> bool:
    kind = type(recognizer)
    own = getattr(kind, "PATTERNS", ()) if kind.__module__.startswith(_PREDEFINED) else ()
    return any(pattern.regex == regex for pattern in own)
