"""Schemas of tools and of users: nothing is fetched, nothing is quoted, every mistake has its place."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from service.data import rule_files
from service.errors import TuneGateError
from service.lint.check import Check, Row
from service.lint.json_schema import compiled, schema_error, schema_problems, violation, violations
from service.lint.schemas_given import answer_schema_check, read_schema, row_schema_check
from service.verbs.lint import LintInput, LintRequest, lint

RULES = rule_files()
ORDER = {
    "type": "object",
    "properties": {"id": {"$ref": "#/$defs/number"}, "lines": {"type": "array", "items": {"type": "string"}}},
    "required": ["id"],
    "additionalProperties": False,
    "$defs": {"number": {"type": "integer", "minimum": 1}},
}


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """(URL of a schema, the paths that were asked for)."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"type": "string"}')

        def log_message(self, *args: Any) -> None:
            del args

    running = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}/schema.json", asked
    running.shutdown()
    running.server_close()


def calling(parameters: dict[str, Any], arguments: str = "{}") -> dict[str, Any]:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    tool = {"type": "function", "function": {"name": "f", "description": "d", "parameters": parameters}}
    return {
        "messages": [
            {"role": "user", "content": "Hi?"},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "1"},
            {"role": "assistant", "content": "Hello."},
        ],
        "tools": [tool],
    }


def counts(row: object) -> dict[str, int]:
    request = LintRequest(inputs=[LintInput(None, "-")], target="azure-openai", max_findings=0)
    return lint(request, rules=RULES, stdin=io.BytesIO(json.dumps(row).encode())).counts


def test_a_reference_in_training_data_is_never_fetched(server: tuple[str, list[str]]) -> None:
    url, asked = server
    found = counts(calling({"type": "object", "properties": {"a": {"$ref": url}}}, '{"a": 1}'))
    assert asked == []
    assert "T006" in found
    # below an $id the library finds out at run time only
    hidden = {"$id": "https://example.com/a", "properties": {"a": {"$id": "b/", "$dynamicRef": "c.json"}}}
    counts(calling(hidden, '{"a": 1}'))
    assert asked == []


@pytest.mark.parametrize(
    "parameters",
    [
        {"$ref": "#/$defs/missing"},
        {"properties": {"a": {"pattern": "("}}},
        {"properties": {"a": {"$ref": "other.json"}}},
        {"patternProperties": {"[": {}}},
    ],
)
def test_a_schema_that_cannot_be_used_is_a_finding_and_no_crash(parameters: dict[str, Any]) -> None:
    assert "T006" in counts(calling(parameters, '{"a": "x"}'))


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"properties": {"pattern": {"type": "string"}, "$ref": {"type": "string"}}},
        {"const": {"$ref": "nowhere"}, "default": {"pattern": "("}},
        {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"a": {}}, "$ref": "#/definitions/a"},
        {"$id": "https://e.com/a", "$defs": {"n": {"$id": "n"}}, "properties": {"a": {"$ref": "n"}}},
        {"$anchor": "here", "properties": {"a": {"$ref": "#here"}}},
    ],
)
def test_a_usable_schema_has_no_problem(schema: dict[str, Any]) -> None:
    assert schema_problems(schema) == []
    assert schema_error(schema) is None


def test_a_value_that_recurs_for_ever_is_not_judged() -> None:
    assert violation({"$ref": "#"}, {"a": 1}) is None


def test_violations_say_keyword_and_place_and_never_a_value() -> None:
    value = {"lines": ["a", 7], "secret key": "zebra-7731"}
    found = list(violations(compiled(ORDER), value))
    assert {(one.pointer, one.keyword) for one in found} == {
        ("", "required"), ("", "additionalProperties"), ("/lines/1", "type"),
    }  # fmt: skip
    assert "misses id" in {one.detail for one in found}
    assert not any("zebra" in str(one) or "secret" in str(one) for one in found)


def given(tmp_path: Path, schema: object) -> Path:
    path = tmp_path / "schema.json"
    path.write_text(schema if isinstance(schema, str) else json.dumps(schema))
    return path


def said(check: Check, row: dict[str, Any]) -> list[tuple[str | None, str]]:
    return [(hit.pointer, hit.message) for hit in check.find(Row(row))]


def answering(content: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": content, **more}]}


def test_rows_are_held_against_the_schema_of_the_user(tmp_path: Path) -> None:
    check = row_schema_check(given(tmp_path, {"required": ["id"], "properties": {"id": {"type": "integer"}}}))
    assert check.code == "F040"
    assert said(check, {"id": 1}) == []
    assert said(check, {"id": "zebra"}) == [("/id", "the row breaks `type` of its schema: saw a string, wants integer")]
    assert said(check, {}) == [(None, "the row breaks `required` of its schema: misses id")]


@pytest.mark.parametrize(
    ("row", "pointers"),
    [
        (answering('{"id": 1}'), []),
        (answering('{"id": 0}'), ["/messages/1/content"]),
        (answering("Here you are."), ["/messages/1/content"]),
        (answering(""), ["/messages/1/content"]),
        (answering('```json\n{"id": 1}\n```'), ["/messages/1/content"]),
        (answering('{"id": 1} {"id": 1}'), ["/messages/1/content"]),
        (answering([{"type": "text", "text": '{"id": 1}'}]), []),
        (answering([{"type": "text", "text": '{"id": "1"}'}]), ["/messages/1/content"]),
        (answering(None, tool_calls=[{"id": "c"}]), []),
        ({"prompt": "Hi?", "completion": ' {"id": 2}'}, []),
        ({"prompt": "Hi?", "completion": " two"}, ["/completion"]),
        ({"prompt": "Hi?", "chosen": "two", "rejected": "two"}, ["/chosen"]),
        ({"preferred_output": [{"role": "assistant", "content": "two"}],
          "non_preferred_output": [{"role": "assistant", "content": "two"}]}, ["/preferred_output/0/content"]),
    ],
)  # fmt: skip
def test_answers_are_held_against_the_schema_of_the_user(
    row: dict[str, Any], pointers: list[str], tmp_path: Path
) -> None:
    check = answer_schema_check(given(tmp_path, ORDER))
    assert (check.code, [pointer for pointer, _ in said(check, row)]) == ("F041", pointers)


def test_a_finding_about_an_answer_names_the_place_in_it(tmp_path: Path) -> None:
    check = answer_schema_check(given(tmp_path, ORDER))
    ((_, message),) = said(check, answering('{"id": 1, "lines": ["a", {"zebra": 1}]}'))
    assert message == "the answer breaks `type` of its schema at /lines/1 of the answer: saw a object, wants string"


@pytest.mark.parametrize(
    "wrapped",
    [
        {"name": "order", "strict": True, "schema": ORDER},
        {"type": "json_schema", "json_schema": {"name": "order", "schema": ORDER}},
    ],
)
def test_a_response_format_is_read_as_its_schema(wrapped: object, tmp_path: Path) -> None:
    assert read_schema(given(tmp_path, wrapped)) == ORDER
    assert read_schema(given(tmp_path, ORDER)) == ORDER


@pytest.mark.parametrize(
    ("schema", "places"),
    [
        ({"type": "objec", "properties": {"a": {"minimum": "x"}}}, ["#/type", "#/properties/a/minimum"]),
        ({"properties": {"a/1": {"$ref": "https://example.com/a.json"}, "b 2": {"pattern": "("}}},
         ["#/properties/a~11/$ref", "#/properties/b 2/pattern"]),
    ],
)  # fmt: skip
def test_every_mistake_of_a_given_schema_is_told_at_once(schema: object, places: list[str], tmp_path: Path) -> None:
    path = given(tmp_path, schema)
    with pytest.raises(TuneGateError) as raised:
        answer_schema_check(path)
    assert raised.value.code == "invalid_input"
    assert {item.where.removeprefix(str(path)) for item in raised.value.errors} == set(places)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "\ufeff[]"])
def test_a_file_that_is_no_schema_is_unusable_input(text: str, tmp_path: Path) -> None:
    with pytest.raises(TuneGateError) as raised:
        row_schema_check(given(tmp_path, text))
    assert raised.value.exit_code == 2


def test_a_missing_schema_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(TuneGateError) as raised:
        row_schema_check(tmp_path / "none.json")
    assert raised.value.code == "unreadable_path"
