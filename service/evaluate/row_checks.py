"""The `evaluation` object of a row: what its answer is held against beside the expected one."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from service.errors import ErrorItem
from service.evaluate.given import Given


class Checks(msgspec.Struct, frozen=True, kw_only=True):
    """What a row asks of its answer; null where it asks nothing."""

    expected: str | None = None
    pattern: str | None = None
    json_schema: dict[str, Any] | bool | None = None
    refuse: bool | None = None
    choices: list[str] | None = None
    right: int | None = None


def read_checks(row: dict[str, Any], where: str, errors: list[ErrorItem]) -> Checks:
    """The checks of a row, with what is wrong with them noted."""
    found = row.get("evaluation")
    if found is None:
        return Checks()
    if not isinstance(found, dict):
        errors.append(ErrorItem(f"{where}: evaluation", "no object", "an object"))
        return Checks()
    given = Given(found, f"{where}: evaluation", errors)
    choices = given.texts("choices") or None
    checks = Checks(
        expected=given.text("expected"),
        pattern=_pattern(given),
        json_schema=_schema(given),
        refuse=given.flag("refuse") if "refuse" in found else None,
        choices=choices,
        right=_right(given, choices),
    )
    given.known("nodes")
    given.close()
    return checks


def _pattern(given: Given) -> str | None:
    pattern = given.text("pattern")
    if pattern is not None:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError):
            given.wrong("pattern", "no regular expression", "one that Python's re takes")
            return None
    return pattern


def _schema(given: Given) -> dict[str, Any] | bool | None:
    if isinstance(given.data.get("json_schema"), bool):
        return given.flag("json_schema")
    schema = given.table("json_schema")
    if schema is None:
        return None
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    try:
        validator_for(schema).check_schema(schema)
    except (SchemaError, RecursionError, AttributeError, TypeError):
        given.wrong("json_schema", "no JSON Schema", "a schema")
        return None
    return schema


def _right(given: Given, choices: list[str] | None) -> int | None:
    given.known("right")
    if "right" not in given.data:
        if choices:
            given.wrong("right", "nothing", "the place of the right choice, counted from 0")
        return None
    if choices is None:
        given.wrong("right", "a right choice without choices", "choices and right")
        return None
    return given.whole("right", 0, least=0, most=len(choices) - 1)
