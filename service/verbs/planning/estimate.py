"""The memory estimate that a plan rests on."""

from __future__ import annotations

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError
from service.estimate.cost_inputs import TrainingInputs
from service.estimate.hardware import hardware_table, reported_row
from service.estimate.inputs import ZeroInputs
from service.launch.combinations import LORA_FAMILY
from service.launch.compute import resolve_compute
from service.launch.hyperparameters import default_micro_batch
from service.launch.machine import Machine
from service.launch.parallel import STAGES, offloads, process_count
from service.launch.request import PlanChoices
from service.launch.tasks import task_of
from service.records.estimate import Estimate
from service.records.lint_report import LintReport
from service.settings import Settings
from service.verbs.estimate import AdapterInputs, EstimateInputs, estimate
from service.verbs.estimating.tiers import LENGTH_FACT
from trainers.contract import Adapter


def estimate_of(
    choices: PlanChoices,
    *,
    technique: str,
    sharding: str,
    report: LintReport,
    rules: RuleFiles,
    settings: Settings,
    machine: Machine,
) -> tuple[Estimate | None, str | None]:
    """The estimate of the chosen technique here, or None and why there is none."""
    values = choices.hyperparameters
    peft = values.peft or {}
    if technique == "peft" and peft.get("peft_type") != "PROMPT_TUNING":
        return None, f"no memory formula covers {peft.get('peft_type')}"
    adapter = AdapterInputs(virtual_tokens=peft.get("num_virtual_tokens"))
    if technique in LORA_FAMILY:
        shape = values.adapter or Adapter()
        adapter = AdapterInputs(r=shape.r, targets=shape.targets, dropout=shape.dropout)
    # on the CPU host memory is the device: what is offloaded stays in it
    optimizer, weights = (False, False) if machine.is_cpu else offloads(choices, sharding=sharding)
    processes = process_count(choices, sharding=sharding, machine=machine)
    compute, _ = resolve_compute(choices.compute, technique=technique, machine=machine, peft_type=peft.get("peft_type"))
    # both answers of a pair go through one forward pass
    sides = 2 if choices.method == "dpo" else 1
    inputs = EstimateInputs(
        model=choices.model,
        techniques=["prompt" if technique == "peft" else technique],
        gpu=_row(machine, rules),
        micro_batch=sides * (values.micro_batch or default_micro_batch(values.batch_size, processes)),
        adapter=adapter,
        base_dtype=compute.base_dtype,
        autocast=compute.autocast,
        attention=compute.attention,
        checkpointing=compute.checkpointing,
        optimizer="adamw_fused" if compute.optimizer == "adamw" else compute.optimizer,
        loss="fused" if compute.liger else "hf",
        seq_len=_cut_length(values.max_tokens, report),
        gpus=processes,
        zero=ZeroInputs(stage=STAGES[sharding], offload_optimizer=optimizer, offload_params=weights),
        training=TrainingInputs(epochs=values.n_epochs),
    )
    try:
        found = estimate(inputs, rules=rules, settings=settings, report=report)[0]
        # a classifier has no head over the vocabulary: its operations are not those that were counted
        return (found if task_of(choices) == "chat" else msgspec.structs.replace(found, cost=None)), None
    except TuneGateError as error:
        # no formula for this architecture or these targets: the plan says so, and is not blocked by a guess
        if error.code not in {"unsupported_family", "invalid_input"}:
            raise
        where = "; ".join(f"{one.where}: {one.seen}" for one in error.errors)
        return None, f"no memory formula for this model: {where or error.detail}"


def _row(machine: Machine, rules: RuleFiles) -> str | None:
    """The row of the hardware table that this machine's device is; None for a GPU that the table does not have."""
    if machine.is_cpu:
        return "cpu"
    row = reported_row(machine.device, hardware_table(rules))
    return row.id if row else None


def _cut_length(max_tokens: int | None, report: LintReport) -> int | None:
    """Where the plan cuts or drops longer rows than the data's longest; None: the data decides."""
    longest = report.facts.get(LENGTH_FACT)
    if max_tokens is None or isinstance(longest, bool) or not isinstance(longest, int | float):
        return None
    return max_tokens if max_tokens < longest else None
