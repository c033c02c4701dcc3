"""The fine-tuning job as it is sent; pure: the same request makes the same job, wherever it is made."""

from __future__ import annotations

from typing import Any

import msgspec

from service.launch.targets.azure_openai.settings import AZURE_OPENAI, AzureOpenAiSettings
from service.launch.targets.target import LaunchPlan, LaunchRequest
from service.records.identity import record_id
from trainers.contract import TrainPlan

METADATA = "tunegate_request"
_NAME_DIGITS, _SUFFIX_DIGITS = 12, 10
_METHODS = {"sft": "supervised", "dpo": "dpo"}
# what a plan of a managed service holds where the provider chooses
PROVIDER_S = 0


def launch_plan(request: LaunchRequest, where: AzureOpenAiSettings, *, model: str, warnings: list[str]) -> LaunchPlan:
    """The job with its files by their names there; `request.key` makes two launches of one plan two jobs.

    `model` is the service's own name of the base.
    """
    plan, settings = request.plan, msgspec.to_builtins(where)
    # of no job: how it is followed, and where its model may be deployed
    unlike = {"poll_seconds", "key_file", "subscription_id", "resource_group", "account"}
    content = {
        "plan": plan.id,
        "key": request.key,
        "dataset": plan.dataset.sha256,
        "validation": plan.validation.sha256 if plan.validation else None,
        "where": {name: value for name, value in settings.items() if name not in unlike},
    }
    digest = record_id(content)
    sent = {"data": (f"tg-{digest}.jsonl", request.dataset)}
    if plan.validation is not None and request.validation is not None:
        sent["validation"] = (f"tg-{digest}-validation.jsonl", request.validation)
    cost = plan.cost or {}
    price, tokens = cost.get("usd_per_million_tokens"), cost.get("tokens")
    billing = {"usd_per_million_tokens": price, "tokens": tokens * plan.hyperparameters.n_epochs if tokens else None}
    return LaunchPlan(
        target=AZURE_OPENAI,
        name=f"tg-{digest[:_NAME_DIGITS]}",
        request_sha256=digest,
        manifest={
            "job": _job(plan, where, model=model, digest=digest),
            "uploads": {name: there for name, (there, _) in sent.items()},
            "billing": billing,
            "plan": plan.id,
            "where": settings,
        },
        files={name: str(path) for name, (_, path) in sent.items()},
        needs=["role: Foundry User (or Cognitive Services OpenAI Contributor) on the resource"],
        warnings=[*warnings, *([] if price else [f"no_price: {cost.get('reason') or 'none was found'}"])],
        max_usd=cost.get("max_usd"),
        poll_seconds=where.poll_seconds,
    )


def _job(plan: TrainPlan, where: AzureOpenAiSettings, *, model: str, digest: str) -> dict[str, Any]:
    """The body of POST fine_tuning/jobs but for the files' ids; `trainingType` is Azure's own field."""
    kind, values = _METHODS[plan.method], plan.hyperparameters
    wanted: dict[str, Any] = {
        "n_epochs": values.n_epochs,
        "batch_size": values.batch_size or "auto",
        "learning_rate_multiplier": values.learning_rate_multiplier or "auto",
    }
    if values.dpo is not None:
        wanted["beta"] = values.dpo.beta or "auto"
    return {
        "model": model,
        "method": {"type": kind, kind: {"hyperparameters": wanted}},
        "seed": values.seed,
        "suffix": where.suffix or f"tg{digest[:_SUFFIX_DIGITS]}",
        "metadata": {METADATA: digest, "tunegate_plan": plan.id},
        "trainingType": where.training_type,
    }
