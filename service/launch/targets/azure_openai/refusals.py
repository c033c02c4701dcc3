"""What of a plan request Azure OpenAI has no setting for or would not take, all of it at once; pure."""

from __future__ import annotations

from collections.abc import Iterator

from service.errors import ErrorItem
from service.launch.request import HyperparameterRequest, PlanChoices
from service.launch.targets.unsupported import ELSEWHERE, unsupported
from trainers.contract import Dpo

# (lowest, highest): OpenAI's public OpenAPI 2.3.0; beta is above 0
_RANGES: dict[str, tuple[float, float]] = {"n_epochs": (1, 50), "batch_size": (1, 256), "seed": (0, 2**31 - 1)}
_MOST_BETA = 2
_TAKEN = frozenset({"n_epochs", "batch_size", "learning_rate_multiplier", "seed", "dpo"})
_AGAIN = "none; name a tuned model as the model: BASE.ft-JOB"


def refusals(choices: PlanChoices) -> list[ErrorItem]:
    """Settings of our own trainer, and values outside the service's ranges."""
    return [*unsupported(choices, _TAKEN, again=_AGAIN), *_ranges(choices.hyperparameters)]


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
            yield ErrorItem(f"hyperparameters.dpo.{name}", f"{getattr(dpo, name):g}", "none", ELSEWHERE)
