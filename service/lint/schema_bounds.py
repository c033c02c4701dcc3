"""Schemas that come from the data: their size must bound what they cost, whoever wrote them.

No regular expression of them is run, no item is compared with every other, nothing is asked again for what it left
unevaluated, and references that lead to further ones are not followed: a few lines of each can keep a validator busy
for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_LEFT_OUT = ("pattern", "uniqueItems", "unevaluatedItems", "unevaluatedProperties")
_NOT_FOLLOWED = ("patternProperties", "$dynamicRef", "$recursiveRef", "$id", "$anchor")
# lists of names; the standard's own schema compares other values in them with one another
_NAMES = ("required", "type")
_NAMED_LISTS = ("dependentRequired", "dependencies")


def bounded(validator_class: Any) -> Any:
    """A validator class that leaves out the keywords whose cost the data would choose."""
    from jsonschema.validators import extend

    return extend(validator_class, dict.fromkeys(_LEFT_OUT, _passed))


def can_be_followed(schema: dict[str, Any]) -> bool:
    """Whether walking a value along a schema takes no more than the two are long."""
    for part in _objects(schema):
        if any(key in part for key in _NOT_FOLLOWED) or (part is not schema and "$schema" in part):
            return False
        if isinstance(reference := part.get("$ref"), str):
            target = _target(schema, reference)
            if target is None or any("$ref" in one for one in _objects(target)):
                return False
    return True


def names_something_else(schema: dict[str, Any]) -> bool:
    """Whether a list of names holds what is no name."""
    for part in _objects(schema):
        lists = [part.get(name) for name in _NAMES]
        for name in _NAMED_LISTS:
            found = part.get(name)
            lists += found.values() if isinstance(found, dict) else ()
        if any(isinstance(one, list) and not all(isinstance(name, str) for name in one) for one in lists):
            return True
    return False


def _passed(*arguments: Any) -> Iterator[Any]:
    del arguments
    yield from ()


def _target(schema: dict[str, Any], reference: str) -> Any:
    """What a reference within the schema leads to; None for one that leads out, to all of it, or nowhere."""
    if not reference.startswith("#/"):
        return None
    found: Any = schema
    for step in reference[2:].split("/"):
        # escaped steps are rare, and left alone
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object inside a value, itself included."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
