"""Everything a plan asks that this trainer cannot do, found before any library is loaded."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path

from trainers.contract import TrainPlan, cannot_run, unfit_model
from trainers.sharding.ranks import world_size
from trainers.sharding.settings import SHARDINGS
from trainers.techniques import FOUR_BIT, TECHNIQUES

_NEEDED = ("torch", "transformers", "peft", "accelerate", "onnxruntime", "onnxruntime_genai", "onnx")
_FEWEST_LABELS = 2


def refusals(plan: TrainPlan) -> list[str]:
    """One sentence per refusal, all of them."""
    found = []
    if plan.blockers:
        found.append(f"the plan is blocked: {', '.join(blocker.code for blocker in plan.blockers)}")
    found += _of_technique(plan)
    found += _of_processes(plan)
    found += _unmeasured(plan)
    found += _of_task(plan)
    if why := cannot_run(plan.outputs):
        found.append(why)
    for name, reference in (("dataset", plan.dataset), ("validation", plan.validation)):
        if reference is not None and not Path(reference.path or "").is_file():
            found.append(f"{name}: no file at the path of the plan")
    if not plan.allow_download and not Path(plan.model).is_dir():
        found.append("model: no folder at the path of the plan, and downloads are not allowed")
    return found + [
        f"check {check.name!r}: {why}" for check in plan.evaluation.checks if (why := _broken(check.pattern))
    ]


def _of_technique(plan: TrainPlan) -> list[str]:
    found = []
    if plan.technique not in TECHNIQUES:
        found.append(f"technique {plan.technique!r} is not one of {', '.join(TECHNIQUES)}")
    if plan.technique == "peft" and not (plan.hyperparameters.peft or {}).get("peft_type"):
        found.append("technique 'peft' without hyperparameters.peft.peft_type")
    if plan.technique == "full" and not plan.outputs.onnx:
        found.append("full fine-tuning without an ONNX precision leaves no artifact")
    return found


def _of_processes(plan: TrainPlan) -> list[str]:
    found, values = [], plan.hyperparameters
    if plan.sharding not in {"none", *SHARDINGS}:
        found.append(f"sharding {plan.sharding!r} is not one of none, {', '.join(SHARDINGS)}")
    if plan.processes < 1:
        found.append(f"processes is {plan.processes}, not 1 or more")
    elif values.batch_size % (values.micro_batch * plan.processes):
        found.append(f"batch_size {values.batch_size} is not a multiple of micro_batch x processes")
    if world_size() > 1 and plan.processes != world_size():
        found.append(f"the plan has {plan.processes} processes, and the launcher started {world_size()}")
    if plan.sharding != "none" and plan.processes == 1:
        found.append(f"sharding {plan.sharding!r} needs at least 2 processes")
    if plan.sharding != "none" and shutil.which("g++") is None:
        found.append("DeepSpeed compiles its operators with g++, which is not on PATH")
    if plan.offload_optimizer and plan.sharding == "none":
        found.append("offload_optimizer needs a sharding: zero1, zero2 or zero3")
    return found


def _unmeasured(plan: TrainPlan) -> list[str]:
    """Settings that rest on a validation loss, in a plan that has none."""
    if plan.validation is not None:
        return []
    values = plan.hyperparameters
    asked = {
        "early_stopping": values.early_stopping is not None,
        "eval_steps": values.eval_steps is not None,
        "keep 'best'": values.keep == "best",
    }
    return [f"{name} needs validation data" for name, given in asked.items() if given]


def _of_task(plan: TrainPlan) -> list[str]:
    """What does not go with a task, and a model of another kind."""
    found = []
    try:
        config = json.loads((Path(plan.model) / "config.json").read_text())
        found = [f"model: {why}"] if (why := unfit_model(plan.task, str(config.get("model_type")))) else []
    except (OSError, ValueError, AttributeError):
        pass  # the loader says what is wrong with it
    if plan.task == "chat":
        return found
    asked = {
        f"method {plan.method!r}": plan.method != "sft",
        "packing": plan.hyperparameters.packing,
        "a chat template": plan.chat_template is not None,
        "checks of answers": bool(plan.evaluation.checks),
        f"sharding {plan.sharding!r}": plan.sharding != "none",
        "fewer than two labels": len(set(plan.labels)) < _FEWEST_LABELS,
    }
    return found + [f"task {plan.task!r} with {what}" for what, given in asked.items() if given]


def missing_libraries(plan: TrainPlan) -> list[str]:
    """Libraries of the extras that the plan needs and that are not installed."""
    needed = [*_NEEDED]
    if plan.technique in FOUR_BIT:
        needed.append("bitsandbytes")
    if plan.sharding != "none":
        needed.append("deepspeed")
    return [name for name in needed if importlib.util.find_spec(name) is None]


def _broken(pattern: str) -> str | None:
    try:
        re.compile(pattern)
    except re.error as error:
        return f"not a regular expression ({error.msg} at {error.pos})"
    return None
