"""A plan for people: what would be run, with what, resting on what, and what blocks it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trainers.contract import Adapter, Choice, Compute, TrainPlan

_SHOWN_LABELS = 12


def plan_text(plan: TrainPlan) -> str:
    """One screen: what would be run, with what, resting on what, and what blocks it."""
    method = f" by {plan.method}" if plan.method != "sft" else ""
    lines = [
        f"plan {plan.id[:12]}  {plan.technique}{method} on {plan.target}, model {plan.model}{_task(plan)}",
        _numbers(plan),
    ]
    if plan.starts_from is not None:
        lines.append(f"  goes on from what run {plan.starts_from.manifest[:12]} left ({plan.starts_from.path})")
    managed = plan.technique == "provider-managed"
    lines += [f"  {line}" for line in ([] if managed else _settings(plan))]
    alone = "the model" if plan.technique == "full" else "a hosted model's id" if managed else "the adapter"
    lines.append(f"  ONNX {', '.join(plan.outputs.onnx) or f'none: {alone} alone'}")
    for name in ("decision", "lint_report", "estimate"):
        identifier = getattr(plan, name)
        lines.append(f"  {name.replace('_', ' ')}: {identifier[:12] if identifier else 'none'}")
    if plan.evaluation_id is not None:
        lines.append(f"  evaluation: {plan.evaluation_id[:12]}")
    lines += [f"  rows of the data are synthetic (CAU-430): {one[:12]}" for one in plan.synth]
    if plan.cost is not None:
        lines.append(f"  {_cost(plan.cost)}")
    lines += choices_text(plan.choices)
    lines += [f"  override {override.code}: {override.reason}" for override in plan.overrides]
    for blocker in plan.blockers:
        lines += [f"BLOCKED {blocker.code}: {blocker.detail}", f"  {blocker.remedy}"]
    if not plan.blockers:
        lines.append("Nothing blocks it.")
    return "\n".join(lines)


def _numbers(plan: TrainPlan) -> str:
    values = plan.hyperparameters
    if plan.technique == "provider-managed":
        # 0: the service's own choice
        multiplier = f"{values.learning_rate_multiplier:g}" if values.learning_rate_multiplier else "auto"
        beta = f", beta {values.dpo.beta or 'auto'}" if values.dpo else ""
        shown = f"batch {values.batch_size or 'auto'}, learning rate multiplier {multiplier}{beta}"
        return f"  epochs {values.n_epochs}, {shown}, seed {values.seed}"
    return (
        f"  epochs {values.n_epochs}, batch {values.batch_size} (micro {values.micro_batch}), "
        f"learning rate {values.learning_rate:g}, seed {values.seed}"
    )


def _cost(cost: dict[str, Any]) -> str:
    if "usd_per_million_tokens" in cost:
        return _token_cost(cost)
    rate = f"{cost['count']} x {cost['machine']}" + (
        f", {cost['usd_per_hour']:g} USD/h" if cost["usd_per_hour"] else ""
    )
    about = f"about {cost['usd']:.2f} USD for {cost['hours']:g} h of training" if cost["usd"] is not None else ""
    return f"cost: {rate}: {about or cost['reason']}" + (f", at most {cost['max_usd']:g}" if cost["max_usd"] else "")


def _token_cost(cost: dict[str, Any]) -> str:
    most = f", at most {cost['max_usd']:g}" if cost["max_usd"] is not None else ""
    if cost["usd"] is None:
        return f"cost: not known: {cost['reason']}{most}"
    said = f"{cost['tier']}, {cost['confidence']}, {cost['as_of']}"
    counted = f"{cost['tokens']} tokens x {cost['epochs']} epochs x {cost['usd_per_million_tokens']:g} USD per million"
    hosting = cost["hosting_usd_per_hour"]
    deployed = f"; deployed {hosting:g} USD/h" if hosting is not None else ""
    return f"cost: about {cost['usd']:.2f} USD: {counted} ({said}){deployed}{most}"


def _task(plan: TrainPlan) -> str:
    if plan.task == "chat":
        return ""
    shown = ", ".join(plan.labels[:_SHOWN_LABELS])
    more = f" and {len(plan.labels) - _SHOWN_LABELS} more" if len(plan.labels) > _SHOWN_LABELS else ""
    return f"\n  {plan.task}, {len(plan.labels)} labels: {shown}{more}"


def _settings(plan: TrainPlan) -> Iterator[str]:
    """What is trained, from which rows, and how it is computed, where that is not the plain case."""
    values = plan.hyperparameters
    if plan.processes > 1:
        offload = ", the optimizer's state in host memory" if plan.offload_optimizer else ""
        yield f"{plan.processes} processes, sharding {plan.sharding}{offload}"
    if values.adapter is not None:
        yield f"adapter {adapter_text(values.adapter)}"
    if values.dpo is not None:
        dpo = values.dpo
        yield f"beta {dpo.beta:g}, label smoothing {dpo.label_smoothing:g}, SFT weight {dpo.sft_weight:g}"
    if values.peft is not None:
        yield f"peft {', '.join(f'{name} {value}' for name, value in values.peft.items())}"
    limit = f"{values.max_tokens} tokens" if values.max_tokens else "the model's context"
    yield f"rows up to {limit}, longer ones: {values.overlong}{', packed' if values.packing else ''}"
    if plan.compute != Compute():
        yield compute_text(plan.compute)
    if plan.trust_remote_code:
        yield "code that the model brings is run"
    if plan.chat_template is not None:
        yield f"chat template {plan.chat_template.sha256[:12]} in place of the model's own"


def compute_text(compute: Compute) -> str:
    """How the arithmetic is done."""
    options = ["activations computed again" if compute.checkpointing else "", "Liger kernels" if compute.liger else ""]
    types = f"base in {compute.base_dtype}, autocast {compute.autocast}"
    return ", ".join(
        [types, f"{compute.attention} attention", f"optimizer {compute.optimizer}", *filter(None, options)]
    )


def adapter_text(adapter: Adapter) -> str:
    """Its shape, and of its options those that are not the default."""
    options = [
        "rslora" if adapter.rslora else "",
        f"init {adapter.init}" if adapter.init != "default" else "",
        f"dropout {adapter.dropout:g}" if adapter.dropout else "",
        f"LoRA+ ratio {adapter.loraplus_ratio:g}" if adapter.loraplus_ratio else "",
    ]
    targets = adapter.targets if isinstance(adapter.targets, str) else ", ".join(adapter.targets)
    return ", ".join([f"r {adapter.r}", f"alpha {adapter.alpha}", targets, *filter(None, options)])


def choices_text(choices: list[Choice]) -> list[str]:
    """A line per value that nobody gave, with its reason."""
    if not choices:
        return []
    lines = [f"    {one.name} {_value(one.value)}: {one.why}" for one in choices]
    return ["  chosen automatically:", *lines]


def _value(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
