"""What keeps a stranger's schema from being used on rows: keywords whose cost its writer alone would choose.

A schema of a file is its owner's own, and may hold any keyword. One that comes with a request runs in a service that
others use too: a few bytes of pattern, or of references that double, can keep it busy for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

_ENDLESS = "an expression can run for ever"
_AGAIN = "is asked again at every depth"
_ELSEWHERE = "only references to #/... of this schema are followed"
_COSTLY = {
    "pattern": _ENDLESS,
    "patternProperties": _ENDLESS,
    "uniqueItems": "compares every item with every other",
    "unevaluatedItems": _AGAIN,
    "unevaluatedProperties": _AGAIN,
    "$anchor": _ELSEWHERE,
    "$dynamicAnchor": _ELSEWHERE,
    "$dynamicRef": _ELSEWHERE,
    "$recursiveAnchor": _ELSEWHERE,
    "$recursiveRef": _ELSEWHERE,
}
# at the top these say what the schema is; below it they change what a reference or a keyword means
_OF_THE_TOP = ("$id", "id", "$schema")
# keywords whose value maps names to schemas, and those that hold data
_MAPS = frozenset(("properties", "$defs", "definitions", "dependentSchemas", "dependencies", "patternProperties"))
_DATA = frozenset(("enum", "const", "default", "examples"))
# of schemas as they are written, the largest have a few hundred
_MOST_PARTS = 10_000


class Costly(NamedTuple):
    """A keyword that is not run: its JSON Pointer in the schema, its name, and why."""

    pointer: str
    keyword: str
    why: str


def costly(schema: dict[str, Any]) -> list[Costly]:
    """Every keyword that is not run for a stranger; none when walking a value along the schema is bounded work."""
    found: list[Costly] = []
    waiting, known = [("", schema)], {""}
    while waiting:
        for place, part in _parts(*waiting.pop()):
            found += [Costly(f"{place}/{key}", key, why) for key, why in _COSTLY.items() if key in part]
            if place:
                found += [
                    Costly(f"{place}/{key}", key, "stands at the top of a schema only")
                    for key in _OF_THE_TOP
                    if isinstance(part.get(key), str)
                ]
            reference = part.get("$ref")
            if not isinstance(reference, str):
                continue
            target = _target(schema, reference)
            if target is None:
                found.append(Costly(f"{place}/$ref", "$ref", _ELSEWHERE))
            elif reference not in known:
                # it may lead to where only data stands
                known.add(reference)
                waiting.append((unquote(reference[1:]), target))
    return list(dict.fromkeys(found)) or list(_unfolding(schema))


def _unfolding(schema: dict[str, Any]) -> Iterator[Costly]:
    sizes: dict[str, int] = {}
    open_: set[str] = set()

    def size(part: Any) -> int:
        whole = 0
        for _, one in _parts("", part):
            whole += 1 + (of(one["$ref"]) if isinstance(one.get("$ref"), str) else 0)
        return whole

    def of(reference: str) -> int:
        if reference in open_:
            raise _Endless(reference)
        if reference not in sizes:
            open_.add(reference)
            sizes[reference] = size(_target(schema, reference))
            open_.remove(reference)
        return sizes[reference]

    try:
        if size(schema) > _MOST_PARTS:
            yield Costly("", "$ref", f"references that unfold to more than {_MOST_PARTS} parts")
    except _Endless as endless:
        yield Costly(unquote(str(endless)[1:]), "$ref", "a reference that leads back to itself")


class _Endless(Exception):  # noqa: N818 - it names a property of a reference
    """A reference that leads back to itself."""


def _parts(place: str, schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """(JSON Pointer, object) of a schema and of all schemas in it; what stands where data does is none."""
    waiting = [(place, schema, False)]
    while waiting:
        at, one, maps = waiting.pop()
        if isinstance(one, list):
            waiting += [(f"{at}/{i}", below, False) for i, below in enumerate(one)]
        elif isinstance(one, dict):
            if not maps:
                yield at, one
            waiting += [
                (f"{at}/{key.replace('~', '~0').replace('/', '~1')}", below, not maps and key in _MAPS)
                for key, below in one.items()
                if maps or key not in _DATA
            ]


def _target(schema: Any, reference: str) -> Any:
    """What a reference into the schema leads to; None for one that leads out, to all of it, or nowhere."""
    if not reference.startswith("#/"):
        return None
    found = schema
    for step in unquote(reference[2:]).split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            found = found[int(key)] if key.isdecimal() and int(key) < len(found) else None
        else:
            found = found.get(key) if isinstance(found, dict) else None
    return found
