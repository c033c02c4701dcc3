"""Tier 1: rows of the plainest kind, told at the speed of a few typed decodes.

On a row that passes here no check can fire but those that read the families found in its texts (a property test holds
the two together); every other line goes to tier 2, which walks it with all checks. Rows are read in columns of a block,
because a step over a thousand rows in C costs less than one call of a function per row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Annotated, Literal, NamedTuple

import msgspec

from service.lint.families import ENDS
from service.lint.gate import families_in
from service.lint.keys import SEPARATOR
from service.lint.patterns import may_end_badly
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


Messages = list[System | User | Assistant]
Weights = list[Literal[0, 1] | None]


class Plain(NamedTuple):
    """Plain rows in columns: the lines they stand on, their contents, and these as one text.

    `weights` are those of the assistants' messages, of the rows that have any; `suspects` the families of families.py
    that a row's texts hold, both by line. A row begins with a system message when the number of its texts is odd.
    """

    lines: list[int]
    contents: list[list[str]]
    joined: list[str]
    weights: dict[int, Weights]
    suspects: dict[int, frozenset[str]]


class Limits(NamedTuple):
    """What a target takes of a plain row.

    With `weights` false a row that carries weights is never plain: the target does not read them. A line of more than
    `longest` bytes may pass a limit of tokens and is measured exactly, a text of more than `longest_message` characters
    (0 = no limit) passes a limit of characters, and of more than `most_messages` messages no target takes.
    """

    weights: bool = True
    longest: int = 4 << 20
    longest_message: int = 0
    most_messages: int = 64


DECODER = msgspec.json.Decoder(Chat)
_QUOTES_OF_ROW, _QUOTES_OF_MESSAGE, _QUOTES_OF_WEIGHT = 2, 8, 2
# types of the messages -> whether they take turns; conversations have few forms, so each is looked at once
_forms: dict[tuple[type, ...], bool] = {}
_MOST_FORMS, _LONGEST_FORM = 1_000, 64


def plain_rows(
    lines: Sequence[bytes], held: dict[int, frozenset[int]], unseen: frozenset[int], limits: Limits
) -> Plain:
    """The rows among some lines in which nothing but the texts can be wrong; of the others nothing is said.

    `held` is what the gate saw by line, `unseen` what is to be taken for seen in all others.
    """
    numbers, rows = rows_in_turns(lines, limits.longest)
    contents = [[message.content for message in messages] for messages in rows]
    joined = list(map(SEPARATOR.join, contents))
    weights: dict[int, Weights] = {}
    wrong = _too_long(lines, numbers, contents, limits)
    if any(map(str.isspace, chain.from_iterable(contents))):
        wrong |= {place for place, texts in enumerate(contents) if any(map(str.isspace, texts))}
    for place, rest in _further_quotes(lines, numbers, contents, joined, held if not unseen else None):
        found = _weights(rows[place])
        if limits.weights and rest == _QUOTES_OF_WEIGHT * (len(found) - found.count(None)) and found[-1] != 0:
            weights[numbers[place]] = found
        else:
            wrong.add(place)
    if wrong:
        kept = [place for place in range(len(numbers)) if place not in wrong]
        numbers, contents = [numbers[place] for place in kept], [contents[place] for place in kept]
        joined = [joined[place] for place in kept]
    return Plain(numbers, contents, joined, weights, _suspects(numbers, contents, joined, held, unseen))


def rows_in_turns(lines: Sequence[bytes], longest: int) -> tuple[list[int], list[Messages]]:
    """Lines of at most so many bytes that hold a conversation in turns, and its messages."""
    numbers: list[int] = []
    rows: list[Messages] = []
    decode, forms = DECODER.decode, _forms
    for number, line in enumerate(lines):
        try:
            messages = decode(line).messages
        except (ValueError, RecursionError):
            continue
        form = tuple(map(type, messages))
        well = forms.get(form)
        if (_takes_turns(form) if well is None else well) and len(line) <= longest:
            numbers.append(number)
            rows.append(messages)
    return numbers, rows


def _takes_turns(form: tuple[type, ...]) -> bool:
    turns = form[1:] if form and form[0] is System else form
    well = 0 < len(turns) <= _LONGEST_FORM and turns == (User, Assistant) * (len(turns) // 2)
    if len(_forms) < _MOST_FORMS and len(turns) <= _LONGEST_FORM:
        _forms[form] = well
    return well


def _too_long(lines: Sequence[bytes], numbers: list[int], contents: list[list[str]], limits: Limits) -> set[int]:
    """Places of rows with too many messages, too long a text or one side far longer than the other."""
    longest_line = max(map(len, lines), default=0)
    wrong: set[int] = set()
    if max(map(len, contents), default=0) > limits.most_messages:
        wrong |= {place for place, texts in enumerate(contents) if len(texts) > limits.most_messages}
    if longest_line > limits.longest_message > 0:
        wrong |= {place for place, texts in enumerate(contents) if max(map(len, texts)) > limits.longest_message}
    if longest_line >= LOPSIDED_CHARACTERS:
        long = [place for place, number in enumerate(numbers) if len(lines[number]) >= LOPSIDED_CHARACTERS]
        wrong |= {place for place in long if _is_lopsided(contents[place])}
    return wrong


def _is_lopsided(texts: list[str]) -> bool:
    answer = sum(map(len, _answers(texts)))
    return lopsided(sum(map(len, texts)) - answer, answer)


def _answers(texts: list[str]) -> list[str]:
    return texts[1 + len(texts) % 2 :: 2]


def _further_quotes(
    lines: Sequence[bytes],
    numbers: list[int],
    contents: list[list[str]],
    joined: list[str],
    held: dict[int, frozenset[int]] | None,
) -> Iterator[tuple[int, int]]:
    """(place, quotation marks) of rows with marks that are neither in texts nor around roles and contents.

    msgspec keeps the last of two equal keys without a word, so the number of all keys is held against the messages. A
    mark may be written as an escape of ASCII, but then the gate holds the line; in these the marks are counted as they
    are written, and -1 is given where a backslash at the end of a text hides how many.
    """
    for place, (number, texts, text) in enumerate(zip(numbers, contents, joined, strict=True)):
        line = lines[number]
        further = line.count(b'"') - _QUOTES_OF_ROW - _QUOTES_OF_MESSAGE * len(texts)
        if held is None or number in held:
            further = -1 if b'\\\\"' in line else further - line.count(b'\\"')
        elif further:
            further -= text.count('"')
        if further:
            yield place, further


def _weights(messages: Messages) -> Weights:
    return [message.weight for message in messages if type(message) is Assistant]


def _suspects(
    numbers: list[int],
    contents: list[list[str]],
    joined: list[str],
    held: dict[int, frozenset[int]],
    unseen: frozenset[int],
) -> dict[int, frozenset[str]]:
    """What the texts hold, by line."""
    found: dict[int, frozenset[str]] = {}
    if held or unseen:
        for number, text in zip(numbers, joined, strict=True):
            families = held.get(number, unseen)
            if families and (names := families_in(text, families)):
                found[number] = names
    ends = frozenset([ENDS])
    for number, texts in zip(numbers, contents, strict=True):
        # nearly all conversations are one question and one answer
        if may_end_badly(texts[-1]) or (len(texts) > 3 and any(map(may_end_badly, _answers(texts)))):
            found[number] = found.get(number, frozenset()) | ends
    return found
