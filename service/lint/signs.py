"""What a row shows at one walk: a check whose signs it does not show cannot find anything in it and is not asked.

Signs are a superset: where a check finds something, the row shows one of those that the check `needs`, or its texts
hold one of the families that the check `reads` (a property test holds them together). They are told of the decoded row,
so that no way of writing a key hides it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from service.lint.check import Row, Sign
from service.lint.every_text import every_text
from service.lint.families import ENDS
from service.lint.gate import families_in
from service.lint.keys import SEPARATOR
from service.lint.patterns import may_end_badly
from service.lint.shape import MESSAGE_KEYS, OWNERS, ROLES, TOP_KEYS, calls, is_blank, parts, role, texts
from service.lint.sizes import may_be_long

Signs = frozenset[str]
# of a line, as checks of lines are asked: it holds a row, something else, or nothing
A_ROW: Signs = frozenset({"row"})
NO_ROW: Signs = frozenset({"no-row"})
BLANK: Signs = frozenset({"blank-line"})
# a conversation as letters, one per message: the user begins, but for one system message, and neither user nor
# assistant speaks twice in a row
_IN_TURNS = re.compile("[SD]?(?=U)(?:U(?!U)|A(?!A)|[TF])+")
_KEYS, _TOP = frozenset(MESSAGE_KEYS), frozenset(TOP_KEYS)
_LETTERS = dict(zip(ROLES, "SDUATF", strict=True))
_BY_KEY: tuple[tuple[str, Sign], ...] = (
    ("name", "name"), ("weight", "weight"), ("tool_calls", "calls"), ("function_call", "legacy"),
)  # fmt: skip
_BY_TOP_KEY: tuple[tuple[str, Sign], ...] = (
    ("tools", "tools"), ("functions", "legacy"), ("parallel_tool_calls", "parallel-calls"),
)  # fmt: skip
_BY_ROLE: dict[str, Sign] = {"developer": "developer", "tool": "results", "function": "legacy"}


class _Form(NamedTuple):
    """What role, keys and type of content tell of a message: its letter, and its signs."""

    letter: str
    signs: frozenset[Sign]


# messages have few forms, so each is looked at once; those with unknown roles or keys are not kept
_forms: dict[tuple[Any, ...], _Form] = {}
_MOST_FORMS = 1_000


def signs_of(row: Row, *, size: int, families: frozenset[int]) -> Signs:
    """The signs of a row whose line has `size` bytes, and in which the gate saw `families`."""
    found: set[str] = _of_messages(row)
    data = row.data
    for key, sign in _BY_TOP_KEY:
        if key in data:
            found.add(sign)
    if (row.method == "dpo") is ("messages" in data):
        found.add("other-method")
    if not data.keys() <= _TOP:
        found.add("top-key")
    if may_be_long(size, len(row.messages), row.tokens, row.limits):
        found.add("long")
    found.update(_of_texts(row, families))
    return frozenset(found)


def _of_messages(row: Row) -> set[str]:
    found: set[str] = set()
    written = row.data.get("messages")
    if "messages" not in row.data:
        found.add("no-messages")
    elif not isinstance(written, list) or not written or len(written) != len(row.messages):
        found.add("messages")
    letters = ""
    for _, message in row.messages:
        form = _form(message)
        letters += form.letter
        found |= form.signs
        content = message.get("content")
        if content is None:
            if not calls(message):
                found.add("no-content")
        elif is_blank(content):
            found.add("blank")
    if not _IN_TURNS.fullmatch(letters):
        found.add("turns")
    if letters[-1:] != "A":
        found.add("unanswered")
    if "parts" in found and any(_may_be_image(part) for _, _, part in parts(row)):
        found.add("images")
    return found


def _form(message: dict[str, Any]) -> _Form:
    name = message.get("role")
    known = (name if isinstance(name, str) else type(name), type(message.get("content")), *message)
    form = _forms.get(known)
    if form is None:
        form = _Form(_LETTERS.get(role(message) or "", "?"), frozenset(_of_form(message)))
        if len(_forms) < _MOST_FORMS and form.signs.isdisjoint(("role", "message-key")):
            _forms[known] = form
    return form


def _of_form(message: dict[str, Any]) -> Iterator[Sign]:
    if message.get("role") not in ROLES:
        yield "role"
    if (who := role(message)) in _BY_ROLE:
        yield _BY_ROLE[who]
    if not message.keys() <= _KEYS:
        yield "message-key"
    if any(key in message and who != owner for key, owner in OWNERS.items()):
        yield "stray-key"
    yield from (sign for key, sign in _BY_KEY if key in message)
    content = message.get("content")
    if isinstance(content, list):
        yield "parts"
    elif content is not None and not isinstance(content, str):
        yield "content-type"


def _may_be_image(part: Any) -> bool:
    return isinstance(part, dict) and (part.get("type") == "image_url" or "image_url" in part)


def _of_texts(row: Row, families: frozenset[int]) -> Iterator[str]:
    if families:
        yield from families_in(SEPARATOR.join([one.text for one in every_text(row)]), families)
    if any(who == "assistant" and may_end_badly(text) for _, who, text in texts(row)):
        yield ENDS
