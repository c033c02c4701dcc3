"""What of a plan KAITO's own trainer does not do, all of it at once; pure."""

from __future__ import annotations

from collections.abc import Iterator

from service.errors import ErrorItem
from service.launch.targets.kaito.presets import Preset, preset_of
from trainers.contract import Adapter, TrainPlan

METHODS = ("lora", "qlora")
# the lint rule for weights that the trainer ignores
IGNORED_WEIGHT = "R033"
_SHOWN_LINES = 20
_ELSEWHERE = "Plan for local or azure-ml: our own trainer does it."


def refusals(plan: TrainPlan, rows: tuple[Preset, ...], *, gpus: int) -> list[ErrorItem]:
    """Why this plan cannot be a Workspace on a machine with so many GPUs."""
    found = [*_model(plan, rows), *_trainer(plan), *_values(plan), *_adapter(plan)]
    values = plan.hyperparameters
    if values.batch_size % (values.micro_batch * gpus):
        allowed = f"a multiple of {values.micro_batch * gpus}: {gpus} GPU(s) x micro_batch {values.micro_batch}"
        why = "KAITO trains on every GPU of the machine."
        found.append(ErrorItem("hyperparameters.batch_size", str(values.batch_size), allowed, why))
    return found


def weight_refusals(lines: list[int]) -> list[ErrorItem]:
    """Rows whose answers were to be left out of training, where the trainer would train on them."""
    if not lines:
        return []
    more = ", ..." if len(lines) > _SHOWN_LINES else ""
    seen = f"weight 0 in line {', '.join(map(str, lines[:_SHOWN_LINES]))}{more}"
    why = (
        "KAITO's trainer ignores weights and would train on these answers: take them out of the rows, "
        "or plan for local or azure-ml, whose trainer honours them."
    )
    return [ErrorItem("dataset", seen, "rows without weight 0", why)]


def _model(plan: TrainPlan, rows: tuple[Preset, ...]) -> Iterator[ErrorItem]:
    if preset_of(plan.model, rows) is None:
        names = ", ".join(row.name for row in rows)
        why = "KAITO tunes presets alone; a folder of one is found by its name. Others: local or azure-ml."
        yield ErrorItem("model", plan.model, names, why)


def _trainer(plan: TrainPlan) -> Iterator[ErrorItem]:
    asked = {
        "technique": (plan.technique, plan.technique in METHODS, " or ".join(METHODS)),
        "method": (plan.method, plan.method == "sft", "sft"),
        "task": (plan.task, plan.task == "chat", "chat"),
        "sharding": (plan.sharding, plan.sharding == "none", "none"),
        "starts_from": ("an earlier run", plan.starts_from is None, "none: training begins with the preset"),
        "chat_template": ("one of your own", plan.chat_template is None, "the preset's own"),
        "compute.liger": ("true", not plan.compute.liger, "false"),
        "compute.optimizer": (plan.compute.optimizer, plan.compute.optimizer == "adamw", "adamw"),
        "offload_optimizer": ("true", not plan.offload_optimizer, "false"),
    }
    yield from (ErrorItem(name, seen, allowed, _ELSEWHERE) for name, (seen, fits, allowed) in asked.items() if not fits)


def _values(plan: TrainPlan) -> Iterator[ErrorItem]:
    values = plan.hyperparameters
    asked = {
        "packing": ("true", not values.packing, "false"),
        "keep": (values.keep, values.keep == "last", "last"),
        "early_stopping": (str(values.early_stopping), values.early_stopping is None, "none"),
        "max_tokens": (str(values.max_tokens), values.max_tokens is None, "none: its trainer has a limit of its own"),
        "save_steps": (str(values.save_steps), values.save_steps is None, "none: it keeps no checkpoints"),
    }
    for name, (seen, fits, allowed) in asked.items():
        if not fits:
            yield ErrorItem(f"hyperparameters.{name}", seen, allowed, _ELSEWHERE)


def _adapter(plan: TrainPlan) -> Iterator[ErrorItem]:
    adapter = plan.hyperparameters.adapter or Adapter()
    if adapter.init != "default":
        yield ErrorItem("hyperparameters.adapter.init", adapter.init, "default", _ELSEWHERE)
    if adapter.loraplus_ratio is not None:
        yield ErrorItem("hyperparameters.adapter.loraplus_ratio", f"{adapter.loraplus_ratio:g}", "none", _ELSEWHERE)
