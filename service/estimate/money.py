"""Money in whole cents, always as a band."""

from __future__ import annotations

from service.records.cost import Range


def dollars(amount: Range, price: float) -> Range:
    """Amount x price at both ends and between."""
    return cents(amount.low * price, amount.mid * price, amount.high * price)


def cents(low: float, mid: float, high: float) -> Range:
    """Rounded to cents."""
    return Range(round(low, 2), round(mid, 2), round(high, 2))


def span(low: float, high: float) -> Range:
    """A band with its middle."""
    return Range(float(low), (low + high) / 2, float(high))
