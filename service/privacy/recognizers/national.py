"""National ids as Presidio recognizers: its own classes made careful, and patterns of the rule file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from presidio_analyzer import Pattern, PatternRecognizer, predefined_recognizers

from service.privacy.recognizers.id_checks import ID_CHECKS
from service.privacy.recognizers.id_rules import IdRule

STOCK: dict[str, Any] = {
    name: one for name, one in vars(predefined_recognizers).items() if isinstance(one, type)
}  # every class by name


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
            context=list(rule.context) or None,
        )

    def validate_result(self, pattern_text: str) -> bool | None:
        """By the rule's check digit, where there is one."""
        return None if not self.rule.check or ID_CHECKS[self.rule.check](pattern_text) else False


def _careful(stock: type[Any]) -> type[Any]:
    """A class of Presidio's whose right check digit is no proof: the pattern's score stays."""

    class Careful(stock):  # type: ignore[misc]
        def validate_result(self, pattern_text: str) -> bool | None:
            return False if super().validate_result(pattern_text) is False else None

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
