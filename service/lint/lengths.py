"""How long texts, messages and rows are: the estimate of tokens that every length rule shares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from service.lint.check import Row
from service.lint.shape import BYTES_PER_TOKEN, FRAMING_TOKENS, role

# a row that is longer than this is always walked by the checks; rules on extremes start here
WALKED_CHARACTERS = 16_000


def text_of(message: dict[str, Any]) -> str:
    """The text of a message: its content, the texts of its parts, and the names and arguments of its calls."""
    content = message.get("content")
    if isinstance(content, str):
        texts = [content]
    else:
        parts = content if isinstance(content, list) else []
        texts = [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            texts += [value for value in function.values() if isinstance(value, str)]
    return "".join(texts)


def tokens(text: str) -> int:
    """Estimated tokens of a text, without framing."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def answers(row: Row) -> Iterator[tuple[str, str, bool]]:
    """(JSON Pointer, text, trained) of every assistant turn of a chat, or of the completion."""
    for i, message in row.messages:
        if role(message) == "assistant":
            yield f"/messages/{i}", text_of(message), message.get("weight") != 0
    completion = row.data.get("completion")
    if "messages" not in row.data and isinstance(completion, str):
        yield "/completion", completion, True


def last_answer_within(row: Row) -> tuple[str, int, int] | None:
    """(JSON Pointer, tokens before it, its tokens) of the last assistant turn that is trained, or None."""
    before, found = 0, None
    for i, message in row.messages:
        size = tokens(text_of(message)) + FRAMING_TOKENS
        if role(message) == "assistant" and message.get("weight") != 0:
            found = f"/messages/{i}", before, size
        before += size
    prompt, completion = row.data.get("prompt"), row.data.get("completion")
    if "messages" not in row.data and isinstance(prompt, str) and isinstance(completion, str):
        found = "/completion", tokens(prompt), tokens(completion)
    return found


def plain_bytes(limits: dict[str, int]) -> int:
    """The longest line (bytes) that can break no limit of a target, whatever it holds.

    A token is at least a byte and a message at least 27 bytes of its line (`{"role":"user","content":""}` and a comma).
    """
    sizes = [limits.get(name, 0) for name in ("max_tokens_per_example", "max_output_tokens", "max_chars_message")]
    sizes.append(27 * limits.get("max_messages", 0))
    return min([WALKED_CHARACTERS, *(size for size in sizes if size)])
