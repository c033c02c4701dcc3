"""Label masks: render once, tokenise once with offsets, train on assistant spans whose weight is not 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

IGNORED = -100  # torch cross-entropy's ignore_index

Message = dict[str, Any]


class LabelledRow(msgspec.Struct, frozen=True):
    """Token ids and labels of equal length; `straddling` tokens lie across a span's left edge and are not trained."""

    input_ids: list[int]
    labels: list[int]
    straddling: int

    @property
    def trained(self) -> int:
        return sum(label != IGNORED for label in self.labels)


class UnstableTemplate(ValueError):  # noqa: N818 - it names a property of the template
    """The chat template renders earlier turns differently once later ones exist."""

    def __init__(self, message: int) -> None:
        super().__init__(f"template not prefix-stable at message {message}")
        self.message = message


def label_row(tokenizer: Any, messages: Sequence[Message], tools: list[Any] | None) -> LabelledRow:
    """Ids and labels of one conversation; never truncates.

    The end-of-turn token and the template's text after it are trained, role headers are not.

    Raises:
        UnstableTemplate: when the rendering of a prefix is not a prefix of the rendering.
    """
    full = render(tokenizer, messages, tools)
    encoded = tokenizer(full, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
    labels = [IGNORED] * len(ids)
    straddling = 0
    for index, message in enumerate(messages):
        if message["role"] != "assistant" or message.get("weight") == 0:
            continue
        before = render(tokenizer, messages[:index], tools, prompt=True)
        after = render(tokenizer, messages[: index + 1], tools)
        if not (full.startswith(before) and full.startswith(after)):
            raise UnstableTemplate(index)
        start, end = len(before), len(after)
        for k, (left, right) in enumerate(offsets):
            if start <= left < right <= end:
                labels[k] = ids[k]
            elif left < start < right:
                straddling += 1
    return LabelledRow(input_ids=list(ids), labels=labels, straddling=straddling)


def render(tokenizer: Any, messages: Sequence[Message], tools: list[Any] | None, *, prompt: bool = False) -> str:
    """The chat template's text, with the generation prompt if asked."""
    shown = [{key: value for key, value in message.items() if key != "weight"} for message in messages]
    text = tokenizer.apply_chat_template(shown, tools=tools or None, tokenize=False, add_generation_prompt=prompt)
    return str(text)


def split_answer(messages: Sequence[Message]) -> tuple[list[Message], str] | None:
    """(messages before the last assistant turn, its text), or None when it has no text to compare."""
    for index in range(len(messages) - 1, 0, -1):
        if messages[index]["role"] == "assistant":
            content = messages[index].get("content")
            return (list(messages[:index]), content) if isinstance(content, str) and content else None
    return None
