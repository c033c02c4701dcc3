"""The schemas that most tools declare, judged without the library of JSON Schema: to load it takes longer than to lint.

What is accepted here the library accepts too (a property test holds the two together); of all else nothing is said.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "array": (list,),
}  # fmt: skip


class Single(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value that holds no others."""

    type: Literal["string", "integer", "number", "boolean"]
    title: str = ""
    description: str = ""
    enum: list[str] | UnsetType = UNSET


class Property(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A single value, or a list of such values."""

    type: Literal["string", "integer", "number", "boolean", "array"]
    title: str = ""
    description: str = ""
    enum: list[str] | UnsetType = UNSET
    items: Single | UnsetType = UNSET


class PlainSchema(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An object of properties, none of which is an object."""

    type: Literal["object"]
    properties: dict[str, Property] = {}
    required: list[str] = []
    title: str = ""
    description: str = ""
    additionalProperties: bool = True  # noqa: N815 - the standard's name


def plain_schema(written: bytes) -> PlainSchema | None:
    """A schema as JSON text when it is a plain one, which no draft refuses."""
    try:
        schema = msgspec.json.decode(written, type=PlainSchema)
    except (ValueError, RecursionError):
        return None
    # a draft may give such names a meaning of their own
    named = any(name.startswith("$") for name in schema.properties)
    return None if named or len(set(schema.required)) < len(schema.required) else schema


def accepts(schema: PlainSchema, value: Any) -> bool:
    """Whether a value keeps the schema for certain."""
    if not isinstance(value, dict) or not value.keys() >= set(schema.required):
        return False
    if not schema.additionalProperties and not value.keys() <= schema.properties.keys():
        return False
    return all(_fits(one, value[name]) for name, one in schema.properties.items() if name in value)


def _fits(schema: Property | Single, value: Any) -> bool:
    # a boolean is no number, though Python has it so
    if type(value) not in _TYPES[schema.type] or (schema.enum is not UNSET and value not in schema.enum):
        return False
    items = schema.items if isinstance(schema, Property) else UNSET
    return items is UNSET or not isinstance(value, list) or all(_fits(items, one) for one in value)
