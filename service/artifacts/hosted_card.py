"""The card of a model that stays at its service: what it is, what it rests on, how it was measured there."""

from __future__ import annotations

import json
from collections.abc import Mapping

from service.artifacts.card import base_name, chain_rows, training_data
from service.artifacts.card_evaluation import number
from service.records.hosted import Hosted
from service.records.lint_report import LintReport
from service.records.manifest import Chain
from trainers.contract import TrainPlan


def hosted_card(plan: TrainPlan, hosted: Hosted, chain: Chain, report: LintReport | None) -> str:
    """Markdown with YAML front matter; not a word of the training data."""
    front = {"base_model": base_name(plan), "tags": [plan.target, plan.technique, plan.method],
             "datasets": [f"sha256:{plan.dataset.sha256}"]}  # fmt: skip
    values = plan.hyperparameters
    trained = {
        "epochs": values.n_epochs, "seed": values.seed, "trained tokens": hosted.trained_tokens,
        "batch size": values.batch_size or "the service's own choice",
    }  # fmt: skip
    sections = [
        ["---", *(f"{name}: {json.dumps(value)}" for name, value in front.items()), "---"],
        [f"# {base_name(plan)}, tuned by {plan.target}", "",
         f"The model is `{hosted.model}`. Its weights stay at the service and cannot be exported."],
        ["## Training data", *training_data(plan, report)],
        ["## Training", "| setting | value |", "|---|---|", *_rows(trained)],
        ["## Metrics of the service", hosted.metrics_refused or "The last values of its results.csv.", "",
         "| metric | value |", "|---|---|", *_rows(hosted.metrics)],
        ["## Checkpoints", *([f"- step {one.step}: `{one.model}`" for one in hosted.checkpoints] or ["None."])],
        ["## Chain of records", *(f"- {name}: `{value}`" for name, value in chain_rows(chain))],
    ]  # fmt: skip
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _rows(values: Mapping[str, object]) -> list[str]:
    shown = {name: number(value) if isinstance(value, int | float) else value for name, value in values.items()}
    return [f"| {name} | {value} |" for name, value in shown.items()]
