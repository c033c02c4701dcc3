"""Time and money for people: one block, always bands."""

from __future__ import annotations

from collections.abc import Sequence

from service.records.cost import BreakEven, Cost, DeviceTime, Range
from service.records.estimate import Estimate

HOW = "Time and money: give --report LINT.json, or --training-tokens N --training-rows N [--training-epochs N]."
_WIDTH = 26


class CostWords:
    """What text, markdown and the page say alike; false where nothing is known."""

    def __init__(self, estimates: Sequence[Estimate]) -> None:
        self._priced = [(one.technique, one.cost) for one in estimates if one.cost is not None]

    def __bool__(self) -> bool:
        return bool(self._priced)

    @property
    def heading(self) -> str:
        """The data and the epochs, or what to give."""
        return _heading(self._priced[0][1]) if self._priced else HOW

    @property
    def techniques(self) -> list[str]:
        """The columns of `rows`."""
        return [name for name, _ in self._priced]

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """(device, time and USD per technique); none where no hours are known."""
        costs = [cost for _, cost in self._priced]
        return [(device, [_cell(cost, device) for cost in costs]) for device in _devices(costs)]

    @property
    def remarks(self) -> list[str]:
        """Reasons, machines, managed services, break-even, notes."""
        return _below(self._priced) if self._priced else []


def cost_lines(estimates: Sequence[Estimate]) -> list[str]:
    """The block as text; one line that says what to give where nothing is known."""
    words = CostWords(estimates)
    lines = [words.heading]
    if words.rows:
        lines += [f"{'device':<22}" + "".join(f"{name:>{_WIDTH}}" for name in words.techniques)]
        lines += [f"{device:<22}" + "".join(f"{cell:>{_WIDTH}}" for cell in cells) for device, cells in words.rows]
    return [*lines, *words.remarks]


def cost_markdown(estimates: Sequence[Estimate]) -> list[str]:
    """The same as markdown."""
    words = CostWords(estimates)
    if not words:
        return [words.heading]
    lines = ["### Time and money", "", words.heading]
    if words.rows:
        lines += ["", f"| device | {' | '.join(words.techniques)} |", "|---" * (len(words.techniques) + 1) + "|"]
        lines += [f"| {device} | {' | '.join(cells)} |" for device, cells in words.rows]
    return [*lines, "", *(f"- {line}" for line in words.remarks)]


def _heading(cost: Cost) -> str:
    work = cost.training
    if work.tokens is None:
        return f"Time and money: {work.reason}."
    rows = f"{work.rows:,} rows, " if work.rows is not None else ""
    about = "" if work.exact_tokens else "about "
    return f"Time and money: {rows}{about}{_numbers(work.tokens)} tokens x {work.epochs} epochs; time and USD, low-high"


def _devices(costs: list[Cost]) -> list[str]:
    return list(dict.fromkeys(f"{time.count} x {time.gpu}" for cost in costs for time in cost.times if time.hours))


def _cell(cost: Cost, device: str) -> str:
    time = next((one for one in cost.times if f"{one.count} x {one.gpu}" == device), None)
    if time is None or time.hours is None:
        return "-"
    return f"{_hours(time.hours)} {_cheapest(time)}".rstrip()


def _cheapest(time: DeviceTime) -> str:
    usd = next((one.usd for one in time.machines if one.usd is not None), None)
    return "" if usd is None else _dollars(usd)


def _below(priced: list[tuple[str, Cost]]) -> list[str]:
    first = priced[0][1]
    reasons = dict.fromkeys(
        f"{name} on {time.gpu}: {time.reason}"
        for name, cost in priced
        for time in cost.times
        if time.reason and cost.training.tokens is not None
    )
    machines = dict.fromkeys(_machine(time) for _, cost in priced for time in cost.times if _cheapest(time))
    services = [
        f"{one.id} {_dollars(one.usd)} ({one.confidence}, {one.as_of})" for one in first.services if one.usd is not None
    ]
    unpriced = [one.id for one in first.services if one.usd is None and one.reason and "no_price" in one.reason]
    lines = [f"No hours: {reason}." for reason in reasons]
    lines += [f"USD on the cheapest machine: {', '.join(machines)} (undated prices)."] if machines else []
    lines += [f"Managed instead: {', '.join(services)}."] if services else []
    lines += [f"No price found: {', '.join(unpriced)}."] if services and unpriced else []
    for name, cost in priced:
        own = [one for one in cost.break_even if one.option not in {row.id for row in cost.services}]
        # the machine with the smallest bill; the record has all of them
        best = min(own, key=lambda one: one.fixed_usd_per_month.high if one.fixed_usd_per_month else 0.0, default=None)
        lines += [f"Break-even, {name} on {best.option}: {_pays(best)}"] if best else []
    managed = [one for one in first.break_even if one.option in {row.id for row in first.services}]
    missing = dict.fromkeys(one.reason for one in managed if one.verdict is None)
    lines += [f"Break-even, {one.option}: {_pays(one)}" for one in managed if one.verdict is not None]
    lines += [f"Break-even, {_named(managed, why)}: {why}." for why in missing]
    return [*lines, *dict.fromkeys(note for _, cost in priced for note in cost.notes)]


def _named(managed: list[BreakEven], reason: str | None) -> str:
    return ", ".join(one.option for one in managed if one.verdict is None and one.reason == reason)


def _machine(time: DeviceTime) -> str:
    one = next(one for one in time.machines if one.usd is not None)
    return f"{one.machine} ${one.usd_per_hour:g}/h" + (f" ({one.gpus} GPUs)" if one.gpus > time.count else "")


def _pays(one: BreakEven) -> str:
    if one.requests_per_month is None:
        return f"{one.verdict}, {one.reason}." if one.verdict else f"{one.reason}."
    band = f"{_numbers(one.requests_per_month)} requests a month"
    return f"pays from {band} on." if one.verdict == "from" else f"{one.verdict}: it takes {band}."


def _hours(band: Range) -> str:
    if band.high < 1:
        return f"{60 * band.low:.1f}-{60 * band.high:.1f}min"
    digits = 0 if band.high >= 100 else 1 if band.high >= 10 else 2
    return f"{band.low:,.{digits}f}-{band.high:,.{digits}f}h"


def _dollars(band: Range) -> str:
    digits = 0 if band.high >= 1000 else 2
    low, high = f"{band.low:,.{digits}f}", f"{band.high:,.{digits}f}"
    return f"${low}" if low == high else f"${low}-{high}"


def _numbers(band: Range) -> str:
    low, high = f"{band.low:,.0f}", f"{band.high:,.0f}"
    return low if low == high else f"{low} to {high}"
