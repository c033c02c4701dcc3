"""The schemas that a user gives for rows and for answers, as checks that a run adds to its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.lint.check import Check, Hit
from service.lint.checks.files import answer_against_schema, row_against_schema
from service.lint.json_schema import Violation, compiled, schema_problems
from service.lint.keys import canonical
from service.lint.schema_costs import Costly, costly

# any of these tells a schema from the object that an API wraps it in
_KEYWORDS = frozenset((
    "type", "properties", "required", "items", "enum", "const", "anyOf", "oneOf", "allOf", "not", "$ref", "$schema",
))  # fmt: skip

ROW_SCHEMA, ANSWER_SCHEMA = row_against_schema.CHECK.code, answer_against_schema.CHECK.code
SCHEMA_CODES = frozenset({ROW_SCHEMA, ANSWER_SCHEMA})


class GivenSchemas(msgspec.Struct, frozen=True):
    """JSON Schemas as bytes, which go to other processes as they are; None where none was given."""

    row: bytes | None = None
    answer: bytes | None = None

    @property
    def by_code(self) -> dict[str, bytes | None]:
        """The code of the check that reads it -> schema."""
        return {ROW_SCHEMA: self.row, ANSWER_SCHEMA: self.answer}

    @property
    def digests(self) -> dict[str, str]:
        """Code -> SHA-256 of the schema, of those that were given."""
        return {code: hashlib.sha256(schema).hexdigest() for code, schema in self.by_code.items() if schema is not None}

    def in_place_of(self, check: Check) -> Check:
        """The check with its schema where it reads one that was given, any other as it is."""
        schema = self.by_code.get(check.code)
        return check if schema is None else _with_schema(check.code, schema)


def given_schemas(row: Path | bytes | None, answer: Path | bytes | None) -> GivenSchemas:
    """The schemas of the files that are given, or of the texts that came with a request, whose cost is bounded.

    Raises:
        TuneGateError: as `row_schema_check`; with what is wrong with both, where both are.
    """
    found: list[bytes | None] = []
    wrong: list[TuneGateError] = []
    for name, given in (("row_schema", row), ("answer_schema", answer)):
        try:
            found.append(None if given is None else canonical(_read(given, name)))
        except TuneGateError as error:
            wrong.append(error)
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        codes = {error.code for error in wrong}
        items = [item for error in wrong for item in error.errors or (ErrorItem(error.detail, remedy=error.remedy),)]
        raise TuneGateError(
            codes.pop() if len(codes) == 1 else "invalid_input", "Neither schema can be used.", errors=items
        )
    return GivenSchemas(*found)


@lru_cache(maxsize=8)
def _with_schema(code: str, schema: bytes) -> Check:
    """Compiled once in a process: a check is asked for by every stretch."""
    check: Check = next(one.CHECK for one in (row_against_schema, answer_against_schema) if one.CHECK.code == code)
    find: Callable[..., Iterator[Hit]] = check.find
    return msgspec.structs.replace(check, find=partial(find, validator=compiled(msgspec.json.decode(schema))))


def row_schema_check(path: Path) -> Check:
    """F040 with the JSON Schema of a file.

    Raises:
        TuneGateError: `unreadable_path`, or `invalid_input` with all that is wrong with the schema.
    """
    return _with_schema(ROW_SCHEMA, canonical(read_schema(path)))


def answer_schema_check(path: Path) -> Check:
    """F041 with the JSON Schema of a file.

    Raises:
        TuneGateError: as `row_schema_check`.
    """
    return _with_schema(ANSWER_SCHEMA, canonical(read_schema(path)))


def read_schema(path: Path) -> dict[str, Any]:
    """The schema of a file, also when it stands in a `response_format` as chat APIs take it.

    Raises:
        TuneGateError: `unreadable_path`, or `invalid_input` with the JSON Pointer of every mistake.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise TuneGateError("unreadable_path", f"{path}: {error.strerror}.", remedy="Name a readable file.") from error
    return _checked(_decoded(raw, str(path)), str(path))


def schema_of_request(raw: bytes, name: str) -> dict[str, Any]:
    """The schema of a text that came with a request as its `name`: what it may cost there is bounded.

    Raises:
        TuneGateError: `invalid_input` with the JSON Pointer of every mistake, and of every keyword that is not taken.
    """
    content = _decoded(raw, name)
    try:
        refused = costly(content)
    except RecursionError:
        refused = [Costly("", "schema", "nested too deep")]
    if refused:
        remedy = "Leave it out, or lint on the command line: tunegate lint --row-schema or --answer-schema FILE."
        errors = [ErrorItem(f"{name}#{one.pointer}", f"`{one.keyword}`: {one.why}", remedy=remedy) for one in refused]
        raise TuneGateError("invalid_input", f"{name}: {len(errors)} keyword(s) are not taken here.", errors=errors)
    return _checked(content, name)


def _read(given: Path | bytes, name: str) -> dict[str, Any]:
    return read_schema(given) if isinstance(given, Path) else schema_of_request(given, name)


def _decoded(raw: bytes, name: str) -> dict[str, Any]:
    try:
        content = msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise TuneGateError("invalid_input", f"{name}: not JSON: {error}.", remedy="Write a JSON Schema.") from error
    schema = _unwrapped(content)
    if not isinstance(schema, dict):
        raise TuneGateError("invalid_input", f"{name}: a JSON Schema is an object.", remedy='Begin with {"type": ...}.')
    return schema


def _checked(schema: dict[str, Any], name: str) -> dict[str, Any]:
    problems = schema_problems(schema)
    if problems:
        errors = [_item(name, one) for one in problems]
        raise TuneGateError("invalid_input", f"{name}: no JSON Schema, {len(problems)} mistake(s).", errors=errors)
    return schema


def _item(name: str, problem: Violation) -> ErrorItem:
    remedy = "Copy what it names into $defs of this schema." if problem.keyword in {"$ref", "$dynamicRef"} else None
    return ErrorItem(f"{name}#{problem.pointer}", f"`{problem.keyword}`: {problem.detail or 'refused'}", remedy=remedy)


def _unwrapped(content: Any) -> Any:
    """The schema inside of {"json_schema": {"schema": ...}} or {"name": ..., "schema": ...}."""
    inner = content.get("json_schema") if isinstance(content, dict) else None
    if isinstance(inner, dict):
        return _unwrapped(inner)
    if isinstance(content, dict) and isinstance(content.get("schema"), dict) and not _KEYWORDS & set(content):
        return content["schema"]
    return content
