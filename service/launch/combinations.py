"""What does not combine in a plan: each refusal says why and what would."""

from __future__ import annotations

from service.data import RuleFiles
from service.errors import ErrorItem
from service.launch.machine import Machine
from service.launch.modules import check_modules
from service.launch.peft_methods import WHERE as PEFT
from service.launch.peft_methods import check_peft, method_of
from service.launch.request import PlanChoices
from service.launch.tasks import task_refusals
from service.models.tensors import Shapes
from trainers.contract import ONNX_PRECISIONS, Adapter, cannot_run

LORA_FAMILY = ("lora", "dora", "qlora", "qdora")
FOUR_BIT = ("qlora", "qdora")
_ADAPTER = "hyperparameters.adapter"


def refusals(
    choices: PlanChoices, *, technique: str, rules: RuleFiles, machine: Machine, shapes: Shapes
) -> list[ErrorItem]:
    """Every combination that cannot be carried out; `shapes` are the model's weights, empty where unknown."""
    values = choices.hyperparameters
    found = [*_misplaced(choices, technique), *_of_method(choices, technique)]
    if values.adapter is not None and technique in LORA_FAMILY:
        found += _of_adapter(values.adapter, technique)
    if values.peft is not None and technique == "peft":
        found += check_peft(values.peft, rules=rules, machine=machine, task=choices.task or "chat")
    found += task_refusals(choices, technique=technique, rules=rules)
    method = method_of(values.peft, rules) if technique == "peft" else None
    if values.packing and method is not None and "num_virtual_tokens" in method.fields:
        why = "Virtual tokens stand before a sequence, not before each row in it."
        found.append(
            ErrorItem("hyperparameters.packing", f"true with {(values.peft or {})['peft_type']}", "false", why)
        )
    # an earlier run's adapter has been in this model before, and may be wider than one that is begun
    placed = [] if choices.starts_from else check_modules(values, technique, shapes)
    return [*found, *_of_outputs(choices, technique, rules), *placed]


def _misplaced(choices: PlanChoices, technique: str) -> list[ErrorItem]:
    """Settings of one technique beside another."""
    values, found = choices.hyperparameters, []
    if values.adapter is not None and technique not in LORA_FAMILY:
        why = "Full fine-tuning has no adapter." if technique == "full" else f"Its settings stand in {PEFT}."
        seen = f"{_named(values.adapter)} with technique {technique}"
        found.append(ErrorItem(_ADAPTER, seen, f"technique {', '.join(LORA_FAMILY)}", why))
    if technique == "peft" and values.peft is None:
        example = '{"peft_type": "IA3"}'
        found.append(ErrorItem(PEFT, "nothing", f"a PeftConfig as an object, such as {example}", "Give --peft JSON."))
    if technique != "peft" and values.peft is not None:
        found.append(ErrorItem(PEFT, f"an object with technique {technique}", "technique peft"))
    return found


def _of_method(choices: PlanChoices, technique: str) -> list[ErrorItem]:
    values, found = choices.hyperparameters, []
    if choices.method != "dpo":
        if values.dpo is not None:
            why = "Chats have no second answer to prefer another one to."
            found.append(ErrorItem("hyperparameters.dpo", f"settings with method {choices.method}", "method dpo", why))
        return found
    if values.packing:
        why = "DPO compares whole answers, whose probabilities are summed by row; a pack has no rows."
        found.append(ErrorItem("hyperparameters.packing", "true with method dpo", "false", why))
    if technique == "peft" and (values.peft or {}).get("peft_type") == "ADALORA":
        why = "AdaLoRA adds its own term to a loss that DPO does not use. Technique lora, or method sft."
        found.append(ErrorItem(PEFT, "AdaLoRA with method dpo", "another method of peft", why))
    return found


def _of_adapter(adapter: Adapter, technique: str) -> list[ErrorItem]:
    where, seen = f"{_ADAPTER}.init", f"{adapter.init} with technique {technique}"
    if adapter.init == "default":
        return []
    if technique in FOUR_BIT:
        why = (
            "PiSSA and OLoRA take their start out of the base's weights, and what is left would be rounded to 4 bits "
            "again: the merged model would not be the one that was trained."
        )
        return [ErrorItem(where, seen, "default", f"{why} Technique lora with this init, or init default.")]
    if technique == "dora":
        why = "An adapter that starts from the base ships as a plain LoRA, which has no place for DoRA's magnitudes."
        return [ErrorItem(where, seen, "default", f"{why} Technique lora with this init, or init default.")]
    return []


def _of_outputs(choices: PlanChoices, technique: str, rules: RuleFiles) -> list[ErrorItem]:
    found = []
    if why := cannot_run(choices.outputs):
        seen = f"{', '.join(choices.outputs.onnx)} for {choices.outputs.provider}"
        found.append(ErrorItem("outputs.onnx", seen, ", ".join(ONNX_PRECISIONS[choices.outputs.provider]), why))
    method = method_of(choices.hyperparameters.peft, rules) if technique == "peft" else None
    if method is not None and not method.merges and not method.cannot and choices.outputs.onnx:
        name = (choices.hyperparameters.peft or {})["peft_type"]
        why = f"{name} has no merge into the base's weights, so there is no model to export."
        found.append(
            ErrorItem(
                "outputs.onnx",
                f"{', '.join(choices.outputs.onnx)} with {name}",
                "no ONNX (--onnx none): the adapter alone is kept",
                f"{why} Or a method that merges: technique lora, or peft_type IA3, OFT, VERA ...",
            )
        )
    return found


def _named(adapter: Adapter) -> str:
    """The settings that were given, as far as they differ from the defaults."""
    default = Adapter()
    given = [name for name in Adapter.__struct_fields__ if getattr(adapter, name) != getattr(default, name)]
    return ", ".join(given) or "an adapter"
