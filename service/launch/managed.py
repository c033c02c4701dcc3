"""The plan of a managed service, which trains by its own trainer: what was asked for, and what the service chooses."""

from __future__ import annotations

from typing import Any

import msgspec

from service.data import RuleFiles
from service.launch.blockers import blockers_of, cost_blockers
from service.launch.hyperparameters import DEFAULT_EPOCHS, generated_seed
from service.launch.machine import Machine
from service.launch.plan import PlannedModel, plan_id
from service.launch.request import PlanChoices
from service.launch.targets.capabilities import capabilities, measures
from service.launch.targets.target import TokenCost
from service.records.decision import Decision
from service.records.evaluation import Evaluation
from service.records.lint_report import LintReport
from trainers.contract import Choice, DatasetRef, Dpo, Hyperparameters, Outputs, TrainPlan

MANAGED = "provider-managed"
# of a number that the service chooses by itself
_ITS_OWN = 0
_WHY = "the service chooses it"
_NO_MACHINE = Machine(device="the service's own", capacity_gib=0.0, gpus=0)


class ManagedParts(msgspec.Struct, frozen=True, kw_only=True):
    """The records and references that a plan of a managed service joins; `warnings` are told with the plan."""

    decision: Decision | None
    report: LintReport
    model: PlannedModel
    dataset: DatasetRef
    validation: DatasetRef | None
    evaluation: Evaluation | None
    cost: TokenCost
    warnings: list[str]
    # hyperparameters that the service chooses where none is asked for, and whether it takes a seed
    its_own: tuple[str, ...]
    seeded: bool


def is_managed(target: str, rules: RuleFiles) -> bool:
    """Whether a target tunes by its own means alone."""
    row = capabilities(rules).get(target)
    return row is not None and row.techniques == [MANAGED]


def epochs_of(choices: PlanChoices) -> int:
    """Passes over the data: they are what is paid for, so that they are never left to the service."""
    return choices.hyperparameters.n_epochs or DEFAULT_EPOCHS


def managed_plan(choices: PlanChoices, target: str, parts: ManagedParts, rules: RuleFiles) -> TrainPlan:
    """The plan with its blockers; numbers that the service chooses are 0."""
    values, chosen = _values(choices, parts)
    overridden = {one.code for one in choices.overrides}
    blockers = blockers_of(
        parts.report, None, machine=_NO_MACHINE, evaluation=parts.evaluation,
        validated=measures(target, rules) and parts.validation is not None,
    )  # fmt: skip
    blockers += cost_blockers(parts.cost, choices.max_cost)
    plan = TrainPlan(
        id="",
        decision=parts.decision.id if parts.decision else None,
        lint_report=parts.report.id,
        estimate=None,
        target=target,
        model=parts.model.name,
        model_fingerprint=None,
        technique=MANAGED,
        sharding="none",
        method=choices.method,
        dataset=parts.dataset,
        validation=parts.validation,
        hyperparameters=values,
        outputs=Outputs(onnx=[], provider=choices.outputs.provider),
        cost=msgspec.to_builtins(parts.cost) | {"max_usd": choices.max_cost},
        blockers=[one for one in blockers if one.code not in overridden],
        overrides=list(choices.overrides),
        choices=[*_named(choices, target, parts.decision), *chosen, *(_note(said) for said in parts.warnings)],
        evaluation_id=parts.evaluation.id if parts.evaluation else None,
    )
    return msgspec.structs.replace(plan, id=plan_id(plan, model_is_path=False))


def _values(choices: PlanChoices, parts: ManagedParts) -> tuple[Hyperparameters, list[Choice]]:
    wanted, chosen = choices.hyperparameters, []
    if wanted.n_epochs is None:
        chosen.append(Choice("n_epochs", DEFAULT_EPOCHS, "our default: epochs are paid for"))
    chosen += [Choice(name, "auto", _WHY) for name in parts.its_own if getattr(wanted, name) is None]
    dpo = wanted.dpo
    if choices.method == "dpo" and dpo is None:
        dpo = Dpo(beta=_ITS_OWN)
        chosen.append(Choice("dpo.beta", "auto", _WHY))
    seed = wanted.seed
    if not parts.seeded:
        seed = _ITS_OWN
        chosen.append(Choice("seed", "auto", _WHY))
    elif seed is None:
        # some of Azure's own interfaces know 31 bits alone
        seed = generated_seed(parts.dataset.sha256 + parts.model.name) % 2**31
        chosen.append(Choice("seed", seed, "generated from the data and the model"))
    values = Hyperparameters(
        batch_size=wanted.batch_size or _ITS_OWN,
        micro_batch=_ITS_OWN,
        learning_rate_multiplier=wanted.learning_rate_multiplier or _ITS_OWN,
        base_learning_rate=_ITS_OWN,
        learning_rate=wanted.learning_rate or _ITS_OWN,
        n_epochs=epochs_of(choices),
        seed=seed,
        warmup_ratio=_ITS_OWN,
        max_grad_norm=_ITS_OWN,
        dpo=dpo,
    )
    return values, chosen


def _named(choices: PlanChoices, target: str, decision: Decision | None) -> list[Choice]:
    made: list[Choice] = []
    said: Any = f"decision {decision.id[:12]}" if decision else "nothing else was named"
    if choices.technique is None:
        made.append(Choice("technique", MANAGED, f"{target} has no other"))
    if choices.target is None:
        made.append(Choice("target", target, said))
    return made


def _note(said: str) -> Choice:
    return Choice("warning", None, said)
