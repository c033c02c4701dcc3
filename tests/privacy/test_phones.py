"""The faster phone recognizer finds what Presidio's own finds, and parses few of the numbers that are none."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import phonenumbers
import pytest
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from service.privacy.phones import fast_phones, matcher, may_be_valid

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
SIGNS = ("", "", "", " ", " ", "-", ".", "/", " (", ") ", "  ", "+", ", ")
SHAPES = ("{}", "order {} of flour", "x{}", "({})", "{} 2019-2023", "no. {}, {}", "+{}", "00{}", "011 {}", "0{}")


def numbers(chance: random.Random, region: str) -> list[str]:
    """Valid numbers of a region, as they are written and with a digit changed, and digits of any kind."""
    kinds = [phonenumbers.example_number_for_type(region, kind) for kind in (0, 1, 3)]
    shapes = (phonenumbers.PhoneNumberFormat.NATIONAL, phonenumbers.PhoneNumberFormat.E164)
    written = [phonenumbers.format_number(one, shape) for one in kinds if one for shape in shapes]
    changed = [re.sub(r"\d", lambda _: str(chance.randrange(10)), one, count=chance.randint(1, 2)) for one in written]
    signs = [[str(chance.randrange(10)) + chance.choice(SIGNS) for _ in range(chance.randint(4, 14))] for _ in range(6)]
    return [*written, *changed, *("".join(one) for one in signs), str(chance.randint(10_000, 99_999_999))]


def found(recognizer: Any, text: str) -> list[tuple[int, int, float]]:
    results = recognizer.analyze(text, ["PHONE_NUMBER"])
    return sorted((one.start, one.end, one.score) for one in results)


@pytest.mark.parametrize("leniency", [0, 1, 2])
def test_every_region_has_the_same_findings(leniency: int) -> None:
    chance, times = random.Random(leniency), 0
    for region in REGIONS:
        stock = PhoneRecognizer(supported_regions=(region,), leniency=leniency)
        fast = fast_phones(stock)
        assert fast is not stock
        for number in numbers(chance, region):
            shape = chance.choice(SHAPES)
            text = shape.format(*[number] * shape.count("{}"))
            expected = found(stock, text)
            assert found(fast, text) == expected, (region, text)
            times += bool(expected)
    assert times > len(REGIONS) * 3


@pytest.mark.parametrize("shape", ["Weighs {a}.{b} kg.", "From 2019-2023, {a} loaves.", "Order {b} of flour."])
def test_few_numbers_of_everyday_are_parsed(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = fast_phones(PhoneRecognizer(supported_regions=("US", "GB", "CA", "IE", "SG")))
    parsed = 0

    def counted(parse: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*given: Any, **more: Any) -> Any:
            nonlocal parsed
            parsed += 1
            return parse(*given, **more)

        return counting

    monkeypatch.setattr(matcher, "parse", counted(matcher.parse))
    chance = random.Random(5)
    for _ in range(200):
        fast.analyze(shape.format(a=chance.randint(10, 99), b=chance.randint(10_000, 99_999)), ["PHONE_NUMBER"])
    assert parsed < 800  # of 6,000 for all regions and all parts of a number


def test_what_a_valid_number_needs_is_never_missed_and_mostly_not_there() -> None:
    examples = {region: phonenumbers.example_number(region) for region in REGIONS}
    written = {region: phonenumbers.national_significant_number(one) for region, one in examples.items() if one}
    assert [region for region, digits in written.items() if not may_be_valid(digits, region, 1)] == []
    assert not may_be_valid("12345", "US", 1)
    assert may_be_valid("12345", "US", phonenumbers.Leniency.POSSIBLE)
    assert may_be_valid("01112345", "US", 1)


def test_more_candidates_than_phonenumbers_looks_at_have_the_same_findings() -> None:
    """It gives up after so many failures in a text, which those that nobody tries count towards."""
    stock = PhoneRecognizer(supported_regions=("US",))
    text = "1.23456 kg, " * 6000 + "call (212) 555-0123"
    assert found(fast_phones(stock), text) == found(stock, text)
