"""What an evaluation over HTTP is asked for: stored data, tables as in the TOML files, no path of the client."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from service.artifacts.answerable import answerables, chosen
from service.errors import ErrorItem, TuneGateError, suggestion
from service.evaluate.given import Given
from service.evaluate.goals import read_goal
from service.evaluate.models import Model, model_of, require_keys
from service.evaluate.variants import Variant, services_of, variant_of
from service.models.resolve import local_names
from service.records.dataset import Dataset
from service.verbs.context import Context
from service.verbs.datasets import dataset_file
from service.verbs.evaluating.allowed import Allowed
from service.verbs.evaluating.documents import FOLDER, EvaluationDocument, read_inline
from service.verbs.evaluating.request import (
    Checked,
    EvaluateRequest,
    check_ranges,
    check_whole,
    defaults_of,
    usual_variants,
)
from service.verbs.jobs import artifact

_MOST_USD, _LARGE = 1e9, 1 << 62
_SOURCES = "endpoint, job_id (of a finished job) or model (a folder of the models folder)"


class EvaluationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As the command line's options; temperature from 0 to 2, the others counts."""

    concurrency: int = 8
    shots: int = 3
    samples: int = 0
    perturbations: int = 0
    temperature: float = 0.0
    max_new_tokens: int = 512
    seed: int = 42


class EvaluationRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /v1/evaluations`: `variants` and `models` have the keys of the command line's TOML files.

    A variant's `examples` is the id of a dataset. A model has `endpoint`, `job_id` or `model` (a name of the models
    folder). `budget` in USD; `continues` is the id of an evaluation whose answers are taken over. `documents` (1,000 at
    most) are what variants with [retrieval] retrieve from, unless they name a search index.
    """

    dataset_id: str
    models: list[dict[str, Any]]
    variants: list[dict[str, Any]] = []
    regression_dataset_id: str | None = None
    examples_dataset_id: str | None = None
    judge: dict[str, Any] | None = None
    goal: str | None = None
    budget: float | None = None
    settings: EvaluationSettings = msgspec.field(default_factory=EvaluationSettings)
    continues: str | None = None
    documents: list[EvaluationDocument] = []


def decoded(content: bytes) -> tuple[EvaluationRequest, list[ErrorItem]]:
    """(the body, what is wrong with its shape); a field that cannot be used is as if it were not there.

    Raises:
        TuneGateError: `invalid_input` for what is no JSON object.

    """
    try:
        table = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        table = None
    if not isinstance(table, dict):
        remedy = "GET /schema describes the body."
        raise TuneGateError("invalid_input", "The body is no JSON object.", remedy=remedy)
    errors: list[ErrorItem] = []
    given = Given(table, "", errors)
    settings = given.inner("settings")
    models = [one.data for one in given.tables("models")]
    if not models and not any(one.where == "models" for one in errors):
        errors.append(ErrorItem("models", "none", "at least one"))
    body = EvaluationRequest(
        dataset_id=given.text("dataset_id", asked=True) or "",
        models=models,
        variants=[one.data for one in given.tables("variants")],
        regression_dataset_id=given.text("regression_dataset_id"),
        examples_dataset_id=given.text("examples_dataset_id"),
        judge=given.table("judge"),
        goal=given.text("goal"),
        budget=given.number("budget", None, least=0, most=_MOST_USD),
        settings=EvaluationSettings() if settings is None else _settings(settings),
        continues=given.text("continues"),
        documents=read_inline(given),
    )
    given.close()
    return body, errors


def _settings(given: Given) -> EvaluationSettings:
    """Any number of the right kind: the ranges are looked at where the command line's are."""
    usual = EvaluationSettings()
    whole = {
        name: given.whole(name, getattr(usual, name), least=-_LARGE, most=_LARGE)
        for name in ("concurrency", "shots", "samples", "perturbations", "max_new_tokens", "seed")
    }
    temperature = given.number("temperature", usual.temperature, least=-_LARGE, most=_LARGE)
    given.close()
    return EvaluationSettings(temperature=temperature or 0.0, **whole)


def read_body(context: Context, body: EvaluationRequest, errors: list[ErrorItem]) -> tuple[EvaluateRequest, Checked]:
    """The body as the command line's request, with what was read of it; `errors` is what was wrong before.

    Raises:
        TuneGateError: `invalid_input` with everything that is unusable; `endpoint_not_allowed` where nothing else is;
            `missing_key`.

    """
    allowed = Allowed(context.settings.endpoints)
    data = _Data(context, errors)
    request = EvaluateRequest(
        files=[data.file(body.dataset_id, "dataset_id")],
        out=Path(),
        models=[],
        regression=data.files(body.regression_dataset_id, "regression_dataset_id"),
        examples=next(iter(data.files(body.examples_dataset_id, "examples_dataset_id")), None),
        budget=body.budget,
        goal=body.goal,
        documents=Path(FOLDER) if body.documents else None,
        documents_as=FOLDER if body.documents else None,
        **msgspec.structs.asdict(body.settings),
    )
    check_ranges(request, errors)
    _check_continues(context, body.continues, errors)
    reader = _Models(context, errors, allowed)
    models = [reader.read(table, f"models[{n}]", f"model-{n}") for n, table in enumerate(body.models, 1)]
    judge = None if body.judge is None else reader.read(body.judge, "judge", "judge")
    read = Checked(
        variants=_variants(body, request, data, allowed, errors),
        models=_once([one for one in models if one is not None], errors),
        goal=read_goal(body.goal, errors),
        judge=judge,
    )
    checked = _checked(request, read, errors, allowed)
    judges = [] if checked.judge is None else [checked.judge]
    require_keys([*checked.models, *judges, *services_of(checked.variants)], os.environ)
    return request, checked


def _check_continues(context: Context, identifier: str | None, errors: list[ErrorItem]) -> None:
    try:
        if identifier is not None:
            context.store.evaluations.get(identifier)
    except TuneGateError:
        errors.append(ErrorItem("continues", "no evaluation of this id", "the id of an evaluation", None))


def _checked(request: EvaluateRequest, read: Checked, errors: list[ErrorItem], allowed: Allowed) -> Checked:
    """All that is wrong at once; the code says so where it is the operator alone who can help."""
    try:
        checked = check_whole(request, read, errors)
    except TuneGateError as error:
        every = [*error.errors, *allowed.refused]
        raise TuneGateError(error.code, error.detail, remedy=error.remedy, errors=every) from error
    allowed.refuse()
    return checked


class _Data:
    """Stored datasets, by the names of their files in the folder of datasets."""

    def __init__(self, context: Context, errors: list[ErrorItem]) -> None:
        self._context, self._errors = context, errors

    def file(self, identifier: str, where: str) -> Path:
        """Where it lies; nowhere, with the error noted, if it is none."""
        if not identifier:
            return Path()  # noted when the body was read
        try:
            found = self._context.store.get("dataset", identifier, Dataset)
        except TuneGateError:
            remedy = "POST /v1/datasets stores one and gives its id."
            self._errors.append(ErrorItem(where, "no dataset of this id", "the id of a stored dataset", remedy))
            return Path()
        return Path(dataset_file(self._context, found).name)

    def files(self, identifier: str | None, where: str) -> list[Path]:
        return [] if identifier is None else [self.file(identifier, where)]


def _variants(
    body: EvaluationRequest, request: EvaluateRequest, data: _Data, allowed: Allowed, errors: list[ErrorItem]
) -> list[Variant]:
    if not body.variants:
        return usual_variants(request)
    found = []
    for n, table in enumerate(body.variants, 1):
        where = f"variants[{n}]"
        made = variant_of(
            Given(table, where, errors), f"variant-{n}", defaults_of(request), _placing(data, f"{where}: examples")
        )
        if made is not None:
            found.append(made)
            for key, model in [] if made.retrieval is None else made.retrieval.services:
                allowed.require(f"{where}: retrieval: {key}", model)
    return found


def _placing(data: _Data, where: str) -> Callable[[str], str]:
    return lambda identifier: str(data.file(identifier, where))


class _Models:
    """Reads models; what the operator does not allow is noted where it is looked at."""

    def __init__(self, context: Context, errors: list[ErrorItem], allowed: Allowed) -> None:
        self._context, self._errors, self._allowed = context, errors, allowed

    def read(self, table: dict[str, Any], where: str, default: str) -> Model | None:
        """The model, or None with what is wrong noted."""
        given = Given(dict(table), where, self._errors)
        named = [key for key in ("endpoint", "job_id", "model") if given.data.get(key) is not None]
        if "folder" in given.data or len(named) != 1:
            seen = "a path" if "folder" in given.data else " and ".join(named) or "neither an endpoint nor a model"
            given.wrong("folder" if "folder" in given.data else "endpoint", seen, f"one of {_SOURCES}")
            return None
        if named != ["endpoint"] and not self._placed(given):
            return None
        made = model_of(given, self._name(given) or default, Path())
        if made is not None and made.endpoint is not None:
            self._allowed.require(given.where, made)
        return made

    def _placed(self, given: Given) -> bool:
        """Whether the folder of a job or of a model was found; it then stands in the table."""
        job, model = given.text("job_id"), given.text("model")
        if job is not None:
            folder = self._of_job(given, job)
        elif model in (names := local_names(self._context.settings)):
            folder = self._context.settings.models / str(model)
        else:
            if model is not None:
                given.wrong("model", "no model of this name", ", ".join(names) or "none is there", _hint(model, names))
            return False
        given.data["folder"] = None if folder is None else str(folder)
        return folder is not None

    def _of_job(self, given: Given, job: str) -> Path | None:
        precision = given.text("precision")
        try:
            run, manifest = artifact(self._context, job)
            chosen(answerables(run, manifest), precision)
        except TuneGateError as error:
            at_precision = precision is not None and error.code == "not_found"
            given.wrong("precision" if at_precision else "job_id", error.detail, None, error.remedy or None)
            return None
        return run

    def _name(self, given: Given) -> str | None:
        """What a model without an id is called."""
        found = [given.data.get(key) for key in ("name", "model", "job_id")]
        return next((one for one in found if isinstance(one, str) and one.strip()), None)


def _once(models: list[Model], errors: list[ErrorItem]) -> list[Model]:
    seen: set[str] = set()
    for one in models:
        if one.id in seen:
            errors.append(ErrorItem(f"model {one.id}", "two of this id", "ids that differ (id)"))
        seen.add(one.id)
    return models


def _hint(model: str, names: list[str]) -> str | None:
    return suggestion(model, names) or None
