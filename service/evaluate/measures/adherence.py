"""Whether an answer has the form that its row asks for: a JSON Schema, or a regular expression."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec

from service.evaluate.answers import Answer, EvaluationRow
from service.evaluate.measures.expressions import matches, unusable
from service.evaluate.measures.measure import RowMeasure, said
from service.lint.json_schema import compiled, schema_error, violations
from service.lint.schema_costs import costly

_FENCE = re.compile(r"```[ \t]*(?:json|JSON)?[ \t]*\r?\n(.*?)\r?\n?[ \t]*```", re.DOTALL)
# run here all the same: expressions for a bounded time, and an answer holds few items
_BOUNDED_HERE = frozenset(("pattern", "uniqueItems"))


class NotJson(Exception):  # noqa: N818 - it names what the text is
    """A text that is no JSON value."""


def json_value(text: str) -> Any:
    """The JSON value that an answer is, alone or as its one fenced block.

    Raises:
        NotJson: anything else, JSON amid other text and NaN included.
    """
    fenced = _FENCE.fullmatch(text.strip())
    try:
        return json.loads(fenced[1] if fenced else text, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise NotJson from error


def schema_valid(row: EvaluationRow, answer: Answer) -> float | None:
    """1 where the answer is JSON that its row's schema takes; None for a schema that is not run."""
    schema = row.json_schema
    try:
        value = json_value(said(answer))
    except NotJson:
        return 0.0
    if isinstance(schema, bool):
        return float(schema)
    key = msgspec.json.encode(schema, order="sorted")
    return None if not _usable(key) else float(next(violations(_validator(key), value), None) is None)


def pattern_match(row: EvaluationRow, answer: Answer) -> float | None:
    """1 where the whole answer matches its row's expression; None where that ran too long or is no expression."""
    found = matches(row.pattern or "", said(answer))
    return None if found is None else float(found)


def _refused(constant: str) -> Any:
    raise ValueError(constant)


@lru_cache(maxsize=1024)
def _usable(key: bytes) -> bool:
    """Whether a schema is one, and what it costs is bounded by its length and the answer's."""
    schema = msgspec.json.decode(key)
    try:
        if schema_error(schema) is not None:
            return False
        refused = [one for one in costly(schema) if one.keyword not in _BOUNDED_HERE]
        return not refused and not any(unusable(one) for one in _expressions(schema))
    except RecursionError:
        return False


@lru_cache(maxsize=1024)
def _validator(key: bytes) -> Any:
    from jsonschema.validators import extend

    base = compiled(msgspec.json.decode(key))
    return extend(type(base), {"pattern": _pattern})(base.schema, registry=base._registry)


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    """Jsonschema's keyword, for a bounded time; one that cannot be judged is not held against the answer."""
    del schema
    from jsonschema.exceptions import ValidationError

    if validator.is_type(instance, "string") and matches(pattern, instance, whole=False) is False:
        yield ValidationError("does not match")


def _expressions(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("pattern"), str):
            yield part["pattern"]
        for below in part.values():
            yield from _expressions(below)
    elif isinstance(part, list):
        for below in part:
            yield from _expressions(below)


MEASURES = (
    RowMeasure(
        name="schema_valid", what="the answer is JSON that the row's schema takes, alone or in one fenced block",
        asks=lambda row: row.json_schema is not None, score=schema_valid, share=True,
    ),
    RowMeasure(
        name="pattern_match", what="the whole answer matches the row's regular expression",
        asks=lambda row: row.pattern is not None, score=pattern_match, share=True,
    ),
)  # fmt: skip
