"""Check digits of national ids that Presidio does not test, or tests without being careful enough."""

from __future__ import annotations

from collections.abc import Callable

_NRIC = {"S": "JZIHGFEDCBA", "T": "GFEDCBAJZIH", "F": "XWUTRQPNMLK", "G": "RQPNMLKXWUT", "M": "XWUTRQPNJLK"}


def _digits(text: str) -> list[int]:
    return [int(one) for one in text if one.isdecimal()]


def mod11_nhs(text: str) -> bool:
    """Weights 10 to 2, 11 less the remainder by 11; a check digit of 10 is never given."""
    digits = _digits(text)
    check = -sum(weight * digit for weight, digit in zip(range(10, 1, -1), digits, strict=False)) % 11
    return check == digits[9] and len(set(digits)) > 1


def dea(text: str) -> bool:
    """First, third and fifth digit and twice the others: their sum ends in the seventh."""
    digits = _digits(text)[-7:]
    return (sum(digits[0:6:2]) + 2 * sum(digits[1:6:2])) % 10 == digits[6] and len(set(digits)) > 1


def ph_tin(text: str) -> bool:
    """Weights 9 to 2 over eight digits, the remainder by 11 is the ninth."""
    digits = _digits(text)
    return sum(weight * digit for weight, digit in zip(range(9, 1, -1), digits, strict=False)) % 11 == digits[8]


def nric(text: str) -> bool:
    """Weights 2 7 6 5 4 3 2; the remainder by 11, 3 more for M, picks the letter of the series."""
    total = sum(weight * digit for weight, digit in zip((2, 7, 6, 5, 4, 3, 2), _digits(text), strict=True))
    series, letter = text[0].upper(), text[-1].upper()
    return _NRIC[series][(total + (3 if series == "M" else 0)) % 11] == letter


def de_tax_id(text: str) -> bool:
    """ISO 7064 MOD 11,10, and one digit two or three times among the first ten."""
    digits = _digits(text)
    product = 10
    for digit in digits[:10]:
        product = 2 * ((digit + product) % 10 or 10) % 11
    counts = sorted(digits[:10].count(one) for one in set(digits[:10]))
    return (11 - product) % 10 == digits[10] and counts[-1] in {2, 3} and counts[:-1] == [1] * (len(counts) - 1)


ID_CHECKS: dict[str, Callable[[str], bool]] = {
    "de_tax_id": de_tax_id,
    "dea": dea,
    "mod11_nhs": mod11_nhs,
    "nric": nric,
    "ph_tin": ph_tin,
}
