"""Everything a plan asks that this trainer cannot do, found before any library is loaded."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from trainers.contract import TrainPlan, cannot_run
from trainers.techniques import FOUR_BIT, TECHNIQUES

_NEEDED = ("torch", "transformers", "peft", "accelerate", "onnxruntime", "onnxruntime_genai", "onnx")


def refusals(plan: TrainPlan) -> list[str]:
    """One sentence per refusal, all of them."""
    found = []
    if plan.blockers:
        found.append(f"the plan is blocked: {', '.join(blocker.code for blocker in plan.blockers)}")
    found += _of_technique(plan)
    if plan.sharding != "none":
        found.append(f"sharding {plan.sharding!r} is not one of none")
    if plan.hyperparameters.batch_size % plan.hyperparameters.micro_batch:
        found.append("batch_size is not a multiple of micro_batch")
    found += _unmeasured(plan)
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


def missing_libraries(plan: TrainPlan) -> list[str]:
    """Libraries of the [train] extra that the plan needs and that are not installed."""
    needed = (*_NEEDED, "bitsandbytes") if plan.technique in FOUR_BIT else _NEEDED
    return [name for name in needed if importlib.util.find_spec(name) is None]


def _broken(pattern: str) -> str | None:
    try:
        re.compile(pattern)
    except re.error as error:
        return f"not a regular expression ({error.msg} at {error.pos})"
    return None
