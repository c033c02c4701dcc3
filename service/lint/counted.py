"""What is counted of a row that is not plain."""

from __future__ import annotations

from typing import Any

from service.lint.check import Row
from service.lint.keys import Key, canonical, text_hash
from service.lint.labelled import label_hashes, label_kinds
from service.lint.partial import Partial
from service.lint.shape import (
    CLASSIFICATION,
    TOP_KEYS,
    has_image,
    message_text,
    outputs,
    preference_input,
    role,
    shape_of,
)
from service.lint.sizes import outweighs
from service.lint.suppression import KEY

_NO_REFERENCE = text_hash(canonical([]).decode())


def count_labels(partial: Partial, data: dict[str, Any], number: int) -> None:
    """Labels of a row that is no chat; of a class of texts also how many rows have it, as tags differ in number."""
    if "messages" in data:
        return
    kinds = label_kinds(data)
    partial.label_kinds.update(kinds)
    for name in kinds:
        partial.label_types.add(name, number)
    for label in label_hashes(data):
        partial.labelled.add(label, number)
        if shape_of(data) == CLASSIFICATION:
            partial.labels.add(label)


def count_conversation(partial: Partial, data: dict[str, Any], key: Key, method: str) -> None:
    """Shape, lengths, system message, columns and answer of a row."""
    partial.shapes[shape_of(data) or "unknown"] += 1
    row = Row(data)
    if method == "dpo":
        _preference(partial, row)
    messages = [m for m in preference_input(row) if isinstance(m, dict)] or [m for _, m in row.messages]
    if not messages:
        return
    system = next((str(m.get("content")) for m in messages if role(m) in {"system", "developer"}), None)
    partial.spoke(None if system is None else text_hash(system), len(messages))
    partial.with_images += any(has_image(message) for message in messages)
    partial.weighted = partial.weighted or any("weight" in message for message in messages)
    _fields(partial, data)
    answer = messages[-1].get("content")
    if role(messages[-1]) == "assistant" and isinstance(answer, str):
        partial.answered(answer, key.answer)
    if system is not None:
        partial.system_heavy += outweighs(system, map(message_text, messages))
        if data.get("tools"):
            partial.tool_sets.add((text_hash(system), text_hash(canonical(data["tools"]).decode())))


def _preference(partial: Partial, row: Row) -> None:
    found = [canonical(output) for _, output in outputs(row)]
    if len(found) == 2:
        partial.preferred_bytes += len(found[0])
        partial.other_bytes += len(found[1])


def _fields(partial: Partial, data: dict[str, Any]) -> None:
    names = tuple(sorted(name for name in data if name not in TOP_KEYS and name != KEY))
    partial.field_sets.add(names)
    partial.references.add(text_hash(canonical([data[name] for name in names]).decode()) if names else _NO_REFERENCE)
