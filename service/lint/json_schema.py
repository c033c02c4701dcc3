"""JSON Schema, as declared by tools and given by users: validators are built once per schema, nothing is fetched."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import msgspec

from service.lint.check import kind
from service.lint.plain_schema import accepts, plain_schema
from service.lint.schema_bounds import bounded, can_be_followed, names_something_else
from service.lint.shape import pointer

_MOST = 256
# keywords whose value may be told: it stands in the schema, never in the data
_TOLD = frozenset((
    "type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
    "minItems", "maxItems", "minProperties", "maxProperties", "format",
))  # fmt: skip
_SAID = {
    "anyOf": "fits none of the forms that are allowed",
    "oneOf": "does not fit exactly one of the forms that are allowed",
    "enum": "is none of the values that are allowed",
    "const": "is not the one value that is allowed",
    "additionalProperties": "has a key that is not declared",
    "pattern": "does not match",
}
# below these stands data, not schemas
_DATA = ("enum", "const", "default", "examples")


class Violation(msgspec.Struct, frozen=True):
    """Where in a value (JSON Pointer, empty for the value itself) which keyword is broken; never the value."""

    pointer: str
    keyword: str
    detail: str = ""

    @property
    def said(self) -> str:
        """The detail, as the end of a sentence."""
        return f": {self.detail}" if self.detail else ""


def schema_error(schema: Any) -> str | None:
    """Why a value is no usable JSON Schema, None when it is one; never quotes the value."""
    if not isinstance(schema, dict):
        return "not an object"
    return _checked(_key(schema))


def schema_problems(schema: Any) -> list[Violation]:
    """All that keeps a schema from being used: what its draft refuses, patterns and references that cannot be used."""
    try:
        found = list(violations(compiled(_draft(schema).META_SCHEMA), schema, step=_step))
        return found or list(_unusable(schema))
    except RecursionError:
        return [Violation("", "schema", "nested too deep")]


def violation(schema: Any, value: Any) -> str | None:
    """Which keyword of a tool's schema a value breaks and where; None when it breaks none, or none that can be judged.

    Both come from the data, so what the schema may cost is bounded (service/lint/schema_bounds.py).
    """
    if not isinstance(schema, dict):
        return None
    key = _key(schema)
    if _checked(key) is not None:
        return None
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    plain = _plain(key)
    if plain is not None and accepts(plain, value):
        return None
    validator = _bounded(key)
    error = None if validator is None else next(violations(validator, value), None)
    if error is None:
        return None
    depth = error.pointer.count("/")
    return error.keyword + (f" at depth {depth}" if depth else "")


def compiled(schema: Any) -> Any:
    """The validator of a usable schema, built once."""
    return _validator(_key(schema))


def violations(validator: Any, value: Any, *, step: Callable[[str], str] = pointer) -> Iterator[Violation]:
    """Everything in a value that its schema refuses; a value too deep to be walked is not judged.

    `step` writes a key as a step of a JSON Pointer; as it stands, keys that may be text are not repeated.
    """
    from referencing.exceptions import Unresolvable

    told = set()
    try:
        for error in validator.iter_errors(value):
            place = "".join(f"/{key}" if isinstance(key, int) else step(key) for key in error.absolute_path)
            one = Violation(place, str(error.validator or "false"), _detail(error))
            # the library tells of every missing name by itself
            if one not in told:
                told.add(one)
                yield one
    except (RecursionError, ArithmeticError):
        # too deep, or numbers beyond what arithmetic takes
        return
    except Unresolvable:
        yield Violation("", "$ref", "a reference that leads nowhere; nothing is fetched")


def _detail(error: Any) -> str:
    keyword, wanted = error.validator, error.validator_value
    if keyword == "required":
        return f"misses {', '.join(name for name in wanted if name not in error.instance)}"
    if keyword == "type":
        return f"saw a {kind(error.instance)}, wants {' or '.join(wanted) if isinstance(wanted, list) else wanted}"
    return f"wants {wanted}" if keyword in _TOLD else _SAID.get(keyword, "")


def _unusable(schema: Any) -> Iterator[Violation]:
    """Patterns that are no regular expressions, and references to what is not in the schema itself."""
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import specification_with

    specification = specification_with(_draft(schema).META_SCHEMA["$schema"])
    resolver = specification.create_resource(schema)
    lookup = _registry().with_resource("", resolver).crawl().resolver().lookup
    several = b'"$id"' in msgspec.json.encode(schema)
    for place, key, value in _keywords(schema):
        if key in {"pattern", "patternProperties"} and not all(_compiles(one) for one in _patterns(value)):
            yield Violation(place, key, "no regular expression")
        if key in {"$ref", "$dynamicRef"}:
            try:
                lookup(value)
            except Unresolvable:
                # an $id below the top moves the base of what stands under it
                if not several or "://" in value:
                    yield Violation(place, key, "a reference to what is not in this schema; nothing is fetched")


def _keywords(schema: Any) -> Iterator[tuple[str, str, Any]]:
    stack = [("", schema)]
    while stack:
        place, one = stack.pop()
        if isinstance(one, dict):
            yield from ((f"{place}{_step(key)}", key, value) for key, value in one.items() if _is_keyword(key, value))
            stack += [(f"{place}{_step(key)}", below) for key, below in one.items() if key not in _DATA]
        elif isinstance(one, list):
            stack += [(f"{place}/{i}", below) for i, below in enumerate(one)]


def _step(key: str) -> str:
    """A JSON Pointer step for any key; for schemas alone, whose keys are no training text."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _is_keyword(key: str, value: Any) -> bool:
    """Whether a key is a keyword that is looked at, and no name of a property (whose value would be a schema)."""
    if key == "patternProperties":
        return isinstance(value, dict)
    return key in {"pattern", "$ref", "$dynamicRef"} and isinstance(value, str)


def _patterns(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _key(schema: Any) -> bytes:
    # a row that is being mended holds numbers with their literals (service/lint/fixes/exact.py): floats to a check
    return msgspec.json.encode(schema, order="sorted", enc_hook=float)


_plain = lru_cache(_MOST)(plain_schema)


@lru_cache(_MOST)
def _checked(key: bytes) -> str | None:
    if _plain(key) is not None:
        return None
    schema = json.loads(key)
    if names_something_else(schema):
        return "a list of names that holds something else"
    found = schema_problems(schema)
    if not found:
        return None
    depth = found[0].pointer.count("/")
    return found[0].keyword + (f" at depth {depth}" if depth else "")


def _draft(schema: Any) -> Any:
    """The draft that a schema names, else 2020-12."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for

    return validator_for(schema, default=Draft202012Validator) if isinstance(schema, dict) else Draft202012Validator


@lru_cache(_MOST)
def _validator(key: bytes) -> Any:
    schema = json.loads(key)
    return _draft(schema)(schema, registry=_registry())


@lru_cache(_MOST)
def _bounded(key: bytes) -> Any:
    schema = json.loads(key)
    return bounded(_draft(schema))(schema, registry=_registry()) if can_be_followed(schema) else None


def _registry() -> Any:
    """The standard's own schemas and nothing else: with no registry the library would fetch what a $ref names."""
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

    return REGISTRY
