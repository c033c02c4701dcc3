"""plan: dataset, model and decision in, the plan and its blockers out; spends nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeVar

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.files import write_atomically
from service.launch.machine import Machine, this_machine
from service.launch.plan import PlannedModel, PlanParts, build_plan, choose
from service.launch.request import PlanChoices
from service.launch.tasks import adapted_shapes, check_model, task_of
from service.lint.templates.behaviour import behaviour_of
from service.lint.templates.reading import ChatTemplate, read_template
from service.models.folder import check_trainable
from service.models.hub import pinned
from service.models.resolve import ResolvedModel, resolve_model
from service.models.tensors import module_shapes, parameter_count
from service.records.decision import Decision
from service.records.estimate import Estimate
from service.records.lint_report import LintReport
from service.settings import Settings
from service.verbs.lint import LintInput
from service.verbs.plan_estimate import estimate_of
from service.verbs.plan_report import linted, report_for
from service.verbs.plan_task import labels_for, with_task
from trainers.contract import DatasetRef, Task, TrainPlan

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
    machine = this_machine()
    choices, made = with_task(choices, data.dataset_path)
    model, folder, technique, sharding, target = _checked(
        choices, decision, rules=rules, settings=settings, machine=machine
    )
    _require_template(choices, folder)
    labels, of_labels = labels_for(choices, data.dataset_path, model.config)
    report = report_for(
        data.report,
        data.dataset_path,
        data.validation_path,
        target=target,
        task=task_of(choices),
        rules=rules,
    )
    estimated, no_estimate = estimate_of(
        choices,
        technique=technique,
        sharding=sharding,
        report=report,
        rules=rules,
        settings=settings,
        machine=machine,
    )
    parts = PlanParts(
        decision=decision,
        report=report,
        estimate=estimated,
        model=_planned(choices.model, model, task_of(choices)),
        dataset=data.dataset,
        validation=data.validation,
        no_estimate=no_estimate,
        labels=labels,
        task_choices=[*made, *of_labels],
    )
    plan = build_plan(choices, parts, rules=rules, machine=machine, allow_download=settings.allow_download)
    return PlanBundle(
        plan=plan,
        decision=decision,
        report=report,
        estimate=estimated,
        dataset=data.dataset_path,
        validation=data.validation_path,
        model=folder,
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
    # before the files are linted, which may take minutes
    with_its_task, _ = with_task(choices, data)
    *_, target = _checked(with_its_task, decision, rules=rules, settings=settings, machine=this_machine())
    inputs = [LintInput(path=data, shown_as=str(data), role="train")]
    if validation is not None:
        inputs.append(LintInput(path=validation, shown_as=str(validation), role="validation"))
    report = linted(inputs, target, rules, task_of(with_its_task))
    data_linted = PlanData(
        report=report,
        dataset=DatasetRef(path=str(data), sha256=report.files[0].sha256),
        dataset_path=data,
        validation=DatasetRef(path=str(validation), sha256=report.files[1].sha256) if validation else None,
        validation_path=validation,
    )
    return plan_from_records(choices, data_linted, decision=decision, rules=rules, settings=settings)


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
    return linted(inputs, plan.target, rules, plan.task)


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


def _checked(
    choices: PlanChoices, decision: Decision | None, *, rules: RuleFiles, settings: Settings, machine: Machine
) -> tuple[ResolvedModel, Path, str, str, str]:
    """(model, folder of its weights, technique, sharding, target), after everything that needs no data was checked.

    Raises:
        TuneGateError: `invalid_input`, `target_cannot`, `unreadable_model`; a model that cannot be read joins the
            other errors where there are some.

    """
    problem: TuneGateError | None = None
    model = None
    try:
        model = resolve_model(choices.model, rules=rules, settings=settings)
        if model.folder is None:
            problem = TuneGateError(
                "unreadable_model",
                f"{choices.model}: no folder with weights is known for this model.",
                remedy=f"Give the path of a model folder, or put it under {settings.models}.",
            )
        else:
            check_trainable(model.folder)
    except TuneGateError as error:
        problem = error
    task = task_of(choices)
    shapes = adapted_shapes(module_shapes(model.folder), task) if model and model.folder else {}
    if model is not None and problem is None and (wrong := check_model(model.config, task)):
        problem = TuneGateError("target_cannot", f"{wrong[0].seen}: {wrong[0].remedy}", errors=wrong)
    try:
        target, technique, sharding = choose(choices, decision, rules=rules, machine=machine, shapes=shapes)
    except TuneGateError as error:
        if problem is None or not error.errors:
            raise
        also = [ErrorItem("model", problem.detail.rstrip("."), None, problem.remedy or None)]
        choose(choices, decision, rules=rules, machine=machine, shapes=shapes, also=also)
    if problem is not None or model is None or model.folder is None:
        raise problem or TuneGateError("unreadable_model", choices.model)
    return model, model.folder, technique, sharding, target


def _require_template(choices: PlanChoices, folder: Path) -> None:
    """Refuse before anything is spent: without a template that renders a question and an answer nothing can be trained.

    Raises:
        TuneGateError: `unreadable_model`, or `invalid_input` for the supplied one.

    """
    if task_of(choices) != "chat":
        return
    own = read_template(folder)
    if choices.chat_template is not None:
        given = ChatTemplate((("default", choices.chat_template),), own.tokens if own else ())
        if problem := behaviour_of(given).problem:
            raise TuneGateError("invalid_input", f"The chat template cannot be used: {problem}.")
    elif own is None and (folder / "tokenizer_config.json").is_file():
        raise TuneGateError(
            "unreadable_model",
            f"{choices.model}: the model has no chat template.",
            remedy="Supply one: --chat-template FILE (over HTTP: chat_template, its text).",
        )


def _planned(name: str, model: ResolvedModel, task: Task) -> PlannedModel:
    return PlannedModel(
        # the commit has a field of its own
        name=name.partition("@")[0] if model.revision and not Path(name).exists() else name,
        params=model.params if model.params is not None or task == "chat" else parameter_count(model.folder),
        fingerprint=model.fingerprint,
        is_path=Path(name).exists(),
        shapes=adapted_shapes(module_shapes(model.folder), task) if model.folder else {},
        revision=model.revision,
    )
