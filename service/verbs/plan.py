"""plan: dataset, model and decision in, the plan and its blockers out; spends nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeVar

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError
from service.files import write_atomically
from service.launch.machine import Machine, this_machine
from service.launch.plan import PlannedModel, PlanParts, build_plan, choose
from service.launch.request import PlanChoices
from service.models.folder import check_trainable
from service.models.hub import pinned
from service.models.resolve import ResolvedModel, resolve_model
from service.records.decision import Decision
from service.records.estimate import Estimate
from service.records.lint_report import LintReport
from service.settings import Settings
from service.verbs.estimate import EstimateInputs, estimate
from service.verbs.lint import LintInput, LintRequest, lint
from service.verbs.lint_privacy import PrivacyRequest
from trainers.contract import DatasetRef, TrainPlan

R = TypeVar("R")

# the lint profile whose rules describe what a launch target accepts
LINT_TARGET_OF = {"azure-ml": "local"}


class PlanBundle(msgspec.Struct, frozen=True, kw_only=True):
    """A plan with the records that it rests on and where its files lie."""

    plan: TrainPlan
    decision: Decision | None
    report: LintReport
    estimate: Estimate | None
    dataset: Path
    validation: Path | None
    model: Path


class PlanData(msgspec.Struct, frozen=True, kw_only=True):
    """Data that is already linted: references for the record, paths for this host."""

    report: LintReport
    dataset: DatasetRef
    dataset_path: Path
    validation: DatasetRef | None = None
    validation_path: Path | None = None


def plan_from_records(
    choices: PlanChoices,
    data: PlanData,
    *,
    decision: Decision | None,
    rules: RuleFiles,
    settings: Settings,
) -> PlanBundle:
    """The plan on linted data; the estimate of the chosen technique on this machine is made here.

    Raises:
        TuneGateError: `invalid_input`, `target_cannot`, `unreadable_model`.

    """
    _, technique, _ = choose(choices, decision)
    model = resolve_model(choices.model, rules=rules, settings=settings)
    if model.folder is None:
        raise TuneGateError(
            "unreadable_model",
            f"{choices.model}: no folder with weights is known for this model.",
            remedy=f"Give the path of a model folder, or put it under {settings.models}.",
        )
    check_trainable(model.folder)
    machine = this_machine()
    estimated = _estimate(
        choices, technique=technique, report=data.report, rules=rules, settings=settings, machine=machine
    )
    parts = PlanParts(
        decision=decision,
        report=data.report,
        estimate=estimated,
        model=_planned(choices.model, model),
        dataset=data.dataset,
        validation=data.validation,
    )
    plan = build_plan(choices, parts, rules=rules, machine=machine, allow_download=settings.allow_download)
    return PlanBundle(
        plan=plan,
        decision=decision,
        report=data.report,
        estimate=estimated,
        dataset=data.dataset_path,
        validation=data.validation_path,
        model=model.folder,
    )


def plan_from_files(
    choices: PlanChoices,
    *,
    data: Path,
    validation: Path | None,
    decision: Decision | None,
    rules: RuleFiles,
    settings: Settings,
) -> PlanBundle:
    """The plan on files of this machine; they are linted for the plan's target first."""
    target, _, _ = choose(choices, decision)
    inputs = [LintInput(path=data, shown_as=str(data), role="train")]
    if validation is not None:
        inputs.append(LintInput(path=validation, shown_as=str(validation), role="validation"))
    report = _linted(inputs, target, rules)
    linted = PlanData(
        report=report,
        dataset=DatasetRef(path=str(data), sha256=report.files[0].sha256),
        dataset_path=data,
        validation=DatasetRef(path=str(validation), sha256=report.files[1].sha256) if validation else None,
        validation_path=validation,
    )
    return plan_from_records(choices, linted, decision=decision, rules=rules, settings=settings)


def keep_records(bundle: PlanBundle, settings: Settings) -> None:
    """Keep the plan's records by id, so that `train PLAN.json` can put them into the run folder."""
    records: list[Decision | LintReport | Estimate | None] = [bundle.decision, bundle.report, bundle.estimate]
    for record in records:
        if record is not None and not (path := settings.records / f"{record.id}.json").exists():
            write_atomically(path, msgspec.json.encode(record))


def reopen_plan(plan: TrainPlan, *, rules: RuleFiles, settings: Settings) -> PlanBundle:
    """A stored plan with its records and files, after checking that data and model are still what was planned.

    Raises:
        TuneGateError: `plan_mismatch` when they changed, `unreadable_path` when they are gone.

    """
    dataset = _unchanged(plan.dataset)
    validation = _unchanged(plan.validation) if plan.validation else None
    model = resolve_model(pinned(plan.model, plan.model_revision), rules=rules, settings=settings)
    if model.folder is None or model.fingerprint != plan.model_fingerprint:
        raise TuneGateError(
            "plan_mismatch", f"{plan.model}: the model is not the one that was planned.", remedy="Plan again."
        )
    report = _kept(plan.lint_report, LintReport, settings)
    return PlanBundle(
        plan=plan,
        decision=_kept(plan.decision, Decision, settings),
        report=report if report is not None else _relint(plan, rules=rules),
        estimate=_kept(plan.estimate, Estimate, settings),
        dataset=dataset,
        validation=validation,
        model=model.folder,
    )


def _relint(plan: TrainPlan, *, rules: RuleFiles) -> LintReport:
    inputs = [LintInput(path=Path(plan.dataset.path or ""), shown_as=str(plan.dataset.path), role="train")]
    if plan.validation:
        path = str(plan.validation.path)
        inputs.append(LintInput(path=Path(path), shown_as=path, role="validation"))
    return _linted(inputs, plan.target, rules)


def _linted(inputs: list[LintInput], target: str, rules: RuleFiles) -> LintReport:
    """The report for a launch target, with whatever privacy scan there is: its findings block the launch."""
    request = LintRequest(inputs=inputs, target=LINT_TARGET_OF.get(target, target), privacy=PrivacyRequest())
    return lint(request, rules=rules)


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


def _estimate(
    choices: PlanChoices,
    *,
    technique: str,
    report: LintReport,
    rules: RuleFiles,
    settings: Settings,
    machine: Machine,
) -> Estimate | None:
    inputs = EstimateInputs(
        model=choices.model,
        techniques=[technique],
        gpu="cpu" if machine.is_cpu else None,
        micro_batch=choices.hyperparameters.micro_batch or choices.hyperparameters.batch_size or 8,
    )
    try:
        return estimate(inputs, rules=rules, settings=settings, report=report)[0]
    except TuneGateError as error:
        if error.code != "unsupported_family":
            raise
        return None  # no formula for this architecture: the plan says so by its null, and is not blocked by a guess


def _planned(name: str, model: ResolvedModel) -> PlannedModel:
    return PlannedModel(
        # the commit has a field of its own
        name=name.partition("@")[0] if model.revision and not Path(name).exists() else name,
        params=model.params,
        fingerprint=model.fingerprint,
        is_path=Path(name).exists(),
        revision=model.revision,
    )
