"""How long texts, messages and rows are: the estimate of tokens that every length rule shares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from service.lint.check import Row
from service.lint.shape import BYTES_PER_TOKEN, FRAMING_TOKENS, message_text, outputs, role

# below this length no row is lopsided, whatever its sides
LOPSIDED_CHARACTERS = 16_000
_TIMES = 200
LONG_SYSTEM = 400
# rows are measured exactly from this size where the target has no limit
_LONGEST_ROW_BYTES = 4 << 20


def lopsided(prompt: int, answer: int) -> bool:
    """Whether one side of a row is two hundred times as long as the other (characters), and the row is long."""
    short, long = sorted((prompt, answer))
    return short > 0 and short + long >= LOPSIDED_CHARACTERS and long > _TIMES * short


def outweighs(system: str, contents: Iterable[str]) -> bool:
    """Whether a system message is long and longer than all other texts of its row (characters)."""
    return len(system) >= LONG_SYSTEM and 2 * len(system) > sum(map(len, contents))


def tokens(text: str) -> int:
    """Estimated tokens of a text, without framing."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def answers(row: Row) -> Iterator[tuple[str, str, bool]]:
    """(JSON Pointer, text, trained) of every assistant turn of a chat, or of the completion."""
    for i, message in row.messages:
        if role(message) == "assistant":
            yield f"/messages/{i}", message_text(message), message.get("weight") != 0
    completion = row.data.get("completion")
    if "messages" not in row.data and isinstance(completion, str):
        yield "/completion", completion, True


def last_answer(row: Row) -> str:
    """The text of the answer, completion or preferred output that a row ends with, empty where it has none."""
    found = [text for _, text, _ in answers(row)]
    for _, output in outputs(row)[:1]:
        found += [message_text(message) for message in output if isinstance(message, dict)]
    return found[-1] if found else ""


def last_answer_within(row: Row) -> tuple[str, int, int] | None:
    """(JSON Pointer, tokens before it, its tokens) of the last assistant turn that is trained, or None."""
    before, found = 0, None
    for i, message in row.messages:
        size = tokens(message_text(message)) + FRAMING_TOKENS
        if role(message) == "assistant" and message.get("weight") != 0:
            found = f"/messages/{i}", before, size
        before += size
    prompt, completion = row.data.get("prompt"), row.data.get("completion")
    if "messages" not in row.data and isinstance(prompt, str) and isinstance(completion, str):
        found = "/completion", tokens(prompt), tokens(completion)
    return found


def may_be_long(size: int, messages: int, counted: int, limits: dict[str, int]) -> bool:
    """Whether a row of so many bytes, messages and counted tokens may pass a limit of lengths, or be lopsided.

    No text has more bytes than its line, and each message adds its framing and what is rounded up to the estimates.
    """
    estimated = size // BYTES_PER_TOKEN + (FRAMING_TOKENS + 1) * messages + 2
    rows, answers_ = limits.get("max_tokens_per_example", 0), limits.get("max_output_tokens", 0)
    return (
        size >= LOPSIDED_CHARACTERS
        or 0 < rows < max(counted, estimated)
        or 0 < answers_ < estimated
        or 0 < limits.get("max_chars_message", 0) < size
        or 0 < limits.get("max_messages", 0) < messages
    )


def plain_bytes(limits: dict[str, int], *, counted: bool) -> int:
    """The longest line (bytes) that can break no limit of tokens of a target, whatever it holds.

    Keys and punctuation of a message take more bytes than its framing takes tokens. A token that is `counted` may be as
    short as a byte; answers are always estimated.
    """
    rows = limits.get("max_tokens_per_example", 0) * (1 if counted else BYTES_PER_TOKEN)
    answers_ = limits.get("max_output_tokens", 0) * BYTES_PER_TOKEN
    return min([_LONGEST_ROW_BYTES, *(size for size in (rows, answers_) if size)])
