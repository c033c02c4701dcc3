"""Builds the plan: where decision, lint report and estimate meet, and what blocks the launch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.launch.blockers import blockers_of, cost_blockers
from service.launch.combinations import refusals
from service.launch.compute import compute_refusals, resolve_compute
from service.launch.continuing import Start
from service.launch.exporting import exports_here
from service.launch.hyperparameters import require_measurable, resolve
from service.launch.machine import Machine
from service.launch.parallel import parallel_refusals, process_count
from service.launch.request import PlanChoices, wrong_values
from service.launch.targets.capabilities import elsewhere_refusals, measures, require_onnx, target_refusals
from service.launch.targets.target import CostEstimate
from service.launch.tasks import evaluation_of, task_of
from service.models.tensors import Shapes
from service.records.decision import TUNING_STEPS, Decision
from service.records.estimate import Estimate
from service.records.evaluation import Evaluation
from service.records.identity import record_id
from service.records.lint_report import LintReport
from service.settings import Settings
from trainers.contract import Blocker, ChatTemplate, Choice, DatasetRef, TrainPlan


class PlannedModel(msgspec.Struct, frozen=True):
    """The model as a plan needs it: name as given, parameter count, whether the name is a local path, its weights."""

    name: str
    params: int | None
    fingerprint: str | None
    is_path: bool
    shapes: Mapping[str, tuple[int, ...]] = {}
    revision: str | None = None


class PlanParts(msgspec.Struct, frozen=True, kw_only=True):
    """The records and references that a plan joins; `no_estimate` says why there is none."""

    decision: Decision | None
    report: LintReport
    estimate: Estimate | None
    model: PlannedModel
    dataset: DatasetRef
    validation: DatasetRef | None
    no_estimate: str | None = None
    start: Start | None = None
    # of a classification: the labels by their ids, and why the task and their order are what they are
    labels: list[str] = []
    task_choices: list[Choice] = []
    evaluation: Evaluation | None = None
    # of a target that sends a bill; what was asked to be the most stands in the choices
    cost: CostEstimate | None = None


def choose(
    choices: PlanChoices,
    decision: Decision | None,
    *,
    rules: RuleFiles,
    machine: Machine,
    shapes: Shapes | None = None,
    also: Sequence[ErrorItem] = (),
    settings: Settings | None = None,
) -> tuple[str, str, str]:
    """(target, technique, sharding): asked for, else decided; never guessed.

    `shapes` are the model's weights where they are known; `also` is what was found wrong elsewhere.

    Raises:
        TuneGateError: `invalid_input` when a value is unusable or nothing names a technique, `target_cannot` when
            the target has no such or the choices do not combine; always with everything that was found.

    """
    wrong = [*wrong_values(choices), *also]
    answer = decision.answer if decision else None
    technique = choices.technique or (answer.technique if answer else None)
    target = choices.target or (answer.target if answer else None) or "local"
    sharding = choices.sharding or (answer.sharding if answer and not choices.technique else None) or "none"
    cannot = target_refusals(target, technique, rules)
    here = settings is not None and exports_here(target, settings)
    require_onnx(target, list(choices.outputs.onnx), rules, here=here)
    if not cannot and technique is not None:
        known = shapes if shapes is not None else {}
        cannot += elsewhere_refusals(target, goes_on=choices.starts_from is not None)
        cannot += refusals(choices, technique=technique, rules=rules, machine=machine, shapes=known)
        cannot += parallel_refusals(choices, technique=technique, sharding=sharding, machine=machine)
        adapter = choices.hyperparameters.adapter
        cannot += compute_refusals(
            choices.compute,
            technique=technique,
            sharding=sharding,
            loraplus=adapter is not None and adapter.loraplus_ratio is not None,
            machine=machine,
            peft_type=(choices.hyperparameters.peft or {}).get("peft_type"),
        )
    if wrong:
        found = [*wrong, *(one for one in cannot if one.where not in {error.where for error in wrong})]
        raise TuneGateError("invalid_input", f"The plan request has {len(found)} unusable value(s).", errors=found)
    if technique is None:
        raise TuneGateError("invalid_input", _no_technique(decision), remedy="Give a technique, or decide again.")
    if cannot:
        raise TuneGateError(
            "target_cannot", f"Target {target!r} cannot carry this out: {len(cannot)} reason(s).", errors=cannot
        )
    return target, technique, sharding


def build_plan(
    choices: PlanChoices,
    parts: PlanParts,
    *,
    rules: RuleFiles,
    machine: Machine,
    settings: Settings,
) -> TrainPlan:
    """The plan with its blockers; it spends nothing."""
    target, technique, sharding = choose(
        choices, parts.decision, rules=rules, machine=machine, shapes=parts.model.shapes, settings=settings
    )
    require_measurable(choices.hyperparameters, validated=parts.validation is not None)
    processes = process_count(choices, sharding=sharding, machine=machine)
    evaluation, measured = evaluation_of(choices.evaluation, task_of(choices))
    values, chosen = resolve(
        choices.hyperparameters,
        processes=processes,
        rules=rules,
        technique=technique,
        task=task_of(choices),
        params=parts.model.params,
        # the same request makes the same plan, wherever its files lie
        seed_from=parts.dataset.sha256 + (parts.model.fingerprint or parts.model.name),
        objective=choices.method,
    )
    compute, computed = resolve_compute(
        choices.compute,
        technique=technique,
        machine=machine,
        peft_type=(choices.hyperparameters.peft or {}).get("peft_type"),
    )
    plan = TrainPlan(
        id="",
        decision=parts.decision.id if parts.decision else None,
        lint_report=parts.report.id,
        estimate=parts.estimate.id if parts.estimate else None,
        target=target,
        model=parts.model.name,
        model_fingerprint=parts.model.fingerprint,
        technique=technique,
        sharding=sharding,
        method=choices.method,
        processes=processes,
        offload_optimizer=choices.offload_optimizer,
        dataset=parts.dataset,
        validation=parts.validation,
        hyperparameters=values,
        evaluation=evaluation,
        outputs=choices.outputs,
        allow_download=settings.allow_download,
        cost=_cost(choices, parts.cost),
        blockers=_blockers(choices, parts, machine, processes, measured=measures(target, rules)),
        overrides=list(choices.overrides),
        choices=[
            *(parts.start.made if parts.start else []),
            *parts.task_choices,
            *_choices_of(choices, parts, target=target, technique=technique),
            *_parallel_choices(choices, parts, sharding=sharding, processes=processes),
            *measured,
            *chosen,
            *computed,
        ],
        chat_template=_template(choices.chat_template),
        model_revision=parts.model.revision,
        compute=compute,
        trust_remote_code=settings.trust_remote_code,
        starts_from=parts.start.starts_from if parts.start else None,
        task=task_of(choices),
        labels=parts.labels,
        evaluation_id=parts.evaluation.id if parts.evaluation else None,
        synth=parts.report.synth,
    )
    return msgspec.structs.replace(plan, id=plan_id(plan, model_is_path=parts.model.is_path))


def _cost(choices: PlanChoices, cost: CostEstimate | None) -> dict[str, Any] | None:
    return None if cost is None else msgspec.to_builtins(cost) | {"max_usd": choices.max_cost}


def _blockers(
    choices: PlanChoices, parts: PlanParts, machine: Machine, processes: int, *, measured: bool
) -> list[Blocker]:
    overridden = {one.code for one in choices.overrides}
    found = blockers_of(
        parts.report,
        parts.estimate,
        machine=machine,
        processes=processes,
        validated=measured and parts.validation is not None,
        evaluation=parts.evaluation,
    )
    found += cost_blockers(parts.cost, choices.max_cost)
    return [one for one in found if one.code not in overridden]


def plan_id(plan: TrainPlan, *, model_is_path: bool) -> str:
    """Over the content without paths: the fingerprint and the sha256 stand for model and data."""
    content = msgspec.to_builtins(plan)
    for reference in ("dataset", "validation"):
        if content[reference]:
            content[reference].pop("path")
    if content["starts_from"]:
        content["starts_from"].pop("path")
    return record_id(content, without=("model",) if model_is_path else ())


def _template(text: str | None) -> ChatTemplate | None:
    return None if text is None else ChatTemplate(sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)


def _no_technique(decision: Decision | None) -> str:
    if decision is None:
        return "Neither a decision nor a technique was given."
    if decision.answer is None:
        missing = ", ".join(unknown.fact for unknown in decision.unknown)
        return f"The decision is still open; facts missing: {missing}."
    if decision.answer.step not in TUNING_STEPS:
        return f"The decision is {decision.answer.step!r}, not a tuning step."
    return "The decision names no technique."


def _choices_of(choices: PlanChoices, parts: PlanParts, *, target: str, technique: str) -> list[Choice]:
    """What was chosen beside the hyper-parameters."""
    made = []
    decided = f"decision {parts.decision.id[:12]}" if parts.decision else ""
    if choices.technique is None:
        made.append(Choice("technique", technique, decided))
    if choices.target is None:
        by_decision = parts.decision and parts.decision.answer and parts.decision.answer.target
        made.append(Choice("target", target, decided if by_decision else "nothing else was named"))
    if parts.no_estimate:
        made.append(Choice("estimate", None, parts.no_estimate))
    return made


def _parallel_choices(choices: PlanChoices, parts: PlanParts, *, sharding: str, processes: int) -> list[Choice]:
    made = []
    if choices.sharding is None and sharding != "none" and parts.decision:
        made.append(Choice("sharding", sharding, f"decision {parts.decision.id[:12]}"))
    if choices.processes is None and processes > 1:
        why = "one per GPU of all machines" if sharding == "none" else f"one per GPU, at least two for {sharding}"
        made.append(Choice("processes", processes, why))
    return made
