"""What a caller may say about the run's size and about the requests of a month; nothing here is guessed."""

from __future__ import annotations

from typing import Any

import msgspec

from service.errors import ErrorItem

# our trainer's own default; a test holds it against the plan's
DEFAULT_EPOCHS = 3
DEFAULT_MONTHS = 12


class TrainingInputs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`tokens` of one epoch, before padding."""

    rows: int | None = None
    tokens: int | None = None
    epochs: int | None = None


class UsageInputs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tokens per request today and after tuning, and what they cost; prices in USD per million tokens.

    `replaces` names a service of rules/service-prices.toml whose prices are today's; explicit prices win over it.
    `hosting_usd_per_hour` is what the tuned model costs to keep, around the clock, wherever it runs.
    """

    requests_per_month: int | None = None
    prompt_tokens: int | None = None
    tuned_prompt_tokens: int | None = None
    answer_tokens: int | None = None
    replaces: str | None = None
    prompt_usd_per_million: float | None = None
    answer_usd_per_million: float | None = None
    tuned_prompt_usd_per_million: float | None = None
    tuned_answer_usd_per_million: float | None = None
    hosting_usd_per_hour: float | None = None
    months: int | None = None


# (lowest, highest) inclusive
_RANGES: dict[str, tuple[int, int]] = {
    "training.rows": (1, 10**12),
    "training.tokens": (1, 10**15),
    "training.epochs": (1, 1000),
    "usage.requests_per_month": (0, 10**12),
    "usage.prompt_tokens": (0, 10**8),
    "usage.tuned_prompt_tokens": (0, 10**8),
    "usage.answer_tokens": (0, 10**8),
    "usage.prompt_usd_per_million": (0, 10**6),
    "usage.answer_usd_per_million": (0, 10**6),
    "usage.tuned_prompt_usd_per_million": (0, 10**6),
    "usage.tuned_answer_usd_per_million": (0, 10**6),
    "usage.hosting_usd_per_hour": (0, 10**6),
    "usage.months": (1, 120),
}


def check_cost_inputs(training: TrainingInputs, usage: UsageInputs) -> list[ErrorItem]:
    """Everything out of range, and fewer tokens than rows."""
    groups: dict[str, Any] = {"training": training, "usage": usage}
    errors = []
    for path, (low, high) in _RANGES.items():
        group, _, name = path.partition(".")
        value = getattr(groups[group], name)
        # a number that is none (NaN) is in no range
        if value is not None and not low <= value <= high:
            errors.append(ErrorItem(path, str(value), f"{low} to {high}"))
    if training.rows is not None and training.tokens is not None and training.tokens < training.rows:
        seen = f"{training.tokens} tokens in {training.rows} rows"
        errors.append(ErrorItem("training.tokens", seen, "at least one token per row", "Tokens of all rows together."))
    return errors
