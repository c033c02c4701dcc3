"""Writes what is generated (`make regen`): openapi/ from the app, schemas/ from the records, the index of checks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from service.api.contract import completed
from service.app import build_app
from service.data import rule_files
from service.launch.request import PlanRequest
from service.records.artifacts import Artifacts
from service.records.chat_row import ChatRow
from service.records.conversion import Conversion
from service.records.dataset import Dataset
from service.records.decision import Decision
from service.records.deployment import Deployment, DeploymentPlan
from service.records.drift import DriftReport
from service.records.estimate import Estimate
from service.records.evaluation import Evaluation
from service.records.evaluation_job import EvaluationJob
from service.records.job import Job
from service.records.lint_report import LintReport
from service.records.manifest import Manifest
from service.records.monitor import Monitor, MonitorRun, Redecision
from service.records.problem import Problem
from service.records.redaction import Redaction, Restoration
from service.records.split import Split
from service.records.sweep import Sweep
from service.records.synth_job import SynthJob
from service.records.synthesis import RowProvenance, SynthReport
from service.records.webhook import (
    DeploymentMessage,
    DriftMessage,
    EvaluationMessage,
    JobMessage,
    PingMessage,
    SynthesisMessage,
    Webhook,
    WebhookDelivery,
)
from service.verbs.estimate import EstimateInputs
from service.verbs.evaluating.body import EvaluationRequest
from service.verbs.monitoring.body import MonitorRequest
from service.verbs.records import DecisionRequest
from service.verbs.rules_schema import CHECKS_INDEX, checks_index, table_schema
from trainers.contract import Progress, Result, TrainPlan

SCHEMAS: dict[str, type[msgspec.Struct]] = {
    "chat-row": ChatRow,
    "decision": Decision,
    "lint-report": LintReport,
    "conversion": Conversion,
    "split": Split,
    "redaction": Redaction,
    "restoration": Restoration,
    "synth": SynthReport,
    "synth-provenance": RowProvenance,
    "dataset": Dataset,
    "estimate": Estimate,
    "plan": TrainPlan,
    "job": Job,
    "artifacts": Artifacts,
    "manifest": Manifest,
    "sweep": Sweep,
    "problem": Problem,
    "progress": Progress,
    "result": Result,
    "decision-request": DecisionRequest,
    "estimate-inputs": EstimateInputs,
    "plan-request": PlanRequest,
    "evaluation": Evaluation,
    "drift": DriftReport,
    "evaluation-job": EvaluationJob,
    "synth-job": SynthJob,
    "evaluation-request": EvaluationRequest,
    "deployment": Deployment,
    "deployment-plan": DeploymentPlan,
    "webhook": Webhook,
    "webhook-delivery": WebhookDelivery,
    "webhook-job-message": JobMessage,
    "webhook-evaluation-message": EvaluationMessage,
    "webhook-synthesis-message": SynthesisMessage,
    "webhook-deployment-message": DeploymentMessage,
    "webhook-ping-message": PingMessage,
    "webhook-drift-message": DriftMessage,
    "monitor": Monitor,
    "monitor-request": MonitorRequest,
    "monitor-run": MonitorRun,
    "redecision": Redecision,
}


def generated() -> dict[str, str]:
    """Path from the root of the checkout -> what must stand there."""
    files = {"openapi/openapi.json": _text(openapi())}
    for name, type_ in SCHEMAS.items():
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | msgspec.json.schema(type_)
        files[f"schemas/{name}.schema.json"] = _text(schema)
    # for editors: a table file names it in its first line
    files["schemas/rule-table.schema.json"] = _text(table_schema(rule_files()))
    files[CHECKS_INDEX] = _text(checks_index())
    return files


def openapi() -> dict[str, Any]:
    """The contract as served at /schema/openapi.json."""
    return completed(build_app().openapi_schema.to_schema())


def main() -> None:
    """Write every generated file of the checkout."""
    root = Path(__file__).resolve().parent.parent
    for name, text in generated().items():
        (root / name).write_text(text, encoding="utf-8")


def _text(content: Any) -> str:
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
