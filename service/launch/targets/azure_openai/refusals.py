"""What of a plan request a managed service has no setting for, all of it at once; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from service.errors import ErrorItem
from service.launch.compute import ComputeRequest
from service.launch.request import EvaluationRequest, HyperparameterRequest, PlanChoices
from trainers.contract import Dpo

_ELSEWHERE = "The service trains by its own trainer: leave it out, or plan for local or azure-ml."
# (lowest, highest): OpenAI's public OpenAPI 2.3.0; beta is above 0
_RANGES: dict[str, tuple[float, float]] = {"n_epochs": (1, 50), "batch_size": (1, 256), "seed": (0, 2**31 - 1)}
_MOST_BETA = 2
_TAKEN = frozenset({"n_epochs", "batch_size", "learning_rate_multiplier", "seed", "dpo"})


def refusals(choices: PlanChoices) -> list[ErrorItem]:
    """Settings of our own trainer, and values outside the service's ranges."""
    return [*_choices(choices), *_unknown_values(choices.hyperparameters), *_ranges(choices.hyperparameters)]


def _choices(choices: PlanChoices) -> Iterator[ErrorItem]:
    asked: dict[str, tuple[Any, Any, str]] = {
        "sharding": (choices.sharding or "none", "none", "none"),
        "processes": (choices.processes or 1, 1, "none"),
        "offload_optimizer": (choices.offload_optimizer, False, "false"),
        "chat_template": (choices.chat_template is not None, False, "the model's own"),
        "starts_from": (choices.starts_from, None, "none; name a tuned model as the model: BASE.ft-JOB"),
        "task": (choices.task or "chat", "chat", "chat"),
        "compute": (choices.compute != ComputeRequest(), False, "nothing"),
        "evaluation": (choices.evaluation != EvaluationRequest(), False, "nothing: measure with tunegate evaluate"),
    }
    for name, (seen, fits, allowed) in asked.items():
        if seen != fits:
            yield ErrorItem(name, "something" if seen is True else str(seen), allowed, _ELSEWHERE)


def _unknown_values(wanted: HyperparameterRequest) -> Iterator[ErrorItem]:
    plain = HyperparameterRequest()
    for name in HyperparameterRequest.__struct_fields__:
        value = getattr(wanted, name)
        if name not in _TAKEN and value != getattr(plain, name):
            shown = str(value) if isinstance(value, int | float | str) else "something"
            yield ErrorItem(f"hyperparameters.{name}", shown, ", ".join(sorted(_TAKEN)), _ELSEWHERE)


def _ranges(wanted: HyperparameterRequest) -> Iterator[ErrorItem]:
    for name, (low, high) in _RANGES.items():
        value = getattr(wanted, name)
        if value is not None and not low <= value <= high:
            yield ErrorItem(f"hyperparameters.{name}", str(value), f"{low:g} to {high:g} at the service")
    dpo = wanted.dpo
    if dpo is None:
        return
    if not 0 < dpo.beta <= _MOST_BETA:
        yield ErrorItem("hyperparameters.dpo.beta", f"{dpo.beta:g}", f"above 0, up to {_MOST_BETA}")
    for name in ("label_smoothing", "sft_weight"):
        if getattr(dpo, name) != getattr(Dpo(), name):
            yield ErrorItem(f"hyperparameters.dpo.{name}", f"{getattr(dpo, name):g}", "none", _ELSEWHERE)
