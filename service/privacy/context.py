"""Presidio's context enhancer with the same scores, in time that grows with the text and not with its square."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, Self

from presidio_analyzer import EntityRecognizer, PatternRecognizer, RecognizerResult
from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer
from presidio_analyzer.predefined_recognizers import IbanRecognizer, PhoneRecognizer

from service.privacy.phones import FastPhoneRecognizer

# what these return was made for the call, so that nobody else holds it
_MAKE_NEW_RESULTS = (
    PatternRecognizer.analyze, IbanRecognizer.analyze, PhoneRecognizer.analyze, FastPhoneRecognizer.analyze,
)  # fmt: skip


class _Own(list[RecognizerResult]):
    """Results that belong to this call: a copy of them would only be a copy."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        del memo
        return self


class FastContextEnhancer(LemmaContextAwareEnhancer):  # type: ignore[misc]
    """LemmaContextAwareEnhancer that does not copy what nobody else holds, and finds a token by bisection."""

    def enhance_using_context(
        self,
        text: str,
        raw_results: list[RecognizerResult],
        nlp_artifacts: Any,
        recognizers: list[EntityRecognizer],
        context: list[str] | None = None,
    ) -> list[RecognizerResult]:
        """As LemmaContextAwareEnhancer.enhance_using_context."""
        if not raw_results:
            return []
        if all(makes_new_results(one) for one in recognizers):
            raw_results = _Own(raw_results)
        enhanced: list[RecognizerResult] = super().enhance_using_context(
            text, raw_results, nlp_artifacts, recognizers, context
        )
        return enhanced

    @staticmethod
    def _find_index_of_match_token(word: str, start: int, tokens: Sequence[Any], tokens_indices: list[int]) -> int:
        """The first token that ends behind `start`; the last one when only white space follows."""
        del word
        before = bisect_right(tokens_indices, start) - 1
        if before >= 0 and start < tokens_indices[before] + len(tokens[before]):
            return before
        return min(before + 1, len(tokens) - 1)


class Keywords(list[str]):
    """Presidio's list of keywords, in which it looks for one word at a time."""

    def __init__(self, words: Iterable[str]) -> None:
        super().__init__(words)
        self._words = frozenset(self)

    def __contains__(self, word: object) -> bool:
        return word in self._words


def makes_new_results(recognizer: EntityRecognizer) -> bool:
    """Whether a recognizer's results are surely not kept by it between calls."""
    kind = type(recognizer)
    return kind.analyze in _MAKE_NEW_RESULTS and kind.enhance_using_context is EntityRecognizer.enhance_using_context
