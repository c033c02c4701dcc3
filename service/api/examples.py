"""Examples in the contract: bodies that tests send as they stand, and answers made of the records themselves."""

from __future__ import annotations

from typing import Any

import msgspec

from service.errors import ErrorItem
from service.records.job import Job, JobProgress, Moment
from service.records.problem import Problem
from service.records.webhook import NewWebhook, Webhook, WebhookDelivery, WebhookSecret, WebhookTry

_AT, _LATER = "2026-11-21T09:30:00.000Z", "2026-11-21T09:42:10.512Z"
_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_UUID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
_URL = "https://hooks.example.com/tunegate"

_QUEUED = Job(id=_UUID, plan=_DIGEST, state="queued", timeline=[Moment("queued", _AT)])
_RUNNING = msgspec.structs.replace(
    _QUEUED, state="running", step="train", progress=JobProgress(120, 600, 1.83),
    timeline=[Moment("queued", _AT), Moment("preparing", _AT), Moment("running", _AT)],
)  # fmt: skip
_WEBHOOK = Webhook(
    id=_UUID, url=_URL, events=["job.succeeded", "job.failed"], secrets=[WebhookSecret(made_at=_AT)], created_at=_AT
)
# the words before a secret's first sign, so that no scanner takes it for one
_NEW_WEBHOOK = NewWebhook(**msgspec.structs.asdict(_WEBHOOK), secret="whsec_...")  # noqa: S106
_WAITING = WebhookDelivery(
    id=_UUID, type="webhook.ping", state="pending", tries=0, created_at=_AT, next_try_at=_AT, last_try=None
)
_DELIVERED = msgspec.structs.replace(
    _WAITING, type="job.succeeded", state="delivered", tries=1, next_try_at=None,
    last_try=WebhookTry(_LATER, "delivered", 204),
)  # fmt: skip
_UNKNOWN_FACT = Problem(
    title="Unknown fact or value", status=422, code="invalid_facts", detail="1 fact is not usable.",
    remedy="GET /v1/rules/facts lists the facts and their values.",
    errors=[ErrorItem("gap.knd", "behaviour", "a known fact", "Did you mean 'gap.kind'?")],
)  # fmt: skip

# path -> the body of its POST; ids stand for ones that the service has given
REQUESTS: dict[str, Any] = {
    "/v1/decisions": {"facts": {"gap.kind": "behaviour", "eval.exists": True, "data.rows": 500}},
    "/v1/estimates": {"model": "phi-4", "techniques": ["lora"], "gpu": "A100-80GB"},
    "/v1/plans": {
        "dataset_id": _DIGEST, "model": "base", "technique": "lora", "hyperparameters": {"n_epochs": 2},
        "overrides": [
            {"code": "lint_errors", "reason": "the vendor accepts it"},
            {"code": "no_baseline_evaluation", "reason": "measured elsewhere"},
        ],
    },
    "/v1/jobs": {"plan_id": _DIGEST},
    "/v1/evaluations": {
        "dataset_id": _DIGEST,
        "models": [{"id": "served", "name": "served", "endpoint": "http://127.0.0.1:8000/v1"}],
    },
    "/v1/synth": {
        "kind": "coverage", "target": "local", "budget_tokens": 20_000,
        "documents": [{"name": "returns.md", "text": "A parcel may be sent back within thirty days."}],
        "model": {"name": "served", "endpoint": "http://127.0.0.1:8000/v1"},
    },
    "/v1/jobs/{identifier}/chat/completions": {
        "model": "fp32", "max_tokens": 16, "messages": [{"role": "user", "content": "When do you open?"}],
    },
    "/v1/monitors": {
        "name": "desk", "schedule": {"cron": "0 6 * * 1"}, "thresholds": {"DRF-100": 0.05},
        "evaluation": {
            "dataset_id": _DIGEST,
            "models": [{"id": "served", "name": "served", "endpoint": "http://127.0.0.1:8000/v1"}],
        },
    },
    "/v1/deployments/plan": {"job_id": _UUID, "ttl_hours": 2},
    "/v1/deployments": {"job_id": _UUID, "ttl_hours": 2, "plan_id": _DIGEST},
    "/v1/webhooks": {"url": _URL, "events": ["job.succeeded", "job.failed"]},
}  # fmt: skip
# (path, method, status) -> an answer
RESPONSES: dict[tuple[str, str, str], Any] = {
    ("/v1/jobs", "post", "202"): _QUEUED,
    ("/v1/jobs", "get", "200"): {"items": [_RUNNING], "next": None},
    ("/v1/jobs/{identifier}", "get", "200"): _RUNNING,
    ("/v1/webhooks", "post", "201"): _NEW_WEBHOOK,
    ("/v1/webhooks", "get", "200"): {"items": [_WEBHOOK], "next": None},
    ("/v1/webhooks/{identifier}", "get", "200"): _WEBHOOK,
    ("/v1/webhooks/{identifier}/secrets", "post", "201"): _NEW_WEBHOOK,
    ("/v1/webhooks/{identifier}/ping", "post", "202"): _WAITING,
    ("/v1/webhooks/{identifier}/deliveries", "get", "200"): {"items": [_DELIVERED], "next": None},
    ("/v1/decisions", "post", "422"): _UNKNOWN_FACT,
}


def add_examples(paths: dict[str, Any]) -> None:
    """Put every example where its body or answer is described."""
    for path, body in REQUESTS.items():
        _put(paths[path]["post"]["requestBody"], body)
    for (path, method, status), answer in RESPONSES.items():
        _put(paths[path][method]["responses"][status], msgspec.to_builtins(answer))


def _put(described: dict[str, Any], value: Any) -> None:
    (media,) = described["content"].values()
    media["examples"] = {"usual": {"value": value}}
