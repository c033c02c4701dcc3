"""Several processes that train together: how many, and what does not combine with them."""

from __future__ import annotations

import sys

from service.errors import ErrorItem
from service.launch.combinations import FOUR_BIT
from service.launch.machine import Machine
from service.launch.request import PlanChoices

STAGES = {"none": 0, "zero1": 1, "zero2": 2, "zero3": 3, "zero3-offload": 3}
_FEWEST = 2
_READS_GRADIENTS = "ADALORA"


def process_count(choices: PlanChoices, *, sharding: str, machine: Machine) -> int:
    """What was asked for; else one process, or with a sharding or several machines one per GPU and at least two."""
    if choices.processes is not None:
        return choices.processes
    return 1 if sharding == "none" and machine.count == 1 else max(_FEWEST, machine.gpus)


def offloads(choices: PlanChoices, *, sharding: str) -> tuple[bool, bool]:
    """(whether the optimizer's state, whether the weights lie in host memory)."""
    whole = sharding == "zero3-offload"
    return whole or choices.offload_optimizer, whole


def parallel_refusals(choices: PlanChoices, *, technique: str, sharding: str, machine: Machine) -> list[ErrorItem]:
    """Everything about processes and sharding that cannot be carried out."""
    count, found, values = process_count(choices, sharding=sharding, machine=machine), [], choices.hyperparameters
    if sharding != "none" and count < _FEWEST:
        found.append(ErrorItem("processes", f"{count} with {sharding}", "2 or more", "There is nothing to shard."))
    if sharding != "none" and not sys.platform.startswith("linux"):
        found.append(ErrorItem("sharding", f"{sharding} on {sys.platform}", "none", "DeepSpeed is for Linux here."))
    if machine.gpus and choices.processes is None and count > machine.gpus:
        why = f"{sharding} shares what it holds between at least {_FEWEST} processes, one per GPU."
        found.append(ErrorItem("sharding", f"{sharding} on a machine with {machine.gpus} GPU", "none", why))
    elif machine.gpus and count > machine.gpus:
        found.append(ErrorItem("processes", str(count), f"at most {machine.gpus}", "One process per GPU."))
    if count % machine.count:
        allowed = f"a multiple of {machine.count}, the machines of azure-ml.instance_count"
        found.append(ErrorItem("processes", str(count), allowed, "Each machine runs as many of them."))
    if values.batch_size and values.batch_size % count:
        found.append(ErrorItem("hyperparameters.batch_size", str(values.batch_size), f"a multiple of {count}"))
    elif values.batch_size and values.micro_batch and values.batch_size % (values.micro_batch * count):
        allowed = f"a divisor of {values.batch_size // count}"
        why = "Rows per step = micro_batch x accumulation x processes."
        found.append(ErrorItem("hyperparameters.micro_batch", str(values.micro_batch), allowed, why))
    if choices.offload_optimizer and sharding == "none":
        found.append(ErrorItem("offload_optimizer", "true without a sharding", "zero1, zero2 or zero3"))
    return found + _of_technique(choices, technique, sharding)


def _of_technique(choices: PlanChoices, technique: str, sharding: str) -> list[ErrorItem]:
    if sharding == "none":
        return []
    found, values = [], choices.hyperparameters
    offloaded, _ = offloads(choices, sharding=sharding)
    if choices.task not in {None, "chat"}:
        why = "An encoder fits on one device, and its fresh head is not tried under ZeRO."
        found.append(ErrorItem("sharding", f"{sharding} with task {choices.task}", "none", why))
    if values.packing and sharding.startswith("zero3"):
        why = "Packing is tried on the whole model first, which no process holds under ZeRO-3."
        found.append(ErrorItem("hyperparameters.packing", f"true with {sharding}", "zero1 or zero2", why))
    if choices.method == "dpo" and sharding.startswith("zero3"):
        why = "Before the first step the whole model is asked about every pair, which no process holds under ZeRO-3."
        found.append(ErrorItem("sharding", f"{sharding} with method dpo", "none, zero1 or zero2", why))
    if technique in FOUR_BIT and sharding.startswith("zero3"):
        why = "transformers loads a 4-bit base whole onto one device."
        found.append(ErrorItem("sharding", f"{sharding} with {technique}", "zero1 or zero2", why))
    if technique == "peft" and (values.peft or {}).get("peft_type") == _READS_GRADIENTS:
        why = "AdaLoRA ranks its directions by gradients that ZeRO shards."
        found.append(ErrorItem("sharding", f"{sharding} with AdaLoRA", "none", why))
    if values.adapter is not None and values.adapter.loraplus_ratio is not None and offloaded:
        why = "LoRA+ brings its own optimizer, and what is offloaded is DeepSpeed's."
        found.append(ErrorItem("hyperparameters.adapter.loraplus_ratio", f"with {sharding}", "no offload", why))
    return found
