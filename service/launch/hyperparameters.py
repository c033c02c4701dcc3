"""Resolves hyper-parameters: defaults, the base learning rate of (technique, model size), and the product."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError
from service.launch.request import HyperparameterRequest
from trainers.contract import Adapter, Hyperparameters

T = TypeVar("T")

DEFAULT_BATCH_SIZE = 8
DEFAULT_EPOCHS = 3
DEFAULT_SEED = 42


class BaseRate(msgspec.Struct, frozen=True):
    """A learning rate for models up to `max_params` parameters, with its source."""

    technique: str
    max_params: int
    rate: float
    source: str


class _File(msgspec.Struct, frozen=True):
    base_rate: list[BaseRate]


def base_rate(rules: RuleFiles, *, technique: str, params: int | None) -> BaseRate:
    """The row of the smallest size class that holds the model; unknown sizes take the largest class."""
    rows = [
        row
        for row in msgspec.toml.decode(rules.read("hyperparameters.toml"), type=_File).base_rate
        if row.technique == technique
    ]
    if not rows:
        raise TuneGateError(
            "invalid_rules",
            f"hyperparameters.toml: no base_rate for technique {technique!r}.",
            remedy="Add a [[base_rate]] row, or give learning_rate.",
        )
    rows.sort(key=lambda row: row.max_params)
    return next((row for row in rows if params is not None and params <= row.max_params), rows[-1])


def resolve(wanted: HyperparameterRequest, *, rules: RuleFiles, technique: str, params: int | None) -> Hyperparameters:
    """Every value the trainer will use, so that the plan says them all."""
    batch_size = _or(wanted.batch_size, wanted.micro_batch or DEFAULT_BATCH_SIZE)
    multiplier = _or(wanted.learning_rate_multiplier, 1.0)
    if wanted.learning_rate is None:
        base = base_rate(rules, technique=technique, params=params).rate
        rate = base * multiplier
    else:
        base = rate = wanted.learning_rate
    defaults = Hyperparameters(base_learning_rate=base, learning_rate=rate)
    return Hyperparameters(
        batch_size=batch_size,
        micro_batch=_or(wanted.micro_batch, largest_divisor(batch_size, DEFAULT_BATCH_SIZE)),
        learning_rate_multiplier=multiplier,
        base_learning_rate=base,
        learning_rate=rate,
        n_epochs=_or(wanted.n_epochs, DEFAULT_EPOCHS),
        seed=_or(wanted.seed, DEFAULT_SEED),
        warmup_ratio=_or(wanted.warmup_ratio, defaults.warmup_ratio),
        weight_decay=_or(wanted.weight_decay, defaults.weight_decay),
        max_grad_norm=_or(wanted.max_grad_norm, defaults.max_grad_norm),
        max_tokens=wanted.max_tokens,
        adapter=None if technique == "full" else (wanted.adapter or Adapter()),
        overlong=_or(wanted.overlong, defaults.overlong),
        packing=_or(wanted.packing, defaults.packing),
    )


def largest_divisor(number: int, limit: int) -> int:
    """The largest divisor of `number` that is not above `limit`."""
    return next(size for size in range(min(number, limit), 0, -1) if number % size == 0)


def _or(value: T | None, default: T) -> T:
    return default if value is None else value
