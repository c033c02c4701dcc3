"""From how many requests a month a tuned model pays against the longer prompt or the bigger model of today."""

from __future__ import annotations

import math

import msgspec

from service.estimate.cost_inputs import DEFAULT_MONTHS, UsageInputs
from service.estimate.money import cents
from service.estimate.services import Price
from service.records.cost import BreakEven, Range, Verdict

# Azure bills 730 hours a month
HOURS_PER_MONTH = 730


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One way to tune and serve: its training price and what the tuned model costs; null = not known."""

    name: str
    training_usd: Range | None
    hosting_usd_per_hour: float | None
    tuned_prompt: float | None
    tuned_answer: float | None


class _Prices(msgspec.Struct, frozen=True):
    prompt: float | None
    answer: float | None


def break_even(option: Option, usage: UsageInputs, replaced: Price | None) -> BreakEven:
    """The band of monthly requests; a null verdict names what is missing."""
    today = _Prices(
        _first(usage.prompt_usd_per_million, replaced.today_prompt if replaced else None),
        _first(usage.answer_usd_per_million, replaced.today_answer if replaced else None),
    )
    missing = _missing(option, usage, today)
    if missing or option.training_usd is None:
        return _unknown(option, "give " + ", ".join(missing) if missing else "the price of the training is not known")
    saved = _request(usage.prompt_tokens, usage.answer_tokens, today) - _request(
        usage.tuned_prompt_tokens, usage.answer_tokens, _Prices(option.tuned_prompt, option.tuned_answer)
    )
    months = usage.months or DEFAULT_MONTHS
    hosting = (option.hosting_usd_per_hour or 0.0) * HOURS_PER_MONTH
    training = option.training_usd
    fixed = cents(*(one / months + hosting for one in (training.low, training.mid, training.high)))
    if saved <= 0:
        why = "a request to the tuned model costs as much as today's, or more"
        return BreakEven(
            option=option.name, verdict="never", requests_per_month=None, fixed_usd_per_month=fixed,
            saved_usd_per_request=round(saved, 8), reason=why,
        )  # fmt: skip
    needed = Range(*(float(math.ceil(one / saved)) for one in (fixed.low, fixed.mid, fixed.high)))
    return BreakEven(
        option=option.name,
        verdict=_verdict(usage.requests_per_month, needed),
        requests_per_month=needed,
        fixed_usd_per_month=fixed,
        saved_usd_per_request=round(saved, 8),
    )


def _verdict(requests: int | None, needed: Range) -> Verdict:
    if requests is None:
        return "from"
    if requests >= needed.high:
        return "pays"
    return "does not pay" if requests < needed.low else "depends"


def _missing(option: Option, usage: UsageInputs, today: _Prices) -> list[str]:
    known = {
        "usage.prompt_tokens": usage.prompt_tokens,
        "usage.tuned_prompt_tokens": usage.tuned_prompt_tokens,
        "usage.answer_tokens": usage.answer_tokens,
        "usage.prompt_usd_per_million (or usage.replaces)": today.prompt,
        "usage.answer_usd_per_million (or usage.replaces)": today.answer,
        "usage.tuned_prompt_usd_per_million": option.tuned_prompt,
        "usage.tuned_answer_usd_per_million": option.tuned_answer,
        "usage.hosting_usd_per_hour": option.hosting_usd_per_hour,
    }
    return [name for name, value in known.items() if value is None]


def _request(prompt: int | None, answer: int | None, prices: _Prices) -> float:
    return ((prompt or 0) * (prices.prompt or 0.0) + (answer or 0) * (prices.answer or 0.0)) / 1e6


def _unknown(option: Option, reason: str) -> BreakEven:
    return BreakEven(
        option=option.name, verdict=None, requests_per_month=None, fixed_usd_per_month=None,
        saved_usd_per_request=None, reason=reason,
    )  # fmt: skip


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
