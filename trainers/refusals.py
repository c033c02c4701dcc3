"""Everything a plan asks that this trainer cannot do, found before any library is loaded."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path

from trainers.contract import KEPT_IN_CACHE, TrainPlan, cannot_run, unfit_model
from trainers.libraries import PLAIN_OPTIMIZER, needed_by
from trainers.sharding.ranks import world_size
from trainers.sharding.settings import SHARDINGS
from trainers.starting import start_problems
from trainers.techniques import TECHNIQUES

_NEEDED = ("torch", "transformers", "peft", "accelerate", "onnxruntime", "onnxruntime_genai", "onnx")
_FEWEST_LABELS = 2


def refusals(plan: TrainPlan) -> list[str]:
    """One sentence per refusal, all of them."""
    found = []
    if plan.blockers:
        found.append(f"the plan is blocked: {', '.join(blocker.code for blocker in plan.blockers)}")
    found += _of_technique(plan)
    found += _of_method(plan)
    found += _of_processes(plan)
    found += _of_compute(plan)
    found += start_problems(plan)
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
    return found


def _of_method(plan: TrainPlan) -> list[str]:
    values = plan.hyperparameters
    if plan.method != "dpo":
        return ["hyperparameters.dpo needs method 'dpo'"] if values.dpo is not None else []
    found = []
    if values.packing:
        found.append("method 'dpo' does not pack: an answer's probability is summed by row")
    if plan.sharding.startswith("zero3"):
        found.append(f"method 'dpo' with {plan.sharding}: the model is asked whole before its first step")
    if plan.technique == "peft" and (values.peft or {}).get("peft_type") == "ADALORA":
        found.append("method 'dpo' with AdaLoRA, whose own term stands in a loss that DPO does not use")
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


def _of_compute(plan: TrainPlan) -> list[str]:
    found, compute = [], plan.compute
    if plan.technique == "full" and compute.base_dtype != "fp32":
        found.append(f"full fine-tuning trains fp32 weights, not {compute.base_dtype}")
    if compute.optimizer != PLAIN_OPTIMIZER and plan.sharding != "none":
        found.append(f"optimizer {compute.optimizer!r} does not go with sharding {plan.sharding!r}")
    adapter = plan.hyperparameters.adapter
    if compute.optimizer != PLAIN_OPTIMIZER and adapter is not None and adapter.loraplus_ratio is not None:
        found.append(f"optimizer {compute.optimizer!r} does not go with LoRA+, which brings its own AdamW")
    if compute.base_dtype != "fp32" and compute.autocast != compute.base_dtype:
        found.append(f"a base in {compute.base_dtype} needs autocast {compute.base_dtype}")
    if compute.attention == "flash" and compute.exact:
        found.append("flash attention takes 16-bit values only")
    if compute.checkpointing and (plan.hyperparameters.peft or {}).get("peft_type") in KEPT_IN_CACHE:
        found.append("checkpointing drops the cache in which prefix tuning keeps what it learns")
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
        "metrics of answers": bool(plan.evaluation.metrics),
        "an earlier run to start from": plan.starts_from is not None,
        "liger": plan.compute.liger,
        f"sharding {plan.sharding!r}": plan.sharding != "none",
        "fewer than two labels": len(set(plan.labels)) < _FEWEST_LABELS,
    }
    return found + [f"task {plan.task!r} with {what}" for what, given in asked.items() if given]


def missing_libraries(plan: TrainPlan) -> list[str]:
    """Libraries of the extras that the plan needs and that are not installed."""
    needed = [*_NEEDED, *needed_by(plan)]
    if {"bleu", "chrf"}.intersection(plan.evaluation.metrics):
        needed.append("sacrebleu")
    if plan.compute.attention == "flash":
        needed.append("flash_attn")
    if plan.compute.liger:
        needed.append("liger_kernel")
    return [name for name in needed if importlib.util.find_spec(name) is None]


def _broken(pattern: str) -> str | None:
    try:
        re.compile(pattern)
    except re.error as error:
        return f"not a regular expression ({error.msg} at {error.pos})"
    return None
