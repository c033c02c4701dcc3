"""Whatever the command line can be asked for, a body gets too: the same report, byte for byte."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
import zstandard
from pyarrow import parquet

from service.cli.app import run

LETTER = (
    "Dear reader, the book that you asked for on Monday has come back and waits for you at the desk until Friday "
    "evening; please bring your card, and the other two books that are due."
)
ROW_SCHEMA = {
    "properties": {"messages": {"$ref": "#/$defs/turns"}},
    "$defs": {"turns": {"items": {"$ref": "#/$defs/turn"}, "minItems": 3}, "turn": {"required": ["content"]}},
}
ANSWER_SCHEMA = {"json_schema": {"name": "x", "schema": {"type": "object", "required": ["id"]}}}
# what a body is asked for as, beside the target
OPTIONS: dict[str, dict[str, str]] = {
    "none": {},
    "the rules that are chosen": {"select": "F,R0", "ignore": "F008", "max_findings": "2"},
    "a model": {"model": "gpt-4.1-nano", "tokens": "exact", "target": "azure-openai"},
    "another method": {"method": "dpo", "tokens": "off"},
    "near duplicates": {"near_duplicates": "true"},
    "languages": {"languages": "true", "near_duplicates": "false"},
    "a schema of rows": {"row_schema": json.dumps(ROW_SCHEMA)},
    "a schema of answers": {"answer_schema": json.dumps(ANSWER_SCHEMA, indent=1)},
    "all of it": {
        "near_duplicates": "true", "languages": "true", "max_findings": "0", "row_schema": json.dumps(ROW_SCHEMA),
        "answer_schema": json.dumps(ANSWER_SCHEMA), "target": "trl",
    },
}  # fmt: skip
STORED = [name for name in OPTIONS if "select" not in OPTIONS[name]]


def chat(number: int, answer: str) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": f"What is the letter number {number} that goes out to the readers?"},
            {"role": "assistant", "content": answer},
        ]
    }


ROWS = [
    *(chat(number, f"{LETTER} This is letter {number}.") for number in range(12)),
    *(chat(number, json.dumps({"id" if number % 3 else "no": number})) for number in range(12)),
    chat(1, "Das Buch liegt bis Freitag am Schalter bereit, bitte bringen Sie Ihren Ausweis mit und die anderen."),
    {"messages": [{"role": "system", "content": "Be brief."}, *chat(50, "Yes.")["messages"]]},
    {"messages": []},
]
LINES = b"".join(msgspec.json.encode(row) + b"\n" for row in ROWS)


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The same rows as they can be sent."""
    table = tmp_path_factory.mktemp("rows") / "data.parquet"
    parquet.write_table(pa.Table.from_pylist(ROWS), table)
    return {
        "plain": LINES, "gzip": gzip.compress(LINES), "zstd": zstandard.compress(LINES),
        "Parquet": table.read_bytes(), "packed Parquet": gzip.compress(table.read_bytes()),
    }  # fmt: skip


def on_the_command_line(folder: Path, body: bytes, query: dict[str, str]) -> Any:
    """The report of `tunegate lint`, its file called as a body is; how it is packed is told by its bytes."""
    data = folder / "data.jsonl"
    data.write_bytes(body)
    flags = []
    for option, value in query.items():
        flag = f"--{option.replace('_', '-')}"
        if option.endswith("_schema"):
            (folder / f"{option}.json").write_text(value)
            flags += [flag, str(folder / f"{option}.json")]
        elif value != "false":
            flags += [flag] if value == "true" else [flag, value]
    report = folder / "report.json"
    run(["lint", str(data), "--format", "json", "--output", str(report), *flags])
    return report.read_bytes().replace(json.dumps(str(data)).encode(), b'"-"')


@pytest.mark.parametrize("name", OPTIONS)
def test_a_body_gets_the_report_of_the_command_line_byte_for_byte(
    server: Any, tmp_path: Path, bodies: dict[str, bytes], name: str
) -> None:
    query = {"target": "local"} | OPTIONS[name]
    for file, body in bodies.items():
        answer = server.lint(body, **query)
        assert answer.status_code == 200, answer.text
        want = on_the_command_line(tmp_path, body, query)
        assert msgspec.json.format(answer.content, indent=2).strip() == want.strip(), file
    assert server.waiting == []


@pytest.mark.parametrize("name", STORED)
def test_a_stored_dataset_has_the_same_report(server: Any, name: str) -> None:
    query = {"target": "local"} | OPTIONS[name]
    stored = server.lint(LINES, route="datasets", **query)
    assert stored.status_code == 201, stored.text
    assert stored.json()["report"] == server.lint(LINES, **query).json()


def test_every_choice_of_options_is_a_dataset_of_its_own(server: Any) -> None:
    ids = {server.lint(LINES, route="datasets", **OPTIONS[name]).json()["id"] for name in STORED}
    assert len(ids) == len(STORED)
    assert server.lint(LINES, route="datasets", near_duplicates="false").json()["id"] in ids


def test_the_options_find_what_they_are_for(server: Any) -> None:
    asked, plain = (server.lint(LINES, **OPTIONS[name]).json() for name in ("all of it", "none"))
    assert {"Q002", "F040", "F041"} <= set(asked["counts"])
    assert set(asked["statistics"]["languages"]) == {"en", "de"}
    assert not {"Q002", "F040", "F041"} & set(plain["counts"])
    assert plain["statistics"]["languages"] == {}


def twice(levels: int) -> str:
    """Each definition refers to the next one twice."""
    ways = {str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(levels)}
    return json.dumps({"$ref": "#/$defs/0", "$defs": ways | {str(levels): {"type": "object"}}})


# schema -> (where, what is said of it)
REFUSED: dict[str, tuple[str, list[str], str]] = {
    "no JSON": ("{", [""], "not JSON"),
    "no object": ("[]", [""], "a JSON Schema is an object"),
    "no schema": ('{"type": "objec", "minimum": "x"}', ["#/minimum", "#/type"], ""),
    "another file": ('{"$ref": "https://example.com/x.json"}', ["#/$ref"], "#/..."),
    "a file": ('{"items": {"$ref": "file:///etc/passwd"}}', ["#/items/$ref"], "#/..."),
    "the standard's own": ('{"$ref": "https://json-schema.org/draft/2020-12/schema"}', ["#/$ref"], "#/..."),
    "nowhere": ('{"$ref": "#/nowhere"}', ["#/$ref"], ""),
    "a pattern": ('{"properties": {"a": {"pattern": "^(a+)+$"}}}', ["#/properties/a/pattern"], "for ever"),
    "patterns of keys": ('{"patternProperties": {"^(a+)+$": {}}}', ["#/patternProperties"], "for ever"),
    "a pattern where data stands": (
        '{"$ref": "#/enum/0", "enum": [{"pattern": "(a+)+$"}]}', ["#/enum/0/pattern"], "for ever",
    ),
    "a pattern behind escapes": (
        '{"$ref": "#/default/a~1b%20c", "default": {"a/b c": {"pattern": "(a+)+$"}}}', ["#/default/a~1b c/pattern"], "",
    ),
    "unique items": ('{"uniqueItems": true}', ["#/uniqueItems"], "every other"),
    "what was left over": ('{"anyOf": [{"unevaluatedProperties": false}]}', ["#/anyOf/0/unevaluatedProperties"], ""),
    "itself": ('{"properties": {"a": {"$ref": "#/properties/a"}}}', ["#/properties/a"], "back to itself"),
    "all of itself": ('{"properties": {"a": {"$ref": "#"}}}', ["#/properties/a/$ref"], ""),
    "a circle": (
        '{"$ref": "#/$defs/a", "$defs": {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"items": {"$ref": "#/$defs/a"}}}}',
        ["#/$defs/a"], "back to itself",
    ),
    "doubling": (twice(40), ["#"], "10000"),
    "a base of its own": ('{"items": {"$id": "x", "$ref": "#/a"}}', ["#/items/$id", "#/items/$ref"], ""),
    "depth": ('{"not":' * 1_000 + "{}" + "}" * 1_000, [""], "depth"),
    "length": (json.dumps({"required": ["x" * 8_192]}), [""], "8210 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("option", ["row_schema", "answer_schema"])
def test_a_schema_that_is_not_taken_is_told_with_its_place_before_the_body(server: Any, name: str, option: str) -> None:
    schema, places, said = REFUSED[name]
    answer = server.http.post("/v1/lint", params={"target": "local", option: schema}, content=b"x")
    body = server.refused(answer, 422, "invalid_input")
    assert sorted(one["where"] for one in body["errors"]) == [f"{option}{place}" for place in sorted(places)]
    assert said in answer.text


def test_schemas_as_people_write_them_are_taken(server: Any) -> None:
    for schema in (
        {
            "$schema": "http://json-schema.org/draft-07/schema#", "$id": "https://example.com/row",
            "definitions": {"a": {}},
            "properties": {"pattern": {"type": "string"}, "x": {"$ref": "#/definitions/a"}, "id": {"type": "string"}},
        },
        {"properties": {"uniqueItems": {"const": {"pattern": "(a+)+$"}}, "enum": {"enum": ["pattern"]}}},
        {"type": "object", "required": ["é" * 4_070]},
    ):  # fmt: skip
        text = json.dumps(schema, ensure_ascii=False)
        for route in ("lint", "datasets"):
            answer = server.lint(LINES, route=route, row_schema=text, answer_schema=text)
            assert answer.status_code in {200, 201}, answer.text


def test_all_that_is_wrong_with_a_query_is_told_at_once(server: Any) -> None:
    query = {"near_duplicates": "yes", "languages": "1", "row_schema": '{"type": 3}', "answer_schema": "{", "lang": "x"}
    body = server.refused(server.http.post("/v1/lint", params=query), 422, "invalid_input")
    assert [one["where"] for one in body["errors"]] == [
        "lang", "target", "near_duplicates", "languages", "row_schema#/type", "answer_schema",
    ]  # fmt: skip


def test_an_optional_part_that_is_missing_is_named_before_the_body_is_read(serve: Any, tmp_path: Path) -> None:
    without = tmp_path / "without"
    without.mkdir()
    for module in ("rensa", "py3langid", "pyarrow"):
        (without / f"{module}.py").write_text(f"raise ImportError('no {module}', name='{module}')\n")
    root = Path(__file__).resolve().parents[2]
    bare = serve(tmp_path, PYTHONPATH=f"{without}:{root}")
    endless = b"Content-Length: 99\r\nExpect: 100-continue\r\n\r\n"
    for option, extra in (("near_duplicates", "near"), ("languages", "languages")):
        for route in ("lint", "datasets"):
            body = bare.refused(bare.lint(b"", route=route, **{option: "true"}), 501, "missing_extra")
            assert body["remedy"] == f"pip install 'tunegate[{extra}]'"
        with bare.dial(f"/v1/lint?target=local&{option}=true&privacy=off HTTP/1.1", endless) as connection:
            assert connection.recv(12) == b"HTTP/1.1 501"
    body = bare.refused(bare.lint(b"PAR1" + bytes(64) + b"PAR1"), 501, "missing_extra")
    assert body["remedy"] == "pip install 'tunegate[parquet]'"
    bare.stop()
