"""What a plan's task asks of everything else in it; a classification differs from a chat in many places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.data import RuleFiles
from service.errors import ErrorItem
from service.launch.peft_methods import WHERE as PEFT
from service.launch.peft_methods import Method, method_of
from service.launch.request import EvaluationRequest, PlanChoices
from service.models.tensors import Shapes
from trainers.contract import Choice, EvaluationSettings, Task, unfit_model

# classifying a row costs one forward pass, so nearly all validation rows can be measured
CLASSIFIED_ROWS = 1000
_KEEPS_HEAD = "modules_to_save"


def task_of(choices: PlanChoices) -> Task:
    """The task that was asked for; what nobody named is a chat."""
    return choices.task or "chat"


def check_model(config: Mapping[str, Any], task: Task) -> list[ErrorItem]:
    """A model of the wrong kind for the task."""
    kind = config.get("model_type")
    if not isinstance(kind, str) or (why := unfit_model(task, kind)) is None:
        return []
    return [ErrorItem("model", f"{kind} for task {task}", None, f"{why}.")]


def adapted_shapes(shapes: Shapes, task: Task) -> Shapes:
    """The modules that an adapter may sit on: of a classifier those in its layers, not the head that is made anew."""
    if task == "chat":
        return shapes
    return {name: shape for name, shape in shapes.items() if any(part.isdigit() for part in name.split("."))}


def task_refusals(choices: PlanChoices, *, technique: str, rules: RuleFiles) -> list[ErrorItem]:
    """Every setting of chats in the plan of a classification."""
    task = task_of(choices)
    if task == "chat":
        return []
    asked, values = choices.evaluation, choices.hyperparameters
    chat_only = {
        "chat_template": (choices.chat_template is not None, "A classifier reads the text itself, without a template."),
        "hyperparameters.packing": (
            bool(values.packing),
            "Not tried with an encoder, whose tokens see both ways.",
        ),
        "evaluation.max_new_tokens": (asked.max_new_tokens is not None, "A classifier writes no tokens."),
        "evaluation.metrics": (bool(asked.metrics), "A classifier gives no answer in words: F1 is measured."),
        "method": (choices.method != "sft", "A classification has one label a row, and no answer to prefer."),
        "starts_from": (choices.starts_from is not None, "Going on from a run is of chats: a head is made anew."),
        "compute.liger": (bool(choices.compute.liger), "Its kernels are of models that write."),
        "evaluation.checks": (bool(asked.checks), "A classifier gives no answer in words: F1 is measured."),
    }
    found = [
        ErrorItem(where, f"given with task {task}", "left out, or task chat", why)
        for where, (given, why) in chat_only.items()
        if given
    ]
    if technique == "peft" and (why := _cannot_classify(method_of(values.peft, rules))):
        seen = f"{(values.peft or {})['peft_type']} with task {task}"
        found.append(ErrorItem(f"{PEFT}.peft_type", seen, "IA3, LORA, OFT, VERA ...", why))
    return found


def _cannot_classify(method: Method | None) -> str | None:
    """Why a method cannot carry a head; its own reason to be refused is said elsewhere."""
    if method is None or method.cannot:
        return None
    if _KEEPS_HEAD not in method.fields:
        return f"It has no {_KEEPS_HEAD}: the trained head would be lost."
    if "num_virtual_tokens" in method.fields:
        return "Virtual tokens are not tried with a classifier, and have no merge for its export."
    return None


def evaluation_of(asked: EvaluationRequest, task: Task) -> tuple[EvaluationSettings, list[Choice]]:
    """What is measured; and what was chosen because a classification can measure more than the default."""
    default = EvaluationSettings()
    rows, made = asked.max_rows, []
    if rows is None and task != "chat":
        rows = CLASSIFIED_ROWS
        made = [Choice("evaluation.max_rows", rows, "a row costs a classifier one forward pass")]
    return (
        EvaluationSettings(
            max_rows=default.max_rows if rows is None else rows,
            max_new_tokens=default.max_new_tokens if asked.max_new_tokens is None else asked.max_new_tokens,
            checks=asked.checks,
            metrics=asked.metrics,
        ),
        made,
    )
