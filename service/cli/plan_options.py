"""The options that say what to train, shared by `plan` and `train`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args

import click
import msgspec

from service.cli.files import read_record
from service.errors import ErrorItem, TuneGateError
from service.launch.request import PlanChoices
from service.records.evaluation import Evaluation
from service.settings import Settings, load_settings
from trainers.contract import Adapter, Attention, Autocast, BaseType, Check, Metric, Optimizer, Outputs, Override

F = TypeVar("F", bound=Callable[..., Any])


def _choice(values: object) -> click.Choice[str]:
    return click.Choice(get_args(values))


_ALL_LINEAR, _NO_ONNX = "all-linear", "none"
_OPTIONS = [
    click.option("--model", metavar="M", help="Model folder, or a name under TUNEGATE_HOME/models."),
    click.option(
        "--from",
        "starts_from",
        type=click.Path(path_type=Path),
        metavar="RUN",
        help="Go on from a finished run: train its adapter or its tuned model on; same technique and adapter shape.",
    ),
    click.option("--data", type=click.Path(path_type=Path), metavar="FILE", help="Training data, JSONL."),
    click.option("--validation", type=click.Path(path_type=Path), metavar="FILE", help="Validation data, JSONL."),
    click.option(
        "--evaluation",
        type=click.Path(path_type=Path),
        metavar="EVAL.json",
        help="What `tunegate evaluate` measured of the untuned model: the baseline where there is no validation data.",
    ),
    click.option("--task", metavar="T", help="chat, text-classification or token-classification; default: the data's."),
    click.option(
        "--method",
        type=click.Choice(["sft", "dpo"]),
        default="sft",
        help="sft: chats (default); dpo: preferences, two answers to one input.",
    ),
    click.option("--decision", type=click.Path(path_type=Path), metavar="D.json", help="The decision to carry out."),
    click.option("--technique", metavar="T", help="full, lora, ...; default: the decision's."),
    click.option("--sharding", metavar="S", help="none, zero1, zero2, zero3, zero3-offload; default: the decision's."),
    click.option("--processes", type=int, metavar="N", help="Processes that train together; default: one per GPU."),
    click.option("--offload-optimizer", is_flag=True, help="Keep the optimizer's state in host memory (ZeRO)."),
    click.option("--target", metavar="T", help="Where to train; default: the decision's, else local."),
    click.option("--override", "overrides", multiple=True, metavar="CODE=REASON", help="Lift a blocker by name."),
    click.option("--max-cost", type=float, metavar="USD", help="Block the plan above this cost."),
    click.option("--epochs", "n_epochs", type=int, metavar="N", help="Passes over the data."),
    click.option("--batch-size", type=int, metavar="N", help="Examples per optimizer step, over all devices."),
    click.option("--micro-batch", type=int, metavar="N", help="Examples per forward pass."),
    click.option("--learning-rate", type=float, metavar="R", help="Explicit rate."),
    click.option("--learning-rate-multiplier", type=float, metavar="X", help="Rate = our base rate x X."),
    click.option("--seed", type=int, metavar="N", help="One seed for everything random."),
    click.option("--max-tokens", type=int, metavar="N", help="Longest row; default: the model's context."),
    click.option(
        "--overlong",
        type=click.Choice(["refuse", "drop", "cut"]),
        help="What becomes of longer rows: refused (default), dropped, or cut at the end; counted and said.",
    ),
    click.option(
        "--packing/--no-packing", default=None, help="Put short rows into one sequence, unseen by one another."
    ),
    click.option(
        "--chat-template",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A jinja chat template in place of the model's own.",
    ),
    click.option("--dpo-beta", type=float, metavar="B", help="How dear it is to leave the model as it was (0.1)."),
    click.option("--dpo-label-smoothing", type=float, metavar="P", help="Share of preferences taken to be wrong."),
    click.option("--dpo-sft-weight", type=float, metavar="X", help="Times the preferred answer's own loss to add."),
    click.option("--adapter-r", type=int, metavar="N", help="Adapter rank."),
    click.option("--adapter-alpha", type=int, metavar="N", help="Adapter scale; default: twice the rank."),
    click.option("--adapter-dropout", type=float, metavar="P", help="Dropout before the adapter."),
    click.option("--adapter-targets", metavar="A,B", help="Modules that carry the adapter; default: all-linear."),
    click.option("--adapter-init", metavar="I", help="Where the adapter starts: default, pissa, olora."),
    click.option("--rslora", is_flag=True, help="Scale by alpha over the root of the rank (rsLoRA)."),
    click.option("--loraplus-ratio", type=float, metavar="X", help="B learns X times as fast as A (LoRA+)."),
    click.option("--peft", metavar="JSON", help='PeftConfig of technique peft, or its file: {"peft_type": "IA3"}.'),
    click.option("--base-dtype", type=_choice(BaseType), help="Type of weights that are not trained."),
    click.option("--autocast", type=_choice(Autocast), help="Type of matrix products."),
    click.option("--attention", type=_choice(Attention), help="How attention is computed."),
    click.option("--checkpointing/--no-checkpointing", default=None, help="Compute activations again, to save memory."),
    click.option("--optimizer", type=_choice(Optimizer), help="What AdamW keeps its state in."),
    click.option("--liger/--no-liger", default=None, help="Liger's fused kernels (a GPU, the library liger-kernel)."),
    click.option("--trust-remote-code", is_flag=True, help="Run code that the model's folder brings."),
    click.option("--save-steps", type=int, metavar="N", help="Steps between checkpoints; default: by time."),
    click.option("--eval-steps", type=int, metavar="N", help="Steps between validations; default: each epoch."),
    click.option("--early-stopping", type=int, metavar="N", help="Stop after N validations without a better loss."),
    click.option("--keep", type=click.Choice(["last", "best"]), help="Weights of the last step, or of the best loss."),
    click.option(
        "--onnx",
        "onnx",
        multiple=True,
        metavar="P",
        help="ONNX precision: fp32, fp16, int8, int4 (repeatable), or none.",
    ),
    click.option("--provider", metavar="P", help="What will run the ONNX file: cpu (default), cuda or dml."),
    click.option(
        "--check", "checks", multiple=True, metavar="NAME=REGEX", help="Measure the share of answers that match."
    ),
    click.option("--metric", "metrics", multiple=True, type=_choice(Metric), help="Also measure answers by it."),
    click.option("--evaluation-rows", type=int, metavar="N", help="Validation rows to measure on."),
    click.option("--max-new-tokens", type=int, metavar="N", help="Longest answer when measuring."),
]
_COMPUTE = ("base_dtype", "autocast", "attention", "checkpointing", "optimizer", "liger")
_HYPERPARAMETERS = (
    "batch_size", "micro_batch", "learning_rate", "learning_rate_multiplier", "n_epochs", "seed", "max_tokens",
    "save_steps", "eval_steps", "early_stopping", "keep", "overlong", "packing",
)  # fmt: skip


def plan_options(function: F) -> F:
    """Add the shared options."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def require_data(options: dict[str, Any], instead: str = "") -> None:
    """Data, and a model or a run to go on from, must be named.

    Raises:
        click.UsageError: naming the option that is missing.

    """
    missing = "data" if options["data"] is None else "model" if not (options["model"] or options["starts_from"]) else ""
    if missing:
        other = " (or --from RUN)" if missing == "model" else ""
        raise click.UsageError(f"{instead}--{missing} is required{other}.")


def evaluation_from(options: dict[str, Any]) -> Evaluation | None:
    """The record that --evaluation names."""
    return read_record(options["evaluation"], Evaluation) if options["evaluation"] else None


def settings_from(options: dict[str, Any]) -> Settings:
    """The environment's settings with what only a command line may say."""
    return msgspec.structs.replace(load_settings(), trust_remote_code=options["trust_remote_code"])


def choices_from(options: dict[str, Any]) -> PlanChoices:
    """The typed request of the parsed options; every unusable one is reported at once."""
    errors: list[ErrorItem] = []
    overrides = [Override(*pair) for pair in _pairs("--override", options["overrides"], errors)]
    checks = [Check(*pair) for pair in _pairs("--check", options["checks"], errors)]
    request = {
        "model": options["model"] or "",
        "task": options["task"],
        "method": options["method"],
        "starts_from": str(options["starts_from"]) if options["starts_from"] else None,
        "technique": options["technique"],
        "sharding": options["sharding"],
        "processes": options["processes"],
        "offload_optimizer": options["offload_optimizer"],
        "target": options["target"],
        "max_cost": options["max_cost"],
        "overrides": msgspec.to_builtins(overrides),
        "hyperparameters": {name: options[name] for name in _HYPERPARAMETERS}
        | {"adapter": _adapter(options), "peft": _peft(options["peft"], errors), "dpo": _dpo(options)},
        "outputs": {
            "onnx": _onnx(options["onnx"], errors),
            "provider": options["provider"] or Outputs().provider,
        },
        "evaluation": {
            "max_rows": options["evaluation_rows"],
            "max_new_tokens": options["max_new_tokens"],
            "checks": msgspec.to_builtins(checks),
            "metrics": list(dict.fromkeys(options["metrics"])),
        },
        "chat_template": _template(options["chat_template"], errors),
        "compute": {name: options[name] for name in _COMPUTE},
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
    targets = options["adapter_targets"]
    given = {
        "r": options["adapter_r"],
        "alpha": options["adapter_alpha"],
        "dropout": options["adapter_dropout"],
        "targets": targets if targets in {None, _ALL_LINEAR} else [one.strip() for one in targets.split(",")],
        "init": options["adapter_init"],
        "rslora": options["rslora"] or None,
        "loraplus_ratio": options["loraplus_ratio"],
    }
    given = {name: value for name, value in given.items() if value is not None}
    if not given:
        return None
    if options["starts_from"]:
        from service.verbs.planning.continuing import shape_of

        # what is not given is that run's; what is, is compared with it
        left: dict[str, Any] = msgspec.to_builtins(shape_of(options["starts_from"]))
        return left | given
    return {"alpha": 2 * given.get("r", Adapter().r)} | given


def _dpo(options: dict[str, Any]) -> dict[str, Any] | None:
    names = ("beta", "label_smoothing", "sft_weight")
    return {name: value for name in names if (value := options[f"dpo_{name}"]) is not None} or None


def _peft(text: str | None, errors: list[ErrorItem]) -> dict[str, Any] | None:
    """The object itself, or the one in a file."""
    if text is None:
        return None
    try:
        content = text if text.lstrip().startswith("{") else Path(text).read_text(encoding="utf-8")
        return msgspec.json.decode(content, type=dict[str, Any])
    except (OSError, UnicodeDecodeError, msgspec.DecodeError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        errors.append(ErrorItem("--peft", text[:60], "a JSON object, or the path of a file that holds one", why))
        return None


def _onnx(values: tuple[str, ...], errors: list[ErrorItem]) -> list[str]:
    if _NO_ONNX not in values:
        return list(values) or list(Outputs().onnx)
    if len(values) > 1:
        errors.append(ErrorItem("--onnx", ", ".join(values), "none alone, or precisions"))
    return []


def _template(path: Path | None, errors: list[ErrorItem]) -> str | None:
    try:
        return None if path is None else path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        errors.append(ErrorItem("--chat-template", f"{path}: {type(error).__name__}", "a readable UTF-8 file"))
        return None


def _pairs(option: str, values: tuple[str, ...], errors: list[ErrorItem]) -> list[tuple[str, str]]:
    pairs = []
    for value in values:
        name, equals, rest = value.partition("=")
        if equals and name and rest:
            pairs.append((name, rest))
        else:
            errors.append(ErrorItem(option, value, "NAME=VALUE"))
    return pairs
