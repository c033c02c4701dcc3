"""What of a plan request a managed service has no setting for, all of it at once; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from service.errors import ErrorItem
from service.launch.compute import ComputeRequest
from service.launch.request import EvaluationRequest, HyperparameterRequest, PlanChoices

ELSEWHERE = "The service trains by its own trainer: leave it out, or plan for local or azure-ml."


def unsupported(choices: PlanChoices, taken: frozenset[str], *, again: str = "none") -> Iterator[ErrorItem]:
    """Settings of our own trainer, but for the hyperparameters that are `taken`.

    `again` says how a tuned model is tuned once more.
    """
    asked: dict[str, tuple[Any, Any, str]] = {
        "sharding": (choices.sharding or "none", "none", "none"),
        "processes": (choices.processes or 1, 1, "none"),
        "offload_optimizer": (choices.offload_optimizer, False, "false"),
        "chat_template": (choices.chat_template is not None, False, "the model's own"),
        "starts_from": (choices.starts_from, None, again),
        "task": (choices.task or "chat", "chat", "chat"),
        "compute": (choices.compute != ComputeRequest(), False, "nothing"),
        "evaluation": (choices.evaluation != EvaluationRequest(), False, "nothing: measure with tunegate evaluate"),
    }
    for name, (seen, fits, allowed) in asked.items():
        if seen != fits:
            yield ErrorItem(name, "something" if seen is True else str(seen), allowed, ELSEWHERE)
    yield from _unknown_values(choices.hyperparameters, taken)


def _unknown_values(wanted: HyperparameterRequest, taken: frozenset[str]) -> Iterator[ErrorItem]:
    plain = HyperparameterRequest()
    for name in HyperparameterRequest.__struct_fields__:
        value = getattr(wanted, name)
        if name not in taken and value != getattr(plain, name):
            shown = str(value) if isinstance(value, int | float | str) else "something"
            yield ErrorItem(f"hyperparameters.{name}", shown, ", ".join(sorted(taken)), ELSEWHERE)
