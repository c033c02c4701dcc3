"""The options of `tunegate estimate`: the fields of the estimate inputs, nested names hyphenated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from service.cli.estimate_cost_options import COST_VALUES
from service.errors import ErrorItem, TuneGateError

F = TypeVar("F", bound=Callable[..., Any])

# option -> (place in the inputs, type, metavar, help); click's own checks stay out so that all errors come at once
_VALUES: dict[str, tuple[str, type, str, str]] = {
    "--seq-len": ("seq_len", int, "N", "Tokens per row [default: longest row of --report, else 2048]."),
    "--micro-batch": ("micro_batch", int, "N", "Rows per forward pass and device."),
    "--grad-accum": ("grad_accum", int, "N", "Micro-batches per optimizer step."),
    "--base-dtype": ("base_dtype", str, "D", "Weights: bf16, fp16, fp32."),
    "--autocast": ("autocast", str, "D", "Mixed precision: bf16, fp16, none."),
    "--adapter-r": ("adapter.r", int, "N", "Adapter rank."),
    "--adapter-dropout": ("adapter.dropout", float, "P", "Adapter dropout."),
    "--adapter-dtype": ("adapter.dtype", str, "D", "Adapter weights: fp32, bf16, fp16."),
    "--adapter-virtual-tokens": ("adapter.virtual_tokens", int, "N", "Virtual tokens of prompt tuning."),
    "--attention": ("attention", str, "A", "sdpa, eager, flash."),
    "--optimizer": ("optimizer", str, "O", "adamw, adamw_fused, adamw_8bit, adamw_paged_8bit, adafactor, sgd."),
    "--loss": ("loss", str, "L", "hf, chunked, fused."),
    "--gpus": ("gpus", int, "N", "Devices of one kind."),
    "--peft": ("peft", str, "JSON", 'PeftConfig of technique peft (not by formula): {"peft_type": "IA3"}.'),
    "--zero-stage": ("zero.stage", int, "N", "DeepSpeed ZeRO stage, 0 to 3."),
    **COST_VALUES,
}
_SWITCHES: dict[str, tuple[str, str]] = {
    "--checkpointing/--no-checkpointing": ("checkpointing", "Recompute activations in the backward pass."),
    "--padded/--no-padded": ("padded", "Rows of one batch differ in length."),
    "--packing/--no-packing": ("packing", "Rows one after the other in sequences of --seq-len tokens."),
    "--double-quant/--no-double-quant": ("double_quant", "Quantise the scales of 4-bit weights too."),
    "--kbit-prepare/--no-kbit-prepare": ("kbit_prepare", "Keep what is not quantised in fp32, as peft prepares it."),
    "--keep-logits/--no-keep-logits": ("keep_logits", "The loop keeps the outputs through backward."),
    "--zero-offload-optimizer/--no-zero-offload-optimizer": ("zero.offload_optimizer", "Optimizer state on the host."),
    "--zero-offload-params/--no-zero-offload-params": ("zero.offload_params", "Weights on the host (ZeRO 3)."),
}


def estimate_options(function: F) -> F:
    """Add every option, in the order of the help."""
    for names, (place, help_) in reversed(_SWITCHES.items()):
        function = click.option(names, _parameter(place), default=None, help=help_)(function)
    for name, (place, kind, metavar, help_) in reversed(_VALUES.items()):
        function = click.option(name, _parameter(place), type=kind, metavar=metavar, help=help_)(function)
    first = [
        click.option("--technique", "techniques", multiple=True, metavar="T",
                     help="full, lora, qlora, dora, qdora, prompt (repeatable) [default: all but prompt]."),
        click.option("--gpu", "gpu", multiple=True, metavar="G", help="Device to judge (repeatable) [default: all]."),
        click.option("--report", type=click.Path(path_type=Path), metavar="LINT.json",
                     help="A lint report: its longest row sets the length, its rows and tokens time and money."),
        click.option("--inputs", type=click.Path(path_type=Path), metavar="FILE",
                     help="JSON with the inputs; options win over it."),
        click.option("--simulate", is_flag=True,
                     help="Run the real classes on tensors without memory (seconds; any family and PEFT method)."),
        click.option("--measure", is_flag=True,
                     help="Run three real steps on this machine's GPU (--gpu cpu: its CPU), random weights."),
        click.option("--adapter-targets", "adapter__targets", multiple=True, metavar="NAME",
                     help="Module with an adapter (repeatable) [default: all-linear]."),
    ]  # fmt: skip
    for option in reversed(first):
        function = option(function)
    return function


def merged_inputs(file: dict[str, Any], model: str | None, options: dict[str, Any]) -> dict[str, Any]:
    """The inputs of a file with everything said on the command line laid over it."""
    made: dict[str, Any] = dict(file)
    if model is not None:
        made["model"] = model
    if options["techniques"]:
        made["techniques"] = list(options["techniques"])
    if options["gpu"]:
        made["gpu"] = options["gpu"][0] if len(options["gpu"]) == 1 else list(options["gpu"])
    places = [place for place, *_ in _VALUES.values()] + [place for place, _ in _SWITCHES.values()]
    for place in places:
        _put(made, place, options[_parameter(place)])
    if options["simulate"] and options["measure"]:
        item = ErrorItem("--measure", "together with --simulate", "one of them", "They are two tiers of one answer.")
        raise TuneGateError("usage", "An estimate has one tier.", errors=[item])
    for flag, tier in (("simulate", "simulated"), ("measure", "measured")):
        if options[flag]:
            made["tier"] = tier
    if options["peft"] is not None:
        made["peft"] = _object(options["peft"])
    targets = list(options["adapter__targets"])
    _put(made, "adapter.targets", "all-linear" if targets == ["all-linear"] else targets or None)
    return made


def _object(text: str) -> object:
    """The object itself where the text is one; the inputs' own check names what else it is."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _parameter(place: str) -> str:
    return place.replace(".", "__")


def _put(inputs: dict[str, Any], place: str, value: object) -> None:
    if value is None:
        return
    group, dot, name = place.partition(".")
    if not dot:
        inputs[group] = value
        return
    nested = inputs.get(group)
    inputs[group] = {**nested, name: value} if isinstance(nested, dict) else {name: value}
