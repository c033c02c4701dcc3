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
from service.lint.templates.behaviour import behaviour_of
from service.lint.templates.reading import ChatTemplate, read_template
from service.models.folder import check_trainable
from service.models.hub import pinned
from service.models.resolve import ResolvedModel, resolve_model
from service.models.tensors import module_shapes
from service.records.decision import Decision
from service.records.estimate import Estimate
from service.records.lint_report import LintReport
from service.settings import Settings
from service.verbs.lint import LintInput, LintRequest, lint
from service.verbs.lint_privacy import PrivacyRequest
from service.verbs.plan_estimate import estimate_of
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
    trust_remote_code: bool = False,
) -> PlanBundle:
    """The plan on linted data; the estimate of the chosen technique on this machine is made here.

    `trust_remote_code`: run code that the model brings; a request over HTTP cannot ask for it.

    Raises:
        TuneGateError: `invalid_input` (also for data that was linted with another method), `target_cannot`,
            `unreadable_model`.

    """
    _require_method(choices.method, data)
    machine = this_machine()
    model, folder, technique, sharding, _ = _checked(choices, decision, rules=rules, settings=settings, machine=machine)
    _require_template(choices, folder)
    estimated, no_estimate = estimate_of(
        choices,
        technique=technique,
        sharding=sharding,
        report=data.report,
        rules=rules,
        settings=settings,
        machine=machine,
    )
    parts = PlanParts(
        decision=decision,
        report=data.report,
        estimate=estimated,
        model=_planned(choices.model, model),
        dataset=data.dataset,
        validation=data.validation,
        no_estimate=no_estimate,
    )
    plan = build_plan(
        choices,
        parts,
        rules=rules,
        machine=machine,
        allow_download=settings.allow_download,
        trust_remote_code=trust_remote_code,
    )
    return PlanBundle(
        plan=plan,
        decision=decision,
        report=data.report,
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
    trust_remote_code: bool = False,
) -> PlanBundle:
    """The plan on files of this machine; they are linted for the plan's target first."""
    # before the files are linted, which may take minutes
    *_, target = _checked(choices, decision, rules=rules, settings=settings, machine=this_machine())
    inputs = [LintInput(path=data, shown_as=str(data), role="train")]
    if validation is not None:
        inputs.append(LintInput(path=validation, shown_as=str(validation), role="validation"))
    report = _linted(inputs, target, rules, choices.method)
    linted = PlanData(
        report=report,
        dataset=DatasetRef(path=str(data), sha256=report.files[0].sha256),
        dataset_path=data,
        validation=DatasetRef(path=str(validation), sha256=report.files[1].sha256) if validation else None,
        validation_path=validation,
    )
    return plan_from_records(
        choices, linted, decision=decision, rules=rules, settings=settings, trust_remote_code=trust_remote_code
    )


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
    return _linted(inputs, plan.target, rules, plan.method)


def _linted(inputs: list[LintInput], target: str, rules: RuleFiles, method: str) -> LintReport:
    """The report for a launch target, with whatever privacy scan there is: its findings block the launch."""
    profile = LINT_TARGET_OF.get(target, target)
    request = LintRequest(inputs=inputs, target=profile, method=method, privacy=PrivacyRequest())
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


def _require_method(method: str, data: PlanData) -> None:
    """Refuse data whose rows were looked at as those of another method.

    Raises:
        TuneGateError: `invalid_input` with one item per dataset.

    """
    seen = {"dataset_id": data.report.method}
    if data.validation_method is not None:
        seen["validation_dataset_id"] = data.validation_method
    errors = [
        ErrorItem(where, f"linted with method {one}", f"method {method}", f"Store it again with ?method={method}.")
        for where, one in seen.items()
        if one != method
    ]
    if errors:
        raise TuneGateError("invalid_input", f"A plan of method {method} needs data of that method.", errors=errors)


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
    shapes = module_shapes(model.folder) if model and model.folder else {}
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


def _planned(name: str, model: ResolvedModel) -> PlannedModel:
    return PlannedModel(
        # the commit has a field of its own
        name=name.partition("@")[0] if model.revision and not Path(name).exists() else name,
        params=model.params,
        fingerprint=model.fingerprint,
        is_path=Path(name).exists(),
        shapes=module_shapes(model.folder) if model.folder else {},
        revision=model.revision,
    )
