"""Whether an adapter fits into the model: its target modules exist and its rank is below their sizes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from service.errors import ErrorItem, suggestion
from service.launch.request import HyperparameterRequest
from service.models.tensors import Shapes, is_linear
from trainers.contract import Adapter

ALL_LINEAR = "all-linear"
_ADAPTER, _PEFT = "hyperparameters.adapter", "hyperparameters.peft"
_MOST_REPETITIONS = 3
# the field that is a rank in the sense of a product of two matrices; other methods mean other things by r
_RANK_FIELD = {"LORA": "r", "ADALORA": "init_r"}


def check_modules(values: HyperparameterRequest, technique: str, shapes: Shapes) -> list[ErrorItem]:
    """Targets that match nothing, and a rank above the smallest matching side; nothing when no weight is known."""
    # names inside expert layers differ between files and the loaded model
    if not shapes or technique == "full" or any(".experts." in name for name in shapes):
        return []
    if technique == "peft":
        return _check_peft(values.peft or {}, shapes)
    adapter = values.adapter or Adapter()
    found, matching = _check_targets(f"{_ADAPTER}.targets", adapter.targets, shapes)
    return found + _check_rank(f"{_ADAPTER}.r", adapter.r, matching, shapes)


def _check_peft(peft: dict[str, Any], shapes: Shapes) -> list[ErrorItem]:
    found: list[ErrorItem] = []
    matching = [name for name in shapes if is_linear(name, shapes[name])]
    targets = peft.get("target_modules")
    if targets:
        found, matching = _check_targets(f"{_PEFT}.target_modules", targets, shapes)
    field = _RANK_FIELD.get(str(peft.get("peft_type")), "")
    rank = peft.get(field)
    if not isinstance(rank, int):
        return found
    return found + _check_rank(f"{_PEFT}.{field}", rank, matching, shapes)


def _check_targets(where: str, targets: object, shapes: Shapes) -> tuple[list[ErrorItem], list[str]]:
    """What is wrong, and the modules that match."""
    linear = [name for name in shapes if is_linear(name, shapes[name])]
    if targets == ALL_LINEAR:
        return [], linear
    kinds = sorted({name.rsplit(".", 1)[-1] for name in linear})
    if isinstance(targets, str):  # a regular expression over whole names, as peft reads it
        return _check_expression(where, targets, shapes, kinds)
    if not isinstance(targets, list) or not targets:
        return [ErrorItem(where, str(targets)[:60], f'"{ALL_LINEAR}" or module names')], []
    found, matching = [], []
    for target in map(str, targets):
        names = [name for name in shapes if name == target or name.endswith(f".{target}")]
        matching += names
        if not names:
            near = suggestion(target, kinds) or None
            found.append(ErrorItem(where, f"{target[:60]} matches no module", ", ".join(kinds), near))
    return found, matching


def _check_expression(
    where: str, expression: str, shapes: Shapes, kinds: Iterable[str]
) -> tuple[list[ErrorItem], list[str]]:
    try:
        pattern = re.compile(expression)
    except re.error as error:
        return [ErrorItem(where, f"not a regular expression ({error.msg})", f'"{ALL_LINEAR}" or module names')], []
    if _may_be_slow(expression):
        return [], []  # the trainer will say whether it matches; it keeps nobody else waiting
    matching = [name for name in shapes if pattern.fullmatch(name)]
    if matching:
        return [], matching
    near = suggestion(expression, kinds) or None
    return [ErrorItem(where, f"{expression[:60]} matches no module", ", ".join(kinds), near)], []


def _may_be_slow(expression: str) -> bool:
    """Repeated groups, or many repetitions, can take time without end."""
    return (
        re.search(r"\)[*+{?]", expression) is not None
        or sum(expression.count(one) for one in "*+{") > _MOST_REPETITIONS
    )


def _check_rank(where: str, rank: int, matching: list[str], shapes: Shapes) -> list[ErrorItem]:
    sides = [(min(shapes[name]), name) for name in matching if len(shapes[name]) == 2]
    if not sides or rank <= min(sides)[0]:
        return []
    smallest, name = min(sides)
    seen = f"{rank}, above the smallest side of {name} ({' x '.join(map(str, shapes[name]))})"
    return [ErrorItem(where, seen, f"1 to {smallest}", "A smaller rank, or other targets.")]
