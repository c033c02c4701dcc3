"""Assembles time, money and break-even of one technique from the data, the devices and the price rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from service.estimate.amounts import Data, amounts, is_cut
from service.estimate.break_even import Option, break_even
from service.estimate.cost_inputs import DEFAULT_MONTHS, UsageInputs
from service.estimate.flops import SOURCE as COUNTED_BY
from service.estimate.flops import Work, work_of
from service.estimate.hardware import Hardware
from service.estimate.machines import AzureMachine, machine_prices
from service.estimate.money import span
from service.estimate.notation import LOW_RANK, Run
from service.estimate.services import Price, priced
from service.estimate.throughput import SOURCE as TIMED_BY
from service.estimate.throughput import Job, flops, hours
from service.models.matmuls import Matmuls
from service.records.cost import BreakEven, Cost, DeviceTime, MachinePrice, Range, TrainingWork

_DIGITS = 4
_NOTES = (
    "Hours are of the training steps: loading, evaluation, saving and export are not in them.",
    "Prices of machines are for the hours alone: start-up, idle time and storage are extra.",
    "Attention is counted over whole rows, also where a model looks through a sliding window.",
    "utilisation is of all operations of matrix products, those of the second forward with checkpointing included.",
)


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """The price rows of the rules."""

    machines: list[AzureMachine]
    machine_source: str
    services: list[Price]


class KnownData(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the data; `data` is null with the reason, `rows` and `epochs` even then."""

    data: Data | None
    rows: int | None
    epochs: int | None
    tokens_from: Literal["given", "report"] | None
    exact_tokens: bool
    epochs_assumed: bool = False
    reason: str | None = None


class OnDevice(msgspec.Struct, frozen=True, kw_only=True):
    """The run as it would be on one device, with the types that matrix products read; `fits` as its verdict says."""

    device: Hardware
    run: Run
    settings: Mapping[str, Any]
    fits: bool = True


class CostQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """One technique; `matmuls` is null with the reason where its operations cannot be counted."""

    known: KnownData
    usage: UsageInputs
    main: Run
    devices: list[OnDevice]
    matmuls: Matmuls | None
    uncounted: str | None


def cost_of(question: CostQuestion, prices: Prices) -> Cost:
    """The record; whatever is not known is null with a reason."""
    data = question.known.data
    work, why = _work(question, question.main)
    times = [_time(question, one, prices) for one in question.devices]
    services = [priced(row, data) for row in prices.services]
    return Cost(
        training=_training(question, work, why),
        times=times,
        services=services,
        break_even=_break_even(question.usage, times, prices, [one.usd for one in services]),
        months=question.usage.months or DEFAULT_MONTHS,
        notes=_notes(question),
    )


def _work(question: CostQuestion, run: Run) -> tuple[Work | None, str | None]:
    if question.matmuls is None:
        return None, question.uncounted
    if question.matmuls.experts and run.technique in LOW_RANK and run.adapter_targets is None:
        return None, "adapters on experts are not counted: name the adapter's targets in attention"
    return work_of(question.matmuls, run), None


def _training(question: CostQuestion, work: Work | None, why: str | None) -> TrainingWork:
    known, processed, petaflop = question.known, None, None
    tokens = None
    if known.data is not None:
        least, most = amounts(known.data, question.main)
        processed = _rounded(span(least.tokens, most.tokens), 0)
        tokens = span(known.data.tokens_low, known.data.tokens_high)
        if work is not None:
            low, high = flops(work, least, most)
            petaflop = _rounded(span(low / 1e15, high / 1e15), _DIGITS)
    return TrainingWork(
        rows=known.rows,
        tokens=tokens,
        epochs=known.epochs,
        tokens_from=known.tokens_from,
        exact_tokens=known.exact_tokens,
        processed=processed,
        petaflop=petaflop,
        reason=known.reason or why,
        source=None if petaflop is None else COUNTED_BY,
    )


def _time(question: CostQuestion, on: OnDevice, prices: Prices) -> DeviceTime:
    work, why = _work(question, on.run)
    found: Range | None = None
    use: Range | None = None
    reason = question.known.reason or why or _no_speed(on)
    if question.known.data and question.matmuls and work and on.device.tflops_16bit and reason is None:
        least, most = amounts(question.known.data, on.run)
        job = Job(
            work=work,
            least=least,
            most=most,
            layers=question.matmuls.layers,
            quantised=on.run.technique in {"qlora", "qdora"},
            devices=on.run.gpus,
            tflops=on.device.tflops_16bit,
        )
        found, use = _rounded(hours(job), _DIGITS), job.speed.utilisation
    device, count = on.device.id, on.run.gpus
    machines = machine_prices(prices.machines, device=device, count=count, hours=found, source=prices.machine_source)
    return DeviceTime(
        gpu=device,
        count=count,
        hours=found,
        tflops=on.device.tflops_16bit,
        utilisation=use,
        machines=machines,
        reason=reason,
        no_machine=None if machines else f"no Azure machine of the rules has {count} x {device}",
        source=None if found is None else TIMED_BY,
    )


def _no_speed(on: OnDevice) -> str | None:
    """Why there is no run to time, or no published training that says how fast it is."""
    base, autocast = on.settings["base_dtype"], on.settings["autocast"]
    reads = base if autocast == "none" else autocast
    reasons = {
        "does not fit": not on.fits,
        "no peak figure for this device": on.device.tflops_16bit is None,
        "products of 32-bit numbers: no measured training to take a speed from": reads == "fp32",
        "this device has no bf16": reads == "bf16" and not on.device.bf16,
        "state on the host: no measured training to take a speed from": (
            on.run.offload_optimizer or on.run.offload_params
        ),
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def _break_even(
    usage: UsageInputs, times: list[DeviceTime], prices: Prices, service_usd: list[Range | None]
) -> list[BreakEven]:
    """For every price that is known; nothing where nobody asked."""
    if usage == UsageInputs():
        return []
    replaced = next((row for row in prices.services if row.id == usage.replaces), None)
    options = [_own(time, cheapest, usage) for time in times if (cheapest := _cheapest(time)) is not None]
    options += [_managed(row, usd, usage) for row, usd in zip(prices.services, service_usd, strict=True) if usd]
    return [break_even(option, usage, replaced) for option in options]


def _cheapest(time: DeviceTime) -> MachinePrice | None:
    return next((one for one in time.machines if one.usd is not None), None)


def _own(time: DeviceTime, machine: MachinePrice, usage: UsageInputs) -> Option:
    """Tuned weights on a machine of one's own: its hours are all that a request costs, unless said otherwise."""
    return Option(
        name=f"{time.gpu}: {machine.machine}",
        training_usd=machine.usd,
        hosting_usd_per_hour=usage.hosting_usd_per_hour,
        tuned_prompt=usage.tuned_prompt_usd_per_million or 0.0,
        tuned_answer=usage.tuned_answer_usd_per_million or 0.0,
    )


def _managed(row: Price, usd: Range, usage: UsageInputs) -> Option:
    """A service: its own prices, and what the caller says where none was found."""
    return Option(
        name=row.id,
        training_usd=usd,
        hosting_usd_per_hour=usage.hosting_usd_per_hour if row.hosting is None else row.hosting,
        tuned_prompt=usage.tuned_prompt_usd_per_million if row.tuned_prompt is None else row.tuned_prompt,
        tuned_answer=usage.tuned_answer_usd_per_million if row.tuned_answer is None else row.tuned_answer,
    )


def _notes(question: CostQuestion) -> list[str]:
    known, run = question.known, question.main
    texts = {
        "Tokens are estimated at four bytes each: the encoder of the model counts them.": (
            known.data is not None and not known.exact_tokens
        ),
        "The rows are not known: they are taken as full, so nothing is cut and padding is not counted.": (
            known.data is not None and known.rows is None
        ),
        "Packed: the upper end has as much padding as tokens; sequences are on average more than half full.": (
            run.packed and run.kernel != "flash" and run.micro_batch > 1 and known.rows is not None
        ),
        "Rows are longer than seq_len: what is cut off is not counted.": known.data is not None
        and is_cut(known.data, run),
        "Epochs: nobody said how many; our trainer's default.": known.epochs_assumed,
        "Several devices: 0.55 to 1 of the speed of as many single ones.": run.gpus > 1,
        "4-bit bases: most measured rows are GPTQ; one source took 4 to 10 times longer with bitsandbytes.": (
            run.technique in {"qlora", "qdora"}
        ),
        "Break-even: one deployment, running all the time, whatever the load; whether it can serve it is not judged.": (
            question.usage != UsageInputs()
        ),
        "Managed services tune models of their own, and bill tokens without padding.": True,
    }
    return [*_NOTES, *(text for text, applies in texts.items() if applies)]


def _rounded(one: Range, digits: int) -> Range:
    return Range(round(one.low, digits), round(one.mid, digits), round(one.high, digits))
