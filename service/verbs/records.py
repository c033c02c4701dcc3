"""records: decisions, estimates and plans made from stored records, and stored themselves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from service.launch.continuing import Left
from service.launch.request import PlanRequest
from service.records.dataset import Dataset
from service.records.decision import Decision
from service.records.estimate import Estimate, EstimateSet
from service.records.evaluation import Evaluation
from service.verbs.advise import advise
from service.verbs.context import Context
from service.verbs.datasets import dataset_file
from service.verbs.estimate import EstimateInputs, answer, estimate
from service.verbs.jobs import artifact
from service.verbs.plan import PlanBundle, PlanData, plan_from_records
from service.verbs.planning.continuing import left_by
from trainers.contract import DatasetRef, TrainPlan


class DecisionRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /v1/decisions`."""

    facts: dict[str, Any] = {}
    dataset_id: str | None = None
    estimate_ids: list[str] = []
    edition: str | None = None
    evaluation_ids: list[str] = []


def make_decision(context: Context, request: DecisionRequest) -> Decision:
    """Decide on facts, a stored dataset's report, stored estimates and stored evaluations."""
    report = context.store.get("dataset", request.dataset_id, Dataset).report if request.dataset_id else None
    estimates = [context.store.get("estimate", one, Estimate) for one in request.estimate_ids]
    evaluations = [context.store.get("evaluation", one, Evaluation) for one in request.evaluation_ids]
    decision = advise(
        request.facts,
        rules=context.rules,
        edition=request.edition,
        report=report,
        estimates=estimates,
        evaluations=evaluations,
    )
    return context.store.put("decision", decision.id, decision)


def make_estimates(context: Context, inputs: EstimateInputs) -> Estimate | EstimateSet:
    """Estimate, with token lengths from a stored dataset if one is named."""
    report = context.store.get("dataset", inputs.dataset_id, Dataset).report if inputs.dataset_id else None
    _require_own(context, inputs.model)
    made = estimate(inputs, rules=context.rules, settings=context.settings, report=report)
    for one in made:
        context.store.put("estimate", one.id, one)
    return answer(made)


def make_plan(context: Context, request: PlanRequest) -> TrainPlan:
    """Plan on stored records; the plan and where its files lie are kept."""
    bundle = plan_bundle(context, request)
    if bundle.estimate is not None:
        context.store.put("estimate", bundle.estimate.id, bundle.estimate)
    context.store.put("lint_report", bundle.report.id, bundle.report)
    return context.store.put("plan", bundle.plan.id, bundle.plan)


def left_by_name(context: Context, name: str) -> Left:
    """What a finished job of this service left; a folder of this host is nothing that a request may name.

    Raises:
        TuneGateError: `artifact_not_ready`, `artifact_corrupt`, `unknown_id`.

    """
    folder, _ = artifact(context, name)
    return left_by(folder, job=name)


def plan_bundle(context: Context, request: PlanRequest) -> PlanBundle:
    """The plan with its records and paths, as `make_plan` stores it and a job runs it."""
    _require_own(context, request.model)
    dataset = context.store.get("dataset", request.dataset_id, Dataset)
    held_out = None
    if request.validation_dataset_id:
        held_out = context.store.get("dataset", request.validation_dataset_id, Dataset)
    decision = context.store.get("decision", request.decision_id, Decision) if request.decision_id else None
    data = PlanData(
        report=dataset.report,
        dataset=DatasetRef(id=dataset.id, sha256=dataset.sha256),
        dataset_path=dataset_file(context, dataset),
        validation=DatasetRef(id=held_out.id, sha256=held_out.sha256) if held_out else None,
        validation_path=dataset_file(context, held_out) if held_out else None,
        validation_method=held_out.report.method if held_out else None,
    )
    left = left_by_name(context, request.starts_from) if request.starts_from else None
    evaluation = context.store.get("evaluation", request.evaluation_id, Evaluation) if request.evaluation_id else None
    return plan_from_records(
        request,
        data,
        decision=decision,
        rules=context.rules,
        settings=context.settings,
        left=left,
        evaluation=evaluation,
    )


def _require_own(context: Context, model: object) -> None:
    """What lies in a run folder is its project's alone; a folder of another's is unknown here.

    Raises:
        TuneGateError: `unknown_id`.
    """
    folder = Path(os.path.normpath(model)) if isinstance(model, str) else Path()
    if folder.is_relative_to(context.settings.runs):
        context.store.job(folder.relative_to(context.settings.runs).parts[0])
