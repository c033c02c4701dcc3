"""Schemas out of the data: none of them costs more than it is long, and what can be judged still is."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from service.lint.json_schema import schema_error, violation

TEXT = {"$ref": "#/$defs/text"}


@pytest.mark.parametrize(
    ("schema", "value", "broken"),
    [
        ({"type": "object", "required": ["a"]}, "{}", "required"),
        ({"properties": {"a": {"type": "integer"}}}, '{"a": "1"}', "type at depth 1"),
        ({"properties": {"a": TEXT}, "$defs": {"text": {"type": "string"}}}, {"a": 1}, "type at depth 1"),
        ({"additionalProperties": False, "properties": {"a": {}}}, {"b": 1}, "additionalProperties"),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "string"}, 1, "type"),
        ({"enum": ["a", "b"]}, '"a"', None),
        ({"pattern": "^[0-9]+$"}, '"x"', None),
        ({"type": "object"}, "not JSON", None),
        ({"properties": {"a": {"$ref": "#"}}}, {"a": {"a": {}}}, None),
    ],
)
def test_what_can_be_judged_is_judged(schema: Any, value: Any, broken: str | None) -> None:
    assert violation(schema, value) == broken


def nested(levels: int) -> dict[str, Any]:
    """Each definition refers to the next one twice: 2 to the power of `levels` ways."""
    twice = {str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(levels)}
    return {"$ref": "#/$defs/0", "$defs": twice | {str(levels): {}}}


def unevaluated(levels: int) -> dict[str, Any]:
    """Each level asks the one below it twice: for what it refuses, and for what it left unevaluated."""
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(levels):
        schema = {"anyOf": [schema], "unevaluatedProperties": False, "unevaluatedItems": False}
    return schema


HOSTILE: list[tuple[Any, Any]] = [
    ({"properties": {"a": {"pattern": "^(a+)+$"}}}, {"a": "a" * 60 + "!"}),
    ({"properties": {"a": {"$schema": "http://json-schema.org/draft-07/schema#", "not": {"pattern": "^(a+)+$"}}}},
     {"a": "a" * 60 + "!"}),
    ({"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False}, {"a" * 60 + "!": 1}),
    (nested(40), {}), ({"$ref": "#"}, {}), ({"allOf": [{"$ref": "#"}] * 2}, {}), ({"$ref": "#/nowhere"}, {}),
    ({"uniqueItems": True}, [[n] for n in range(30_000)]), ({"required": [[n] for n in range(30_000)]}, {}),
    ({"dependentRequired": {"a": [[n] for n in range(30_000)]}}, {}), ({"type": [[n] for n in range(30_000)]}, {}),
    ({"multipleOf": 0.1}, "1" + "0" * 400), ({"multipleOf": 2}, "1e400"), ({"pattern": "a{" + "9" * 40 + "}"}, '"a"'),
    (unevaluated(60), {"a": 1}), (unevaluated(60), [1]),
    ({"type": "array"}, "[" * 100_000), ({"minimum": 10**300}, "NaN"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "value"), HOSTILE, ids=lambda one: json.dumps(one)[:50])
def test_no_schema_costs_more_than_it_is_long(schema: Any, value: Any) -> None:
    start = time.process_time()
    violation(schema, value)
    schema_error(schema)
    assert time.process_time() - start < 5
