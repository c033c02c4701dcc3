"""National ids as Presidio recognizers: its own classes made careful, and patterns of the rule file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from presidio_analyzer import Pattern, PatternRecognizer, predefined_recognizers

from service.privacy.recognizers.id_checks import ID_CHECKS
from service.privacy.recognizers.id_rules import IdRule

# every class of Presidio's by name
STOCK: dict[str, Any] = {name: one for name, one in vars(predefined_recognizers).items() if isinstance(one, type)}


class IdRecognizer(PatternRecognizer):  # type: ignore[misc]
    """Expressions of a rule; a wrong check digit drops the match, a right one leaves the score to the words nearby."""

    def __init__(self, rule: IdRule, language: str) -> None:
        self.rule = rule
        super().__init__(
            supported_entity=rule.id,
            name=f"{rule.id}_RULE",
            supported_language=language,
            patterns=[
                Pattern(f"{rule.id} {number}", regex, score)
                for number, (regex, score) in enumerate(zip(rule.regex, rule.scores, strict=True), 1)
            ],
            context=list(rule.context),
        )

    def invalidate_result(self, pattern_text: str) -> bool:
        """Whether the rule has a check digit and it is wrong."""
        return bool(self.rule.check) and not ID_CHECKS[self.rule.check](pattern_text)


def _careful(stock: type[Any]) -> type[Any]:
    """A class of Presidio's whose right check digit is no proof: the pattern's score stays."""

    class Careful(stock):  # type: ignore[misc]
        # as if there were no proof, so that a gate may know that the score never rises by itself
        validate_result = PatternRecognizer.validate_result

        def invalidate_result(self, pattern_text: str) -> bool:
            return super().validate_result(pattern_text) is False or bool(super().invalidate_result(pattern_text))

    return Careful


def id_recognizers(rules: Iterable[IdRule], language: str, regions: tuple[str, ...]) -> list[PatternRecognizer]:
    """A recognizer for each rule that is on."""
    found: list[PatternRecognizer] = []
    for rule in rules:
        if not rule.applies(language, regions):
            continue
        if not rule.recognizer:
            found.append(IdRecognizer(rule, language))
            continue
        stock = STOCK[rule.recognizer]
        chosen = stock if rule.proof else _careful(stock)
        found.append(chosen(supported_language=language, name=rule.recognizer))
    return found
