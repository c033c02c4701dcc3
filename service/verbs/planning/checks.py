"""What a plan is checked for before its data is read: the model, the run that it starts from, what does not combine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.launch.continuing import Left, Start, go_on
from service.launch.machine import Machine
from service.launch.plan import PlannedModel, choose
from service.launch.request import PlanChoices
from service.launch.tasks import adapted_shapes, check_model, task_of
from service.lint.templates.behaviour import behaviour_of
from service.lint.templates.reading import ChatTemplate, read_template
from service.models.folder import check_trainable
from service.models.resolve import ResolvedModel, resolve_model
from service.models.tensors import module_shapes, parameter_count
from service.records.decision import Decision
from service.records.lint_report import LintReport
from service.settings import Settings
from service.verbs.planning.continuing import other_base, other_model
from trainers.contract import Task


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """Choices that can be planned, with what an earlier run decides filled in; `folder` holds the model's weights."""

    choices: PlanChoices
    planned: PlannedModel
    folder: Path
    config: Mapping[str, Any]
    technique: str
    sharding: str
    target: str
    start: Start | None = None


def checked(
    choices: PlanChoices,
    decision: Decision | None,
    left: Left | None,
    *,
    rules: RuleFiles,
    settings: Settings,
    machine: Machine,
) -> Checked:
    """Everything that needs no data; `left` is what an earlier run left to go on from.

    Raises:
        TuneGateError: `invalid_input`, `target_cannot`, `unreadable_model`; a model that cannot be read joins the
            other errors where there are some.

    """
    start = go_on(choices, left, decision, rules=rules) if left else None
    found = list(start.errors) if start else []
    if left is not None:
        found += other_model(choices.model, left, rules=rules, settings=settings)
    wanted = start.choices if start else choices
    task = task_of(wanted)
    model, problem = _readable(wanted.model, task, rules=rules, settings=settings)
    if start is not None and model is not None:
        found += other_base(start, model)
    if model is not None:
        found += _beyond_context(wanted, model)
    shapes = adapted_shapes(module_shapes(model.folder), task) if model and model.folder else {}
    try:
        target, technique, sharding = choose(
            wanted, decision, rules=rules, machine=machine, shapes=shapes, also=found, settings=settings
        )
    except TuneGateError as error:
        if problem is None or not error.errors or not wanted.model:
            raise
        also = [*found, ErrorItem("model", problem.detail.rstrip("."), None, problem.remedy or None)]
        choose(wanted, decision, rules=rules, machine=machine, shapes=shapes, also=also, settings=settings)
    if problem is not None or model is None or model.folder is None:
        raise problem or TuneGateError("unreadable_model", wanted.model)
    _require_template(wanted, model.folder)
    return Checked(
        choices=wanted,
        planned=_planned(wanted.model, model, task),
        folder=model.folder,
        config=model.config,
        technique=technique,
        sharding=sharding,
        target=target,
        start=start,
    )


def _beyond_context(choices: PlanChoices, model: ResolvedModel) -> list[ErrorItem]:
    """Rows that reach over the positions the model knows."""
    wanted = choices.hyperparameters.max_tokens
    context = model.config.get("max_position_embeddings") or model.config.get("n_positions")
    if wanted is None or not isinstance(context, int) or wanted <= context:
        return []
    why = "Beyond it lie positions that the model does not know."
    return [ErrorItem("hyperparameters.max_tokens", str(wanted), f"up to {context}, the model's context", why)]


def require_method(method: str, report: LintReport, validation_method: str | None) -> None:
    """Refuse data whose rows were looked at as those of another method.

    Raises:
        TuneGateError: `invalid_input` with one item per dataset.

    """
    seen = {"dataset_id": report.method}
    if validation_method is not None:
        seen["validation_dataset_id"] = validation_method
    errors = [
        ErrorItem(where, f"linted with method {one}", f"method {method}", f"Store it again with ?method={method}.")
        for where, one in seen.items()
        if one != method
    ]
    if errors:
        raise TuneGateError("invalid_input", f"A plan of method {method} needs data of that method.", errors=errors)


def _readable(
    name: str, task: Task, *, rules: RuleFiles, settings: Settings
) -> tuple[ResolvedModel | None, TuneGateError | None]:
    """The model as far as it can be resolved, and why it cannot be trained, if so."""
    model = None
    try:
        model = resolve_model(name, rules=rules, settings=settings)
        if model.folder is None:
            return model, TuneGateError(
                "unreadable_model",
                f"{name}: no folder with weights is known for this model.",
                remedy=_where_weights_lie(settings),
            )
        check_trainable(model.folder)
    except TuneGateError as error:
        return model, error
    if wrong := check_model(model.config, task):
        return model, TuneGateError("target_cannot", f"{wrong[0].seen}: {wrong[0].remedy}", errors=wrong)
    return model, None


def _where_weights_lie(settings: Settings) -> str:
    if not settings.model_paths:
        return "Put the model folder under the service's models folder, and name it."
    return f"Give the path of a model folder, or put it under {settings.models}."


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
