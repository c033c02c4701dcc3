"""What is judged without the library of JSON Schema, the library judges alike; and most tools need no library."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from service.lint.json_schema import compiled, schema_error, schema_problems, violation, violations
from service.lint.plain_schema import accepts, plain_schema
from service.lint.schema_bounds import names_something_else

NAMES = ["q", "limit", "pattern", "patternProperties", "$ref", "$id", "enum", "required", "items", ""]
VALUES: list[Any] = ["a", "", 1, 1.0, 1.5, True, None, [], ["a"], [1], [True], {}, {"q": 1}, float("nan"), 10**20]
KEYWORDS: dict[str, list[Any]] = {
    "description": ["d", None], "title": ["t", 1], "enum": [["a", "b"], [], ["a", "a"], [1], None],
    "items": [{"type": "string"}, {"type": "number", "enum": ["a"]}, {}, True, None], "minimum": [0], "$ref": ["#/a"],
}  # fmt: skip
TYPES = ["string", "integer", "number", "boolean", "array", "array", "object", "null", "nonsense"]

names = st.sampled_from(NAMES)
options = {key: st.sampled_from(values) for key, values in KEYWORDS.items()}
properties = st.fixed_dictionaries({"type": st.sampled_from(TYPES)}, optional=options)
schemas = st.fixed_dictionaries(
    {"type": st.just("object"), "properties": st.dictionaries(names, properties, max_size=3)},
    optional={
        "required": st.lists(names, max_size=2), "additionalProperties": st.sampled_from([True, False, {}, None]),
        "description": st.sampled_from(["d", 1]), "$schema": st.just("http://json-schema.org/draft-07/schema#"),
    },
)  # fmt: skip
values = st.dictionaries(names, st.sampled_from(VALUES), max_size=3) | st.sampled_from(VALUES)


@given(schemas, values)
@settings(max_examples=400)
def test_what_is_plain_the_library_takes_and_what_fits_it_accepts(schema: dict[str, Any], value: Any) -> None:
    plain = plain_schema(msgspec.json.encode(schema))
    if plain is None:
        return
    assert schema_problems(schema) == []
    assert not names_something_else(schema)
    if accepts(plain, value):
        assert list(violations(compiled(schema), value)) == []


def test_a_plain_schema_is_told_from_one_that_says_more() -> None:
    schema = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
    assert plain_schema(msgspec.json.encode(schema)) is not None
    assert plain_schema(msgspec.json.encode(schema | {"not": {}})) is None
    assert schema_error(schema) is None
    assert violation(schema, '{"q": "x"}') is None
    assert violation(schema, '{"q": 1}') == "type at depth 1"


def test_rows_that_call_plain_tools_load_no_library_of_schemas(tmp_path: Path) -> None:
    parameters = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
    call = {"id": "c", "type": "function", "function": {"name": "find", "arguments": json.dumps({"q": "x"})}}
    row = {
        "messages": [
            {"role": "user", "content": "Where?"}, {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "There."}, {"role": "assistant", "content": "There."},
        ],
        "tools": [{"type": "function", "function": {"name": "find", "description": "d", "parameters": parameters}}],
    }  # fmt: skip
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps(row) + "\n")
    program = (
        "import sys; from service.cli.app import run; code = run(sys.argv[1:]);"
        "sys.exit(f'{code} {sorted({name.split(chr(46))[0] for name in sys.modules})}')"
    )
    command = [sys.executable, "-c", program, "lint", str(path), "--target", "openai", "--tokens", "off"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "msgspec" in done.stderr
    assert "jsonschema" not in done.stderr
