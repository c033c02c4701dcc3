r"""F041 An answer that the given schema refuses.

## What it finds
With `--answer-schema FILE`, an answer of the assistant that is no JSON text, or JSON that the schema in the file refuses.
Calls of tools are no answers; of preference data, only the preferred output is read.

## Why it matters
A model that is tuned for structured output learns its mistakes too: what breaks the schema here breaks a parser later.

## Example
(an answer of prose, and a schema of objects)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
own
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from service.lint.check import Check, Hit, Row
from service.lint.json_schema import violations
from service.lint.shape import calls, outputs, role


def find(row: Row, validator: Any = None) -> Iterator[Hit]:
    if validator is None:
        return
    for place, text in _answers(row):
        try:
            answer = msgspec.json.decode(text)
        except (ValueError, RecursionError):
            fenced = "; it stands in a code fence" if text.lstrip().startswith("```") else ""
            yield Hit(f"the answer is no JSON text{fenced}", pointer=place)
            continue
        for one in violations(validator, answer):
            inside = f" at {one.pointer} of the answer" if one.pointer else ""
            yield Hit(f"the answer breaks `{one.keyword}` of its schema{inside}{one.said}", pointer=place)


def _answers(row: Row) -> Iterator[tuple[str, str]]:
    """(JSON Pointer, text) of every answer; a call that stands in for one has no text to judge."""
    for place, message in _messages(row):
        content = message.get("content")
        if role(message) == "assistant" and isinstance(content, str) and (content or not calls(message)):
            yield f"{place}/content", content
        elif role(message) == "assistant" and isinstance(content, list):
            texts = [part.get("text") for part in content if isinstance(part, dict)]
            yield f"{place}/content", "".join(text for text in texts if isinstance(text, str))
    for key in ("completion", "chosen"):
        if "messages" not in row.data and isinstance(row.data.get(key), str):
            yield f"/{key}", row.data[key]


def _messages(row: Row) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from ((f"/messages/{i}", message) for i, message in row.messages)
    lists = [*outputs(row)[:1], ("completion", row.data.get("completion"))]
    for key, found in lists:
        messages = found if isinstance(found, list) and key not in {"non_preferred_output", "rejected"} else []
        yield from ((f"/{key}/{i}", one) for i, one in enumerate(messages) if isinstance(one, dict))


CHECK = Check(code="F041", scope="row", severity="EEEE", find=find)
