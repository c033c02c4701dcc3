"""Preference rows: one question and two answers, in the forms that the linter takes.

| form | question | answers |
|---|---|---|
| OpenAI, Azure | `input`: messages and tools | `preferred_output`, `non_preferred_output`: messages |
| TRL | `prompt`: messages | `chosen`, `rejected`: messages |
| TRL, the prompt within | the messages that both begin with | `chosen`, `rejected`: messages |

TRL's plain texts in place of messages are refused: they have no turns, and nothing says where an answer ends.
(`tunegate convert --to dpo` writes them as a question of the user and two answers.)
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec

from trainers.contract import DatasetRef
from trainers.load import Row, lines_text, planned_lines
from trainers.problems import TrainerError

Messages = list[dict[str, Any]]

_UNREADABLE = "cannot be read as a preference: an input (or prompt) and two outputs, each a list of messages"
_TEXTS = "give prompt, chosen or rejected as plain text, which has no turns to train"
_CHATS = "are chats (`messages`), which method sft trains"
_NO_PROMPT = "have a chosen and a rejected that begin with no message in common, and no prompt"


class PreferenceRow(msgspec.Struct, frozen=True):
    """The messages asked with, the two answers to them, and the line they stand on."""

    line: int
    messages: Messages
    preferred: Messages
    other: Messages
    tools: list[Any] | None = None

    @property
    def answered(self) -> Row:
        """The conversation that is wanted."""
        return Row(self.line, [*self.messages, *self.preferred], self.tools)


class _Refused(ValueError):  # noqa: N818 - it names what became of the row
    """Says why in words that hold nothing of the row."""


class _Input(msgspec.Struct, frozen=True):
    messages: Messages
    tools: list[Any] | None = None


class _Form(msgspec.Struct, frozen=True):
    """OpenAI's keys."""

    input: _Input
    preferred_output: Messages
    non_preferred_output: Messages


class _Pair(msgspec.Struct, frozen=True):
    """TRL's keys."""

    chosen: Messages
    rejected: Messages
    prompt: Messages | None = None
    tools: list[Any] | None = None


def load_preferences(reference: DatasetRef) -> list[PreferenceRow]:
    """Every preference of a JSONL file, after checking that it is the file that was planned.

    Raises:
        TrainerError: `plan_mismatch`, or `invalid_input` with every line that cannot be trained and why.
    """
    rows: list[PreferenceRow] = []
    wrong: defaultdict[str, list[int]] = defaultdict(list)
    for number, line in planned_lines(reference):
        try:
            rows.append(_row(number, line))
        except _Refused as error:
            wrong[str(error)].append(number)
    if wrong or not rows:
        found = [f"{lines_text(lines)} {why}" for why, lines in wrong.items()]
        raise TrainerError(
            "invalid_input",
            f"{Path(reference.path or '').name}: {'; '.join(found) or 'no rows'}.",
            remedy="Lint the file: tunegate lint --method dpo. Plain texts: tunegate convert --to dpo.",
        )
    return rows


def _row(number: int, line: bytes) -> PreferenceRow:
    try:
        data = msgspec.json.decode(line, type=dict[str, Any])
        if not data.keys() & {"chosen", "rejected", "prompt"}:
            if "messages" in data:
                raise _Refused(_CHATS)
            form = msgspec.convert(data, _Form)
            asked = form.input
            return PreferenceRow(number, asked.messages, form.preferred_output, form.non_preferred_output, asked.tools)
        if any(isinstance(data.get(key), str) for key in ("prompt", "chosen", "rejected")):
            raise _Refused(_TEXTS)
        pair = msgspec.convert(data, _Pair)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _Refused(_UNREADABLE) from error
    if pair.prompt is not None:
        return PreferenceRow(number, pair.prompt, pair.chosen, pair.rejected, pair.tools)
    shared = _in_common(pair.chosen, pair.rejected)
    if not shared:
        raise _Refused(_NO_PROMPT)
    return PreferenceRow(number, pair.chosen[:shared], pair.chosen[shared:], pair.rejected[shared:], pair.tools)


def _in_common(first: Messages, second: Messages) -> int:
    """How many messages both begin with; of two equal ones the last message is the answer."""
    alike = next((i for i, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), None)
    return min(len(first), len(second)) - 1 if alike is None else alike
