"""The fine-tuning job, as `az ml job create` takes it; pure: the same request makes the same job."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from service.launch.targets.azure_ml.plan import NAME_DIGITS, TAG, data_assets
from service.launch.targets.azure_serverless.settings import AZURE_SERVERLESS, AzureServerlessSettings
from service.launch.targets.target import LaunchPlan, LaunchRequest
from service.records.identity import record_id
from trainers.contract import TrainPlan

# the SDK's name of the only output
OUTPUT = "registered_model"
PER_MILLION = 1e6


def launch_plan(request: LaunchRequest, where: AzureServerlessSettings, *, warnings: list[str]) -> LaunchPlan:
    """The job and the data assets that it reads; `request.key` makes two launches of one plan two jobs."""
    plan, settings = request.plan, msgspec.to_builtins(where)
    assets, files = data_assets(request)
    content = {
        "plan": plan.id,
        "key": request.key,
        "dataset": plan.dataset.sha256,
        "validation": plan.validation.sha256 if plan.validation else None,
        "where": {name: value for name, value in settings.items() if name != "poll_seconds"},
    }
    digest = record_id(content)
    name = f"tg-{digest[:NAME_DIGITS]}"
    cost = plan.cost or {}
    return LaunchPlan(
        target=AZURE_SERVERLESS,
        name=name,
        request_sha256=digest,
        manifest={
            "job": _job(plan, where, name=name, digest=digest, assets=assets),
            "assets": assets,
            "billing": _billing(cost),
            "plan": plan.id,
            "where": settings,
        },
        files=files,
        needs=[
            f"a hub project in {where.region}, of a paid subscription (free and trial ones are refused)",
            "role: Azure AI Developer on the project",
        ],
        warnings=[*warnings, _said_of_costs(cost)],
        max_usd=cost.get("max_usd"),
        poll_seconds=where.poll_seconds,
    )


def _billing(cost: dict[str, Any]) -> dict[str, Any]:
    """Tokens of all epochs at most, as they are counted here, and the price of a million of them."""
    tokens = cost.get("tokens")
    total = tokens * cost["epochs"] if tokens is not None else None
    return {"usd_per_million_tokens": cost.get("usd_per_million_tokens"), "tokens": total}


def _said_of_costs(cost: dict[str, Any]) -> str:
    """What can be known of the costs: the service tells neither tokens nor amounts, so that no limit ends a job."""
    billing = _billing(cost)
    price, tokens = billing["usd_per_million_tokens"], billing["tokens"]
    if price is None or tokens is None:
        return f"{cost.get('reason') or 'no_price: none was found'}: what it costs is not known before the bill"
    most = f"{tokens * price / PER_MILLION:.2f} USD at most ({tokens} tokens at {price:g} USD per million)"
    return f"what it has cost is not known while it runs, and max_cost ends none: {most} when it has succeeded"


def _job(
    plan: TrainPlan, where: AzureServerlessSettings, *, name: str, digest: str, assets: list[dict[str, Any]]
) -> dict[str, Any]:
    values = plan.hyperparameters
    wanted = {"num_train_epochs": str(values.n_epochs)}
    if values.learning_rate:
        wanted["learning_rate"] = f"{Decimal(repr(values.learning_rate)):f}"
    given = {
        {"data": "training_data"}.get(one["input"], "validation_data"): {
            "type": one["type"],
            "path": f"azureml:{one['name']}:{one['version']}",
        }
        for one in assets
    }
    return {
        "type": "finetuning",
        "model_provider": "custom",
        "task": "chat_completion",
        "name": name,
        "display_name": name,
        "experiment_name": where.experiment,
        "description": f"tunegate plan {plan.id}",
        "model": {"type": "mlflow_model", "path": plan.model},
        **given,
        "hyperparameters": wanted,
        "outputs": {OUTPUT: {"type": "mlflow_model", "name": f"tunegate-{digest[:NAME_DIGITS]}"}},
        "tags": {TAG: digest, "tunegate_plan": plan.id},
        # one of the SDK's own git properties: with it there, it looks for no others in the current folder
        "properties": {"azureml.git.dirty": "False"},
    }
