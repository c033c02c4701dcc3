"""The messages that a model is given for a row, as a variant asks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from service.evaluate.templates import filled
from service.evaluate.variants import Example, Node, Variant

_PASSAGE_BREAK = "\n\n"


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a model, before it takes the form of an endpoint's; `sample` tells equal ones apart."""

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None = None
    temperature: float = 0.0
    max_new_tokens: int = 512
    sample: int = 0


def question_of(messages: Sequence[dict[str, Any]]) -> str:
    """The text of the last message of a user."""
    for message in reversed(messages):
        if message.get("role") == "user":
            return text_of(message.get("content"))
    return ""


def text_of(content: Any) -> str:
    """The text of a message's content, its parts one below another."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(one["text"] for one in parts if isinstance(one, dict) and isinstance(one.get("text"), str))


def with_question(messages: Sequence[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """The messages with another text in the last message of a user; its images stay."""
    found = list(messages)
    for place in range(len(found) - 1, -1, -1):
        if found[place].get("role") == "user":
            content = found[place].get("content")
            others = [one for one in content if not _is_text(one)] if isinstance(content, list) else []
            changed: Any = [{"type": "text", "text": text}, *others] if others else text
            found[place] = {**found[place], "content": changed}
            break
    return found


def messages_for(
    variant: Variant,
    messages: Sequence[dict[str, Any]],
    *,
    passages: Sequence[str] = (),
    examples: Sequence[Example] | None = None,
) -> list[dict[str, Any]]:
    """The row's messages with the variant's system message, examples and passages."""
    found = list(messages)
    if variant.retrieval is not None:
        values = {"input": question_of(found), "passages": _PASSAGE_BREAK.join(passages)}
        found = with_question(found, filled(variant.retrieval.template, values))
    if variant.system is not None:
        kept = [one for one in found if one.get("role") not in {"system", "developer"}]
        found = [{"role": "system", "content": variant.system}, *kept]
    shown = variant.examples if examples is None else examples
    first = next((n for n, one in enumerate(found) if one.get("role") not in {"system", "developer"}), len(found))
    return [*found[:first], *_turns(shown), *found[first:]]


def node_messages(
    node: Node, question: str, answers: Mapping[str, str], *, passages: Sequence[str]
) -> list[dict[str, Any]]:
    """The messages of one node of a flow."""
    values = {**answers, "input": question, "passages": _PASSAGE_BREAK.join(passages)}
    asked = {"role": "user", "content": filled(node.prompt, values)}
    return [asked] if node.system is None else [{"role": "system", "content": node.system}, asked]


def _turns(examples: Sequence[Example]) -> list[dict[str, Any]]:
    return [
        {"role": role, "content": text}
        for example in examples
        for role, text in (("user", example.user), ("assistant", example.assistant))
    ]


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text"
