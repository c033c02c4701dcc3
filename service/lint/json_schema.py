"""JSON Schema, as declared by tools and given by users: validators are built once per schema.

A schema comes from the data, so its size must bound what it costs: no regular expression of it is run, no reference
is fetched, and references that lead to further ones are not followed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec

_MOST = 256
# these run the schema's regular expressions, or compare every item with every other
_LEFT_OUT = ("pattern", "uniqueItems")
_NOT_FOLLOWED = ("patternProperties", "$dynamicRef", "$id", "$anchor")
# lists of names; of other values each would be compared with every other
_NAMES = ("required", "type")


def schema_error(schema: Any) -> str | None:
    """Why a value is no valid JSON Schema, None when it is one; never quotes the value."""
    if not isinstance(schema, dict):
        return "not an object"
    return _checked(_key(schema))


def violation(schema: Any, value: Any) -> str | None:
    """Which keyword of a schema a value breaks and where, None when it breaks none or the schema is no schema."""
    if not isinstance(schema, dict) or schema_error(schema) is not None:
        return None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    validator = _validator(_key(schema))
    if validator is None:
        return None
    try:
        error = next(iter(validator.iter_errors(value)), None)
    except (RecursionError, ArithmeticError):
        # nested too deep, or numbers beyond what arithmetic takes
        return None
    if error is None:
        return None
    depth = len(list(error.absolute_path))
    return f"{error.validator}" + (f" at depth {depth}" if depth else "")


def _key(schema: dict[str, Any]) -> bytes:
    return msgspec.json.encode(schema, order="sorted")


@lru_cache(_MOST)
def _checked(key: bytes) -> str | None:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    schema = json.loads(key)
    for part in _objects(schema):
        lists = [*(part.get(name) for name in _NAMES), *_values(part.get("dependentRequired"))]
        if any(isinstance(one, list) and not all(isinstance(name, str) for name in one) for one in lists):
            return "a list of names that holds something else"
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"{error.validator} at depth {len(list(error.absolute_path))}"
    except RecursionError:
        return "nested too deep"
    except OverflowError:
        return "a number that is too large"
    return None


@lru_cache(_MOST)
def _validator(key: bytes) -> Any:
    """None where the schema cannot be followed at a cost that its size bounds."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend
    from referencing import Registry

    schema = json.loads(key)
    if not _can_be_followed(schema):
        return None
    bounded = extend(Draft202012Validator, dict.fromkeys(_LEFT_OUT, _passed))
    return bounded(schema, registry=Registry())


def _passed(*arguments: Any) -> Iterator[Any]:
    del arguments
    yield from ()


def _can_be_followed(schema: dict[str, Any]) -> bool:
    for part in _objects(schema):
        if any(key in part for key in _NOT_FOLLOWED) or (part is not schema and "$schema" in part):
            return False
        if isinstance(reference := part.get("$ref"), str):
            target = _target(schema, reference)
            if target is None or any("$ref" in one for one in _objects(target)):
                return False
    return True


def _target(schema: dict[str, Any], reference: str) -> Any:
    """What a reference within the schema leads to; None for one that leads out or nowhere."""
    if not reference.startswith("#/"):
        return None
    found: Any = schema
    for step in reference[2:].split("/"):
        # escaped steps are rare, and left alone
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _values(found: Any) -> list[Any]:
    return list(found.values()) if isinstance(found, dict) else []


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
