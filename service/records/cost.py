"""What a training run takes in time and money, and from how many requests on it pays: bands, dates, reasons."""

from __future__ import annotations

from typing import Literal

import msgspec


class Range(msgspec.Struct, frozen=True):
    """Never one figure: the ends of the band and a point between them."""

    low: float
    mid: float
    high: float


class TrainingWork(msgspec.Struct, frozen=True, kw_only=True):
    """The data and the arithmetic; `tokens` are of one epoch before padding, `processed` of all epochs with padding.

    The ends of `tokens` differ where only quantiles of the rows' lengths are known.
    """

    rows: int | None
    tokens: Range | None
    epochs: int | None
    tokens_from: Literal["given", "report"] | None
    exact_tokens: bool
    processed: Range | None
    petaflop: Range | None
    reason: str | None = None
    # how operations are counted; null where they are not
    source: str | None = None


class MachinePrice(msgspec.Struct, frozen=True, kw_only=True):
    """One machine with enough devices; USD for the whole run, start-up, idle time and storage not counted."""

    machine: str
    gpus: int
    usd: Range | None
    usd_per_hour: float | None
    region: str | None
    source: str
    as_of: str | None
    reason: str | None = None


class DeviceTime(msgspec.Struct, frozen=True, kw_only=True):
    """Hours on `count` devices; `utilisation` is the share of the peak `tflops` that matrix products reach.

    `no_machine` says why `machines` is empty.
    """

    gpu: str
    count: int
    hours: Range | None
    tflops: float | None
    utilisation: Range | None
    machines: list[MachinePrice]
    reason: str | None = None
    no_machine: str | None = None
    # where `utilisation` comes from; null where no hours are known
    source: str | None = None


class ServicePrice(msgspec.Struct, frozen=True, kw_only=True):
    """A managed service: tokens x epochs x price; it tunes its own model, not the one of the estimate."""

    id: str
    model: str
    service: str
    tier: str | None
    usd: Range | None
    hosting_usd_per_hour: float | None
    confidence: Literal["example", "copy", "derived", "none"]
    source: str
    as_of: str
    reason: str | None = None


Verdict = Literal["pays", "does not pay", "depends", "never", "from"]


class BreakEven(msgspec.Struct, frozen=True, kw_only=True):
    """From how many requests a month tuning pays; verdict null where an input is missing, with the reason.

    `from` = nobody said how many requests there are: the band is the answer. `depends` = they lie inside the band.
    """

    option: str
    verdict: Verdict | None
    requests_per_month: Range | None
    fixed_usd_per_month: Range | None
    saved_usd_per_request: float | None
    reason: str | None = None


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Time, money and break-even of one technique."""

    training: TrainingWork
    times: list[DeviceTime]
    services: list[ServicePrice]
    break_even: list[BreakEven]
    months: int
    notes: list[str]
