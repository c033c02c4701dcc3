"""Tier 1: rows of the plainest kind, told at the speed of one typed decode.

On a row that passes here no check can fire but those that read the families found in its texts (a property test holds
the two together); every other line goes to tier 2, which walks it with all checks.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import msgspec

from service.lint.gate import families_in
from service.lint.patterns import ENDS, ends_badly
from service.lint.sizes import LOPSIDED_CHARACTERS, lopsided

Text = Annotated[str, msgspec.Meta(min_length=1)]


class System(msgspec.Struct, frozen=True, tag_field="role", tag="system", forbid_unknown_fields=True, gc=False):
    content: Text


class User(msgspec.Struct, frozen=True, tag_field="role", tag="user", forbid_unknown_fields=True, gc=False):
    content: Text


class Assistant(msgspec.Struct, frozen=True, tag_field="role", tag="assistant", forbid_unknown_fields=True, gc=False):
    content: Text
    weight: Literal[0, 1] | None = None


class Chat(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A row of the plainest kind: system first, then user and assistant in turns."""

    messages: list[System | User | Assistant]


class Plain(NamedTuple):
    """A row of the plainest kind: its contents in order, and the weights of its assistants where any has one.

    `suspects` are the families of patterns.py that its texts hold; only checks that read one of these can fire.
    """

    contents: list[str]
    has_system: bool
    weights: list[Literal[0, 1] | None] | None
    suspects: frozenset[str] = frozenset()


DECODER = msgspec.json.Decoder(Chat)
_QUOTES_OF_ROW, _QUOTES_OF_MESSAGE, _QUOTES_OF_WEIGHT = 2, 8, 2
_NOT_IN_TURNS = -1
_NOTHING: frozenset[str] = frozenset()
_ENDS = frozenset([ENDS])
# type of each message -> messages before the first turn; conversations have few forms, so each is looked at once
_forms: dict[tuple[type, ...], int] = {}
_MOST_FORMS = 1_000
# targets limit how many messages a row has; longer conversations are looked at by all checks
_MOST_TURNS = 64


class Limits(NamedTuple):
    """What a target takes of a plain row.

    With `weights` false a row that carries weights is never plain: the target does not read them. A line of more than
    `longest` bytes may pass a limit of tokens and is measured exactly, a text of more than `longest_message` characters
    (0 = no limit) passes a limit of characters, and of more than `most_messages` messages no target takes.
    """

    weights: bool = True
    longest: int = 4 << 20
    longest_message: int = 0
    most_messages: int = _MOST_TURNS


def plain(line: bytes, families: frozenset[int], limits: Limits) -> Plain | None:
    """The row when nothing but its texts can be wrong with it, else None (which says nothing yet).

    `families` are those that the gate saw in the line.
    """
    weights, longest, longest_message, most_messages = limits
    if len(line) > longest:
        return None
    try:
        messages = DECODER.decode(line).messages
    except (ValueError, RecursionError):
        return None
    forms = tuple(map(type, messages))
    start = _forms.get(forms)
    if start is None:
        start = _remember(forms)
    rest = _quotes(line) - _QUOTES_OF_ROW - _QUOTES_OF_MESSAGE * len(messages)
    if (
        start == _NOT_IN_TURNS
        or len(messages) > most_messages
        or (rest and not (weights and _weights_well(messages, rest)))
    ):
        return None
    contents = [message.content for message in messages]
    if any(map(str.isspace, contents)) or (longest_message and max(map(len, contents)) > longest_message):
        return None
    if len(line) >= LOPSIDED_CHARACTERS and _lopsided(contents, start + 1):
        return None
    weighed = [m.weight for m in messages if type(m) is Assistant] if rest else None
    suspects = families_in("\n".join(contents), families) if families else _NOTHING
    for content in contents[start + 1 :: 2]:
        if ends_badly(content):
            suspects |= _ENDS
    return Plain(contents, start == 1, weighed, suspects)


def _quotes(line: bytes) -> int:
    """Quotation marks around keys and values: msgspec keeps the last of two equal keys without a word, so the number of
    all keys is held against that of the messages; negative where a backslash at the end of a text hides how many.
    """
    quotes = line.count(b'"')
    if b"\\" in line:
        if b'\\\\"' in line:
            return -1
        quotes -= line.count(b'\\"')
    return quotes


def _weights_well(messages: list[System | User | Assistant], quotes: int) -> bool:
    """Whether the quotation marks beside roles and contents are those of weights, and the last answer counts."""
    found = [m.weight for m in messages if type(m) is Assistant and m.weight is not None]
    return quotes == _QUOTES_OF_WEIGHT * len(found) and messages[-1].weight != 0  # type: ignore[union-attr]


def _lopsided(contents: list[str], first_answer: int) -> bool:
    answer = sum(map(len, contents[first_answer::2]))
    return lopsided(sum(map(len, contents)) - answer, answer)


def _remember(forms: tuple[type, ...]) -> int:
    start = 1 if forms and forms[0] is System else 0
    turns = forms[start:]
    well = 0 < len(turns) <= _MOST_TURNS and turns == (User, Assistant) * (len(turns) // 2)
    if len(_forms) < _MOST_FORMS and len(turns) <= _MOST_TURNS:
        _forms[forms] = start if well else _NOT_IN_TURNS
    return start if well else _NOT_IN_TURNS
