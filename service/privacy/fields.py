"""The texts of a row that may hold personal data, and the row with other texts in their place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Literal, NamedTuple

from service.privacy.spelling import Edit, Pairs, edited, pairs_of, respelled

Kind = Literal["string", "number", "key"]

# What stands where in a row: part -> key -> part of its value; an array's items are the same part as the array.
# What a trainer or a template reads as a name, an id or a number is kept as it is.
_KEPT, _FREE, _MESSAGE, _RESULT = "kept", "free", "message", "result"
_TOOL = {"id": _KEPT, "type": _KEPT, "name": _KEPT, "function": "function", "parameters": "schema"}
_OF_MESSAGE = {
    "role": _KEPT, "weight": _KEPT, "tool_call_id": _KEPT, "content": "part", "tool_calls": "call",
    "function_call": "function",
}  # fmt: skip
_PARTS: Mapping[str, Mapping[str, str]] = {
    "row": {
        "messages": _MESSAGE, "prompt": _MESSAGE, "chosen": _MESSAGE, "rejected": _MESSAGE,
        "preferred_output": _MESSAGE, "non_preferred_output": _MESSAGE, "input": "row",
        "tools": "call", "functions": "call", "function_call": _KEPT, "tool_choice": _KEPT, "_tunegate": _KEPT,
    },
    _MESSAGE: _OF_MESSAGE,
    # what a tool answered; the name is the tool's
    _RESULT: {**_OF_MESSAGE, "name": _KEPT, "content": _FREE},
    "part": {"type": _KEPT, "image_url": "image", "input_audio": "sound", "file": "file"},
    "image": {"detail": _KEPT},
    "sound": {"data": "bytes", "format": _KEPT},
    "file": {"file_data": "bytes", "file_id": _KEPT},
    "call": _TOOL,
    "function": {"name": _KEPT, "arguments": _FREE, "parameters": "schema"},
    "schema": {
        "type": _KEPT, "required": _KEPT, "format": _KEPT, "pattern": _KEPT, "$ref": _KEPT, "$schema": _KEPT,
        "$id": _KEPT, "properties": "properties", "$defs": "properties", "definitions": "properties",
        # values, whose keys are no words of a schema
        "default": _FREE, "const": _FREE, "enum": _FREE, "examples": _FREE, "example": _FREE,
    },
    "properties": {},
}  # fmt: skip
_OTHERWISE = {"schema": "schema", "properties": "schema"}
# keys that say where a text stands, not what it is
_SAY_NOTHING = frozenset({"content", "text", "arguments", "value", "input", "output", "prompt", "completion", "url"})
_CONTEXT_KEYS = 2
# a key that a pointer may show; any other may itself be personal data
_NAME = re.compile(r"[A-Za-z_]{1,40}[0-9]{0,2}\Z")
# all of the text, for other words may stand behind
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]*={0,2}\s*\Z", re.ASCII)
_INLINE_DATA = re.compile(
    r"data:(?:[a-z]{1,20}/[a-z0-9.+-]{1,80})?(?:;charset=[a-z0-9-]{1,20})?;base64,[a-z0-9+/=%]*\Z",
    re.IGNORECASE | re.ASCII,
)


class Text(NamedTuple):
    """A text as a model would read it, not as JSON writes it; `pointer` is of the string in the row.

    `context` are the keys that lead to it, the nearest last: "phone" says what a number beside it is. `inside` says
    that it stands in a JSON document which the string at `pointer` holds.
    """

    pointer: str
    text: str
    context: tuple[str, ...] = ()
    kind: Kind = "string"
    inside: bool = False


Rewrite = Callable[[Text], str]

# what `texts` leaves out, and why, for those who must know what was not looked at
NEVER_READ = (
    "roles, types, ids, weights, names of functions and of schema properties, data of inline images, sound and files",
    "read by trainers and templates as they are, not as text",
)
NEVER_JOINED = ("values that are split over two texts", "every content, part, key and leaf is a text of its own")


def texts(row: object) -> list[Text]:
    """Every text of a row in its order: contents, parts, names, leaves and keys of tool arguments, metadata.

    What NEVER_READ names is none.
    """
    found: list[Text] = []

    def seen(text: Text) -> str:
        found.append(text)
        return text.text

    rewritten(row, seen)
    return found


def rewritten(row: object, rewrite: Rewrite) -> Any:
    """A row of the same shape where every text is what `rewrite` makes of it; what did not change is the same object.

    A JSON document in a string keeps its spelling where nothing in it changed (see `spelling`). A number stays a number
    where `rewrite` returns one; of two keys that become the same, the later one gets a number behind it.
    """
    return _Walk(rewrite).value(row, "row", "", (), inside=False)


def may_be_document(text: str) -> bool:
    """Whether a text may be a JSON object or array, whose own texts are then told in its place."""
    return text.lstrip()[:1] in ("{", "[")


class _Walk:
    def __init__(self, rewrite: Rewrite) -> None:
        self._rewrite = rewrite

    def value(self, value: Any, part: str, place: str, context: tuple[str, ...], *, inside: bool) -> Any:
        if part == _KEPT or value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            if part == "bytes" and _BASE64.match(value):
                return value
            return self._string(value, place, context, inside=inside)
        if isinstance(value, (dict, Pairs)):
            return self._object(value, part, place, context, inside=inside)
        if isinstance(value, list):
            return self._array(value, part, place, context, inside=inside)
        return self._number(value, place, context, inside=inside)

    def _object(
        self, value: dict[str, Any] | Pairs, part: str, place: str, context: tuple[str, ...], *, inside: bool
    ) -> dict[str, Any] | Pairs:
        if part == _MESSAGE and isinstance(value, dict) and value.get("role") in ("tool", "function"):
            part = _RESULT
        known, otherwise = _PARTS.get(part, {}), _OTHERWISE.get(part, _FREE)
        new: dict[str, Any] | Pairs = {} if isinstance(value, dict) else Pairs()
        changed = False
        for key, old in pairs_of(value):
            name = key if key in known or otherwise == "schema" else self._key(key, value, new, place, inside=inside)
            leads = context if key in known or key in _SAY_NOTHING else (*context, key)[-_CONTEXT_KEYS:]
            there = place if inside or not _NAME.match(key) else f"{place}/{key}"
            item = self.value(old, known.get(key, otherwise), there, leads, inside=inside)
            changed |= item is not old or name is not key
            if isinstance(new, dict):
                new[name] = item
            else:
                new.append((name, item))
        return new if changed else value

    def _array(self, value: list[Any], part: str, place: str, context: tuple[str, ...], *, inside: bool) -> list[Any]:
        new = [
            self.value(item, part, place if inside else f"{place}/{i}", context, inside=inside)
            for i, item in enumerate(value)
        ]
        return new if any(a is not b for a, b in zip(new, value, strict=True)) else value

    def _string(self, text: str, place: str, context: tuple[str, ...], *, inside: bool) -> str:
        """A text, or a JSON document that is read as one wherever it stands: escapes hide what is in it."""
        try:
            data = json.loads(text, object_pairs_hook=_object) if may_be_document(text) else None
        except (ValueError, RecursionError):
            data = None
        if data is None:
            return self._text(text, place, context, inside=inside)
        new = self.value(data, _FREE, place, context, inside=True)
        return text if new is data else respelled(text, data, new)

    def _text(self, text: str, place: str, context: tuple[str, ...], *, inside: bool) -> str:
        if _INLINE_DATA.match(text):
            return text
        return self._same(text, self._rewrite(Text(place, text, context, "string", inside)))

    def _number(self, value: Any, place: str, context: tuple[str, ...], *, inside: bool) -> Any:
        old = json.dumps(value)
        new = self._rewrite(Text(place, old, context, "number", inside))
        if new == old:
            return value
        try:
            return json.loads(new)
        except ValueError:
            return new

    def _key(
        self, key: str, taken: dict[str, Any] | Pairs, new: dict[str, Any] | Pairs, place: str, *, inside: bool
    ) -> str:
        name = self._same(key, self._rewrite(Text(place, key, (), "key", inside)))
        # keys that come twice are no names that must differ
        if name is key or not (name in taken or name in new):
            return name
        # what was to go must not stay because its place is taken
        free = next(one for number in count(2) if (one := f"{name}~{number}") not in taken and one not in new)
        return edited(key, [Edit(0, len(key), free)])

    @staticmethod
    def _same(old: str, new: str) -> str:
        """The old object where nothing changed, so that identity tells."""
        return old if new == old else new


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Pairs:
    """An object; one with a key that comes twice keeps both values."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else Pairs(pairs)
