"""The schemas that a user gives for rows and for answers, as checks that a run adds to its own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.lint.check import Check
from service.lint.checks.files import answer_against_schema, row_against_schema
from service.lint.json_schema import Violation, compiled, schema_problems

# any of these tells a schema from the object that an API wraps it in
_KEYWORDS = frozenset((
    "type", "properties", "required", "items", "enum", "const", "anyOf", "oneOf", "allOf", "not", "$ref", "$schema",
))  # fmt: skip


def row_schema_check(path: Path) -> Check:
    """F040 with the JSON Schema of a file.

    Raises:
        TuneGateError: `unreadable_path`, or `invalid_input` with all that is wrong with the schema.
    """
    find = partial(row_against_schema.find, validator=compiled(read_schema(path)))
    return msgspec.structs.replace(row_against_schema.CHECK, find=find)


def answer_schema_check(path: Path) -> Check:
    """F041 with the JSON Schema of a file.

    Raises:
        TuneGateError: as `row_schema_check`.
    """
    find = partial(answer_against_schema.find, validator=compiled(read_schema(path)))
    return msgspec.structs.replace(answer_against_schema.CHECK, find=find)


def read_schema(path: Path) -> dict[str, Any]:
    """The schema of a file, also when it stands in a `response_format` as chat APIs take it.

    Raises:
        TuneGateError: `unreadable_path`, or `invalid_input` with the JSON Pointer of every mistake.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise TuneGateError("unreadable_path", f"{path}: {error.strerror}.", remedy="Name a readable file.") from error
    try:
        content = msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise TuneGateError("invalid_input", f"{path}: not JSON: {error}.", remedy="Write a JSON Schema.") from error
    schema = _unwrapped(content)
    if not isinstance(schema, dict):
        raise TuneGateError("invalid_input", f"{path}: a JSON Schema is an object.", remedy='Begin with {"type": ...}.')
    problems = schema_problems(schema)
    if problems:
        errors = [_item(path, one) for one in problems]
        raise TuneGateError("invalid_input", f"{path}: no JSON Schema, {len(problems)} mistake(s).", errors=errors)
    return schema


def _item(path: Path, problem: Violation) -> ErrorItem:
    remedy = "Copy what it names into $defs of this file." if problem.keyword in {"$ref", "$dynamicRef"} else None
    return ErrorItem(f"{path}#{problem.pointer}", f"`{problem.keyword}`: {problem.detail or 'refused'}", remedy=remedy)


def _unwrapped(content: Any) -> Any:
    """The schema inside of {"json_schema": {"schema": ...}} or {"name": ..., "schema": ...}."""
    inner = content.get("json_schema") if isinstance(content, dict) else None
    if isinstance(inner, dict):
        return _unwrapped(inner)
    if isinstance(content, dict) and isinstance(content.get("schema"), dict) and not _KEYWORDS & set(content):
        return content["schema"]
    return content
