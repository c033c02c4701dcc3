"""Managed services: tokens x epochs x price per million tokens, from dated rule rows."""

from __future__ import annotations

import datetime as dt
import tomllib
from typing import Literal

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError
from service.estimate.amounts import Data
from service.estimate.money import cents
from service.records.cost import ServicePrice

FILE = "service-prices.toml"


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row; USD per million tokens, hosting per hour; null where no source says it."""

    id: str
    model: str
    service: str
    confidence: Literal["example", "copy", "derived", "none"]
    source: str
    as_of: dt.date
    tier: str | None = None
    training_low: float | None = None
    training_high: float | None = None
    today_prompt: float | None = None
    today_answer: float | None = None
    tuned_prompt: float | None = None
    tuned_answer: float | None = None
    hosting: float | None = None
    note: str | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    price: list[Price]


def service_prices(rules: RuleFiles) -> list[Price]:
    """Every row.

    Raises:
        TuneGateError: `invalid_rules`.

    """
    try:
        return msgspec.convert(tomllib.loads(rules.read(FILE).decode()), _File).price
    except (ValueError, msgspec.ValidationError) as error:
        raise TuneGateError("invalid_rules", f"{FILE}: {error}.") from error


def priced(row: Price, data: Data | None) -> ServicePrice:
    """What tuning with this service costs for the data; services bill tokens without padding."""
    usd, reason = None, None
    if row.training_low is None or row.training_high is None:
        reason = "no_price: no published training price was found"
    elif data is None:
        reason = "the training tokens are not known"
    else:
        low = data.tokens_low * data.epochs * row.training_low / 1e6
        high = data.tokens_high * data.epochs * row.training_high / 1e6
        usd = cents(low, (low + high) / 2, high)
    return ServicePrice(
        id=row.id,
        model=row.model,
        service=row.service,
        tier=row.tier,
        usd=usd,
        hosting_usd_per_hour=row.hosting,
        confidence=row.confidence,
        source=row.source,
        as_of=row.as_of.isoformat(),
        reason=reason,
    )
