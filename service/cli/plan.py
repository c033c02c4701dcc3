"""tunegate plan: the plan and its blockers, before anything is spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from service.cli.files import read_record
from service.cli.output import emit, output_options, pretty_json
from service.cli.plan_options import choices_from, plan_options
from service.data import rule_files
from service.records.decision import Decision
from service.settings import load_settings
from trainers.contract import Adapter, Choice, TrainPlan

_SHOWN_LABELS = 12


@click.command("plan")
@plan_options
@output_options()
def command(format_: str, output: Path | None, *, no_input: bool, **options: Any) -> int:
    """Join data, model and decision into a plan; exit 1 while something blocks it."""
    del no_input
    from service.verbs.plan import keep_records, plan_from_files

    for name in ("model", "data"):
        if options[name] is None:
            raise click.UsageError(f"--{name} is required.")
    settings = load_settings()
    decision = read_record(options["decision"], Decision) if options["decision"] else None
    bundle = plan_from_files(
        choices_from(options),
        data=options["data"],
        validation=options["validation"],
        decision=decision,
        rules=rule_files(settings.rules),
        settings=settings,
    )
    keep_records(bundle, settings)
    emit(pretty_json(bundle.plan) if format_ == "json" else plan_text(bundle.plan), output)
    return 1 if bundle.plan.blockers else 0


def plan_text(plan: TrainPlan) -> str:
    """One screen: what would be run, with what, resting on what, and what blocks it."""
    values = plan.hyperparameters
    lines = [
        f"plan {plan.id[:12]}  {plan.technique} on {plan.target}, model {plan.model}{_task(plan)}",
        (
            f"  epochs {values.n_epochs}, batch {values.batch_size} (micro {values.micro_batch}), "
            f"learning rate {values.learning_rate:g}, seed {values.seed}"
        ),
    ]
    if plan.processes > 1:
        offload = ", the optimizer's state in host memory" if plan.offload_optimizer else ""
        lines.append(f"  {plan.processes} processes, sharding {plan.sharding}{offload}")
    if values.adapter is not None:
        lines.append(f"  adapter {adapter_text(values.adapter)}")
    if values.peft is not None:
        lines.append(f"  peft {', '.join(f'{name} {value}' for name, value in values.peft.items())}")
    limit = f"{values.max_tokens} tokens" if values.max_tokens else "the model's context"
    lines.append(f"  rows up to {limit}, longer ones: {values.overlong}{', packed' if values.packing else ''}")
    if plan.chat_template is not None:
        lines.append(f"  chat template {plan.chat_template.sha256[:12]} in place of the model's own")
    lines.append(f"  ONNX {', '.join(plan.outputs.onnx) or 'none: the adapter alone'}")
    for name in ("decision", "lint_report", "estimate"):
        identifier = getattr(plan, name)
        lines.append(f"  {name.replace('_', ' ')}: {identifier[:12] if identifier else 'none'}")
    lines += choices_text(plan.choices)
    lines += [f"  override {override.code}: {override.reason}" for override in plan.overrides]
    for blocker in plan.blockers:
        lines += [f"BLOCKED {blocker.code}: {blocker.detail}", f"  {blocker.remedy}"]
    if not plan.blockers:
        lines.append("Nothing blocks it.")
    return "\n".join(lines)


def _task(plan: TrainPlan) -> str:
    if plan.task == "chat":
        return ""
    shown = ", ".join(plan.labels[:_SHOWN_LABELS])
    more = f" and {len(plan.labels) - _SHOWN_LABELS} more" if len(plan.labels) > _SHOWN_LABELS else ""
    return f"\n  {plan.task}, {len(plan.labels)} labels: {shown}{more}"


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
