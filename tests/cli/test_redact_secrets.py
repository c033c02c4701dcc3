"""Secrets of every family and personal data, redacted in every way: no value is left, and lint finds nothing more."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from secret_samples import SAMPLES

from service.cli.app import run

PERSONAL = ("ada.quokka@example.org", "536-90-4399", "4111 1111 1111 1111", "415-555-0132", "DE89370400440532013000")


def planted() -> tuple[list[bytes], list[str]]:
    """(a row for every shape of every family, in a message and in a call; the values)."""
    chance, rows, values = Random(7), [], list(PERSONAL)
    every = [(before, make(chance), after) for shapes in SAMPLES.values() for before, make, after in shapes]
    every += [("about ", value, ".") for value in PERSONAL]
    for before, value, after in every:
        values.append(value)
        text = before + value + after
        function = {"name": "send", "arguments": json.dumps({"text": text, "count": 3, "ratio": 1.0})}
        messages = [
            {"role": "user", "content": f"Here: {text}"},
            {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": function}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "Sent."},
            {"role": "assistant", "content": "Done."},
        ]
        tool = {"type": "function", "function": {"name": "send", "parameters": {"type": "object", "properties": {}}}}
        rows.append(json.dumps({"messages": messages, "tools": [tool]}).encode())
    return rows, values


@pytest.mark.parametrize("way", ["pseudonyms", "replace", "mask", "hash"])
def test_secrets_go_and_lint_finds_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    monkeypatch.chdir(tmp_path)
    rows, values = planted()
    Path("data.jsonl").write_bytes(b"\n".join(rows) + b"\n")
    lint = [
        "--target",
        "local",
        "--privacy",
        "patterns",
        "--select",
        "P,S00",
        "--format",
        "json",
        "--max-findings",
        "0",
    ]
    assert run(["lint", "data.jsonl", *lint]) == 1
    assert json.loads(capsys.readouterr().out)["counts"].keys() >= {"S001", "S002", "P001", "P040"}
    assert run(["redact", "data.jsonl", "-o", "out.jsonl", "--map", "map.jsonl", "--with", way]) == 0
    printed = capsys.readouterr()
    redacted = Path("out.jsonl").read_text()
    assert [value for value in values if value in redacted or json.dumps(value)[1:-1] in redacted] == []
    assert [value for value in values if value in printed.out + printed.err] == []
    assert len(redacted.splitlines()) == len(rows)
    run(["lint", "out.jsonl", *lint])
    report = json.loads(capsys.readouterr().out)
    assert [(one["rule"], one["line"], one["pointer"]) for one in report["findings"] if one["rule"] != "P043"] == []
    assert run(["redact", "out.jsonl", "-o", "twice.jsonl", "--with", way]) == 0
    assert Path("twice.jsonl").read_text() == redacted
    assert run(["redact", "out.jsonl", "-o", "back.jsonl", "--restore", "map.jsonl"]) == 0
    assert Path("back.jsonl").read_bytes() == Path("data.jsonl").read_bytes()
