"""plan: dataset, model and decision in, the plan and its blockers out; spends nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeVar

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError
from service.files import write_atomically
from service.launch.continuing import Left
from service.launch.managed import MANAGED, is_managed
from service.launch.parallel import process_count
from service.launch.plan import PlanParts, build_plan
from service.launch.request import PlanChoices
from service.launch.tasks import task_of
from service.models.hub import pinned
from service.models.resolve import resolve_model
from service.records.decision import Decision
from service.records.estimate import Estimate
from service.records.evaluation import Evaluation
from service.records.lint_report import LintReport
from service.settings import Settings
from service.verbs.lint import LintInput
from service.verbs.planning.checks import checked, require_method
from service.verbs.planning.continuing import left_for, require_start
from service.verbs.planning.estimate import estimate_of
from service.verbs.planning.machine import launch_cost, machine_for, target_of
from service.verbs.planning.managed import ManagedData, managed_offer, plan_managed
from service.verbs.planning.remote import require_carried_out
from service.verbs.planning.report import linted, report_for
from service.verbs.planning.task import labels_for, with_task
from trainers.contract import DatasetRef, TrainPlan

R = TypeVar("R")


class PlanBundle(msgspec.Struct, frozen=True, kw_only=True):
    """A plan with the records that it rests on and where its files lie."""

    plan: TrainPlan
    decision: Decision | None
    report: LintReport
    estimate: Estimate | None
    dataset: Path
    validation: Path | None
    model: Path
    evaluation: Evaluation | None = None


class PlanData(msgspec.Struct, frozen=True, kw_only=True):
    """Data that is already linted: references for the record, paths for this host.

    `validation_method` is the method that the validation data was linted with, null where one report is of both.
    """

    report: LintReport
    dataset: DatasetRef
    dataset_path: Path
    validation: DatasetRef | None = None
    validation_path: Path | None = None
    validation_method: str | None = None


def plan_from_records(
    choices: PlanChoices,
    data: PlanData,
    *,
    decision: Decision | None,
    rules: RuleFiles,
    settings: Settings,
    left: Left | None = None,
    evaluation: Evaluation | None = None,
) -> PlanBundle:
    """The plan on linted data; the estimate of the chosen technique on this machine is made here.

    `left` is what an earlier run left to go on from; without it the folder is read that the choices name, if any.

    Raises:
        TuneGateError: `invalid_input` (also for data that was linted with another method), `target_cannot`,
            `unreadable_model`.

    """
    require_method(choices.method, data.report, data.validation_method)
    target = target_of(choices.target, decision)
    if is_managed(target, rules):
        return _managed(choices, target, data, decision, evaluation, rules=rules, settings=settings)
    machine = machine_for(target_of(choices.target, decision), rules=rules, settings=settings)
    left = left or left_for(choices)
    with_its_task, made = with_task(choices, data.dataset_path)
    seen = checked(with_its_task, decision, left, rules=rules, settings=settings, machine=machine)
    task = task_of(seen.choices)
    labels, of_labels = labels_for(seen.choices, data.dataset_path, seen.config)
    report = report_for(
        data.report, data.dataset_path, data.validation_path, target=seen.target, task=task, rules=rules
    )
    estimated, no_estimate = estimate_of(
        seen.choices,
        technique=seen.technique,
        sharding=seen.sharding,
        report=report,
        rules=rules,
        settings=settings,
        machine=machine,
    )
    parts = PlanParts(
        decision=decision,
        report=report,
        estimate=estimated,
        model=seen.planned,
        dataset=data.dataset,
        validation=data.validation,
        no_estimate=no_estimate,
        start=seen.start,
        labels=labels,
        task_choices=[*made, *of_labels],
        evaluation=evaluation,
        cost=launch_cost(
            seen.target,
            estimated,
            processes=process_count(seen.choices, sharding=seen.sharding, machine=machine),
            rules=rules,
            settings=settings,
        ),
    )
    plan = build_plan(seen.choices, parts, rules=rules, machine=machine, settings=settings)
    require_carried_out(plan, report, data.dataset_path, rules=rules, settings=settings)
    return PlanBundle(
        plan=plan,
        decision=decision,
        report=report,
        estimate=estimated,
        dataset=data.dataset_path,
        validation=data.validation_path,
        model=seen.folder,
        evaluation=evaluation,
    )


def plan_from_files(
    choices: PlanChoices,
    *,
    data: Path,
    validation: Path | None,
    decision: Decision | None,
    rules: RuleFiles,
    settings: Settings,
    evaluation: Evaluation | None = None,
) -> PlanBundle:
    """The plan on files of this machine; they are linted for the plan's target first."""
    tasked, _ = with_task(choices, data)
    if is_managed(target := target_of(choices.target, decision), rules):
        managed_offer(tasked, target, rules=rules, settings=settings)
        report = linted_data(data, validation, tasked, target=target, rules=rules)
        return plan_from_records(
            tasked, report, decision=decision, rules=rules, settings=settings, evaluation=evaluation
        )
    left = left_for(choices)
    machine = machine_for(target_of(choices.target, decision), rules=rules, settings=settings)
    # before the files are linted, which may take minutes
    seen = checked(tasked, decision, left, rules=rules, settings=settings, machine=machine)
    report = linted_data(data, validation, tasked, target=seen.target, rules=rules)
    return plan_from_records(
        choices, report, decision=decision, rules=rules, settings=settings, left=left, evaluation=evaluation
    )


def linted_data(
    data: Path, validation: Path | None, choices: PlanChoices, *, target: str, rules: RuleFiles
) -> PlanData:
    """Files of this machine with the lint report of a launch target."""
    inputs = [LintInput(path=data, shown_as=str(data), role="train")]
    if validation is not None:
        inputs.append(LintInput(path=validation, shown_as=str(validation), role="validation"))
    report = linted(inputs, target, rules, task_of(choices), choices.method)
    return PlanData(
        report=report,
        dataset=DatasetRef(path=str(data), sha256=report.files[0].sha256),
        dataset_path=data,
        validation=DatasetRef(path=str(validation), sha256=report.files[1].sha256) if validation else None,
        validation_path=validation,
    )


def keep_records(bundle: PlanBundle, settings: Settings) -> None:
    """Keep the plan's records by id, so that `train PLAN.json` can put them into the run folder."""
    for record in (bundle.decision, bundle.report, bundle.estimate, bundle.evaluation):
        if record is not None and not (path := settings.records / f"{record.id}.json").exists():
            write_atomically(path, msgspec.json.encode(record))


def reopen_plan(plan: TrainPlan, *, rules: RuleFiles, settings: Settings) -> PlanBundle:
    """A stored plan with its records and files, after checking that data and model are still what was planned.

    Raises:
        TuneGateError: `plan_mismatch` when they changed, `unreadable_path` when they are gone.

    """
    require_start(plan)
    dataset = _unchanged(plan.dataset)
    validation = _unchanged(plan.validation) if plan.validation else None
    model = planned_model(plan, rules=rules, settings=settings)
    report = _kept(plan.lint_report, LintReport, settings)
    return PlanBundle(
        plan=plan,
        decision=_kept(plan.decision, Decision, settings),
        report=report if report is not None else _relint(plan, rules=rules),
        estimate=_kept(plan.estimate, Estimate, settings),
        dataset=dataset,
        validation=validation,
        model=model,
        evaluation=_kept(plan.evaluation_id, Evaluation, settings),
    )


def planned_model(plan: TrainPlan, *, rules: RuleFiles, settings: Settings) -> Path:
    """Where the model lies that was planned; of a managed service's nothing lies here.

    Raises:
        TuneGateError: `plan_mismatch`, `unreadable_model`.

    """
    if plan.technique == MANAGED:
        return Path()
    model = resolve_model(pinned(plan.model, plan.model_revision), rules=rules, settings=settings)
    if model.folder is None or model.fingerprint != plan.model_fingerprint:
        raise TuneGateError("plan_mismatch", f"{plan.model}: not the model that was planned.", remedy="Plan again.")
    return model.folder


def _managed(
    choices: PlanChoices, target: str, data: PlanData, decision: Decision | None, evaluation: Evaluation | None,
    *, rules: RuleFiles, settings: Settings,
) -> PlanBundle:  # fmt: skip
    tasked, _ = with_task(choices, data.dataset_path)
    managed_offer(tasked, target, rules=rules, settings=settings)
    report = data.report
    if report.target != target:
        # a service's own limits and refusals are not those that the rows were looked at by
        shown = report.files[0].path
        report = linted([LintInput(path=data.dataset_path, shown_as=shown, role="train")], target, rules,
                        task_of(tasked), choices.method)  # fmt: skip
    plan = plan_managed(
        tasked, target, ManagedData(report=report, dataset=data.dataset, validation=data.validation),
        decision=decision, evaluation=evaluation, rules=rules, settings=settings,
    )  # fmt: skip
    return PlanBundle(
        plan=plan, decision=decision, report=report, estimate=None, dataset=data.dataset_path,
        validation=data.validation_path, model=Path(), evaluation=evaluation,
    )  # fmt: skip


def _relint(plan: TrainPlan, *, rules: RuleFiles) -> LintReport:
    inputs = [LintInput(path=Path(plan.dataset.path or ""), shown_as=str(plan.dataset.path), role="train")]
    if plan.validation:
        path = str(plan.validation.path)
        inputs.append(LintInput(path=Path(path), shown_as=path, role="validation"))
    return linted(inputs, plan.target, rules, plan.task, plan.method)


def _kept(identifier: str | None, kind: type[R], settings: Settings) -> R | None:
    if identifier is None:
        return None
    try:
        return msgspec.json.decode((settings.records / f"{identifier}.json").read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _unchanged(reference: DatasetRef) -> Path:
    path = Path(reference.path or "")
    try:
        with path.open("rb") as handle:
            seen = hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise TuneGateError("unreadable_path", f"{path}: {error.strerror}.", remedy="Plan again.") from error
    if seen != reference.sha256:
        raise TuneGateError(
            "plan_mismatch", f"{path}: the file changed since it was planned.", remedy="Lint and plan again."
        )
    return path
