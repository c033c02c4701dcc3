"""The options that say what to train, shared by `plan` and `train`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from service.errors import ErrorItem, TuneGateError
from service.launch.request import PlanChoices
from trainers.contract import Adapter, Check, EvaluationSettings, Outputs, Override

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = [
    click.option("--model", metavar="M", help="Model folder, or a name under TUNEGATE_HOME/models."),
    click.option("--data", type=click.Path(path_type=Path), metavar="FILE", help="Training data, chat JSONL."),
    click.option("--validation", type=click.Path(path_type=Path), metavar="FILE", help="Validation data, chat JSONL."),
    click.option("--decision", type=click.Path(path_type=Path), metavar="D.json", help="The decision to carry out."),
    click.option("--technique", metavar="T", help="full, lora, ...; default: the decision's."),
    click.option("--target", metavar="T", help="Where to train; default: the decision's, else local."),
    click.option("--override", "overrides", multiple=True, metavar="CODE=REASON", help="Lift a blocker by name."),
    click.option("--max-cost", type=float, metavar="USD", help="Block the plan above this cost."),
    click.option("--epochs", "n_epochs", type=int, metavar="N", help="Passes over the data."),
    click.option("--batch-size", type=int, metavar="N", help="Examples per optimizer step, over all devices."),
    click.option("--micro-batch", type=int, metavar="N", help="Examples per forward pass."),
    click.option("--learning-rate", type=float, metavar="R", help="Explicit rate."),
    click.option("--learning-rate-multiplier", type=float, metavar="X", help="Rate = our base rate x X."),
    click.option("--seed", type=int, metavar="N", help="One seed for everything random."),
    click.option("--max-tokens", type=int, metavar="N", help="Refuse rows longer than this."),
    click.option("--adapter-r", type=int, metavar="N", help="Adapter rank."),
    click.option("--adapter-alpha", type=int, metavar="N", help="Adapter scale."),
    click.option(
        "--onnx", "onnx", multiple=True, metavar="P", help="ONNX precision: fp32, fp16, int8, int4 (repeatable)."
    ),
    click.option("--provider", metavar="P", help="What will run the ONNX file: cpu (default), cuda or dml."),
    click.option(
        "--check", "checks", multiple=True, metavar="NAME=REGEX", help="Measure the share of answers that match."
    ),
    click.option("--evaluation-rows", type=int, metavar="N", help="Validation rows to measure on."),
    click.option("--max-new-tokens", type=int, metavar="N", help="Longest answer when measuring."),
]
_HYPERPARAMETERS = (
    "batch_size", "micro_batch", "learning_rate", "learning_rate_multiplier", "n_epochs", "seed", "max_tokens",
)  # fmt: skip


def plan_options(function: F) -> F:
    """Add the shared options."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def choices_from(options: dict[str, Any]) -> PlanChoices:
    """The typed request of the parsed options; every unusable one is reported at once."""
    errors: list[ErrorItem] = []
    overrides = [Override(*pair) for pair in _pairs("--override", options["overrides"], errors)]
    checks = [Check(*pair) for pair in _pairs("--check", options["checks"], errors)]
    request = {
        "model": options["model"],
        "technique": options["technique"],
        "target": options["target"],
        "max_cost": options["max_cost"],
        "overrides": msgspec.to_builtins(overrides),
        "hyperparameters": {name: options[name] for name in _HYPERPARAMETERS} | {"adapter": _adapter(options)},
        "outputs": {
            "onnx": list(options["onnx"]) or list(Outputs().onnx),
            "provider": options["provider"] or Outputs().provider,
        },
        "evaluation": _evaluation(options, checks),
    }
    try:
        choices = msgspec.convert(request, PlanChoices)
    except msgspec.ValidationError as error:
        errors.append(ErrorItem("command line", str(error)))
        choices = None
    if errors or choices is None:
        raise TuneGateError("usage", f"{len(errors)} option(s) cannot be used.", errors=errors)
    return choices


def _adapter(options: dict[str, Any]) -> dict[str, Any] | None:
    if options["adapter_r"] is None and options["adapter_alpha"] is None:
        return None
    rank = options["adapter_r"] or Adapter().r
    return {"r": rank, "alpha": options["adapter_alpha"] or 2 * rank}


def _evaluation(options: dict[str, Any], checks: list[Check]) -> dict[str, Any]:
    defaults = EvaluationSettings()
    return {
        "max_rows": options["evaluation_rows"] or defaults.max_rows,
        "max_new_tokens": options["max_new_tokens"] or defaults.max_new_tokens,
        "checks": msgspec.to_builtins(checks),
    }


def _pairs(option: str, values: tuple[str, ...], errors: list[ErrorItem]) -> list[tuple[str, str]]:
    pairs = []
    for value in values:
        name, equals, rest = value.partition("=")
        if equals and name and rest:
            pairs.append((name, rest))
        else:
            errors.append(ErrorItem(option, value, "NAME=VALUE"))
    return pairs
