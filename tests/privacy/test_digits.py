"""Which expressions are only looked for where there is a digit: those that match nothing without one."""

from __future__ import annotations

import random

import pytest
from privacy_texts import member

from service.privacy.analyzer import Analyzer
from service.privacy.digits import needs_digit
from service.privacy.plan import Expression
from service.privacy.settings import PrivacySettings

DOTALL, IGNORECASE = 0x10, 0x2


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        (r"\d", True), ("[0-9]{2}[A-Z]", True), (r"\b(?:a1|b\d)\b", True), ("(?i)x[37]", True), ("(a|b)([0-9]+)", True),
        ("a", False), (r"\d?a", False), ("[0-9]*", False), (r"\w", False), ("[0-9a-f]{32}", False), ("1|a", False),
        ("[^0]", False), (r"\D", False), (r"(?=\d).", False), (r"(?<!1)a", False), ("(|1)", False), (".", False),
        ("(", False),
    ],
)  # fmt: skip
def test_only_what_cannot_match_without_one_needs_a_digit(text: str, needs: bool) -> None:
    assert needs_digit(Expression(text, IGNORECASE | DOTALL)) == needs


def test_every_text_that_a_shipped_expression_matches_has_the_digit_that_it_needs() -> None:
    plan = Analyzer(PrivacySettings()).plan("en")
    needing = [one for one in plan.expressions if needs_digit(one)]
    assert len(plan.expressions) > len(needing) > len(plan.expressions) // 3
    chance = random.Random(4)
    for one in needing:
        for _ in range(50):
            made = member(chance, one.text)
            assert any(character in "0123456789" for character in made), one.text
