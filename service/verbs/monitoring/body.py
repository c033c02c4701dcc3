"""What a monitor is asked for, checked before it is kept: every unusable value told at once."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import msgspec

from service.errors import ErrorItem, TuneGateError, missing_extra
from service.evaluate.drift.evaluations import read_scores
from service.evaluate.drift.rules import drift_rules
from service.evaluate.drift.thresholds import with_thresholds
from service.evaluate.measures.catalogue import known, measure_of
from service.jobs.schedules import check_schedule
from service.records.dataset import Dataset
from service.records.decision import Decision
from service.records.evaluation import Evaluation
from service.records.monitor import Schedule
from service.verbs.context import Context
from service.verbs.evaluating.body import decoded, read_body
from service.verbs.monitoring.data import check_data

_FALL = "DRF-100"


class MonitorRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /v1/monitors`.

    `evaluation` is a body of `POST /v1/evaluations`, asked for at every slot of `schedule`; or `data` the query of
    `POST /v1/datasets` with `from`, the object that is read at every slot: one of the two. `baseline` is the id of a
    finished evaluation, or of a stored dataset; without one the first run is the baseline. `thresholds` by rule id
    (DRF-100 = 0.05), `measures` whose fall is looked for. `decision_id` is what a re-decision is made from, with the
    report of `dataset_id`, or without one of the dataset that drifted.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    schedule: Schedule
    evaluation: dict[str, Any] | None = None
    data: dict[str, str] | None = None
    baseline: str | None = None
    thresholds: dict[str, float] = {}
    measures: Annotated[list[str], msgspec.Meta(max_length=20)] = []
    decision_id: str | None = None
    dataset_id: str | None = None


def check_request(context: Context, request: MonitorRequest) -> None:
    """Everything that can be told before the first run: its schedule, addresses, records and thresholds.

    Raises:
        TuneGateError: `invalid_input` with everything that is unusable; `endpoint_not_allowed`, `missing_key`,
            `missing_extra`.
    """
    _require_libraries()
    errors = check_schedule(request.schedule) + _wrong_measures(request)
    for name, kind, type_ in (("decision_id", "decision", Decision), ("dataset_id", "dataset", Dataset)):
        identifier = getattr(request, name)
        if identifier is not None and not _stored(context, kind, identifier, type_):
            errors.append(ErrorItem(name, f"no {kind} of this id", f"the id of a stored {kind}"))
    if request.dataset_id is not None and request.decision_id is None:
        errors.append(ErrorItem("dataset_id", "no decision_id", "both, or neither"))
    if (request.evaluation is None) == (request.data is None):
        seen = "neither" if request.data is None else "both"
        errors.append(ErrorItem("evaluation", seen, "evaluation, or data: one of the two"))
    errors += _thresholds(context, request, _baseline(context, request, errors))
    if request.data is not None:
        errors += check_data(context, request.data)
    wrong: list[ErrorItem] = []
    if request.evaluation is not None:
        evaluation, wrong = decoded(msgspec.json.encode(request.evaluation))
        wrong = [msgspec.structs.replace(one, where=f"evaluation.{one.where}") for one in wrong]
    if errors:
        raise TuneGateError("invalid_input", "The monitor cannot be kept.", errors=[*errors, *wrong])
    if request.evaluation is not None:
        read_body(context, evaluation, wrong)


def _wrong_measures(request: MonitorRequest) -> list[ErrorItem]:
    if request.data is not None and request.measures:
        return [ErrorItem("measures", "given", "none", "Measures are of evaluations.")]
    return [
        ErrorItem(f"measures: {name[:60]}", "no measure that can fall", None)
        for name in request.measures
        if not known(name) or getattr(measure_of(name), "bounds", None) is None
    ]


def _baseline(context: Context, request: MonitorRequest, errors: list[ErrorItem]) -> Evaluation | None:
    if request.baseline is None:
        return None
    if request.data is not None:
        if not _stored(context, "dataset", request.baseline, Dataset):
            errors.append(ErrorItem("baseline", "no dataset of this id", "the id of a stored dataset"))
        return None
    try:
        job = context.store.evaluations.get(request.baseline)
    except TuneGateError:
        job = None
    if job is None or job.evaluation_id is None:
        errors.append(ErrorItem("baseline", "no finished evaluation of this id", "an id of GET /v1/evaluations"))
        return None
    return context.store.get("evaluation", job.evaluation_id, Evaluation)


def _thresholds(context: Context, request: MonitorRequest, baseline: Evaluation | None) -> list[ErrorItem]:
    """Those that nothing or everything reaches, by themselves or from where the baseline stands."""
    try:
        rules = with_thresholds(drift_rules(context.rules), request.thresholds)
    except TuneGateError as error:
        return [msgspec.structs.replace(one, where=f"thresholds.{one.where}") for one in error.errors]
    threshold = next(one.at_least for one in rules.rule if one.id == _FALL)
    room = read_scores(baseline, request.measures) if baseline is not None else {}
    if not room or any(most >= threshold for most in room.values()):
        return []
    stands = ", ".join(f"{name} by {most:.3f} at most" for name, most in room.items())
    remedy = "No fall reaches it: nothing would ever drift. Name a smaller threshold, or a better baseline."
    return [ErrorItem(f"thresholds.{_FALL}", f"{threshold:g}", f"what the baseline can fall: {stands}", remedy)]


def _stored(context: Context, kind: str, identifier: str, type_: type[Any]) -> bool:
    try:
        context.store.get(kind, identifier, type_)
    except TuneGateError:
        return False
    return True


def _require_libraries() -> None:
    try:
        for name in ("numpy", "scipy.stats"):
            import_module(name)
    except ImportError as error:
        raise missing_extra("evaluate", "A monitor", error) from error
