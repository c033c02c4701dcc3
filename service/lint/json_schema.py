"""JSON Schema, as declared by tools and given by users: validators are built once per schema."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import msgspec

_MOST = 256


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
    error = next(iter(_validator(_key(schema)).iter_errors(value)), None)
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

    try:
        Draft202012Validator.check_schema(json.loads(key))
    except SchemaError as error:
        return f"{error.validator} at depth {len(list(error.absolute_path))}"
    except RecursionError:
        return "nested too deep"
    return None


@lru_cache(_MOST)
def _validator(key: bytes) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(key))
