"""Reads evaluation sets: chat rows whose last answer is the expected one, and multiple-choice questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from service.errors import ErrorItem
from service.evaluate.answers import EvaluationRow, ExpectedCall
from service.evaluate.given import refuse
from service.evaluate.multiple_choice import FORMS, UnreadableQuestion, as_messages, looks_like_one, read_question
from service.evaluate.prompts import text_of
from service.evaluate.row_checks import Checks, read_checks
from service.lint.decoding import decode
from service.lint.reader import Reader
from service.lint.shape import ROLES
from service.packing import open_file, unpacked

Role = Literal["evaluation", "regression"]
# what a chat endpoint reads of a message; weights and what else a row carries are for training
_SENT = ("role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal")
_ALLOWED = f"a chat row (messages), or a multiple-choice question: {FORMS}"


class RowFile(msgspec.Struct, frozen=True):
    """A file to read."""

    path: Path
    shown_as: str
    role: Role = "evaluation"


class RowSet(msgspec.Struct, frozen=True):
    """The rows of all files, `data` as the record describes them, and the lines of the regression files' rows."""

    rows: list[EvaluationRow]
    data: list[dict[str, Any]]
    regression_lines: frozenset[int]


def read_rows(files: Sequence[RowFile], *, nodes: Mapping[str, str] | None = None) -> RowSet:
    """The rows of the files one behind another; `nodes` says where a row has what a flow's node should give.

    A row that ends without an assistant's message has no expected answer and is kept.

    Raises:
        TuneGateError: `unreadable_path`; `invalid_input` with everything that cannot be read, by line.

    """
    errors: list[ErrorItem] = []
    rows: list[EvaluationRow] = []
    data: list[dict[str, Any]] = []
    regression: set[int] = set()
    before = 0
    for file in files:
        found, described, lines = _read(file, before, nodes or {}, errors)
        if not found and not errors:
            errors.append(ErrorItem(file.shown_as, "no rows", _ALLOWED))
        rows += found
        data.append(described)
        regression |= {row.line for row in found} if file.role == "regression" else set()
        before += lines
    refuse(errors, "the evaluation set")
    return RowSet(rows, data, frozenset(regression))


def _read(
    file: RowFile, before: int, nodes: Mapping[str, str], errors: list[ErrorItem]
) -> tuple[list[EvaluationRow], dict[str, Any], int]:
    """(rows, the file as the record describes it, its lines)."""
    found: list[EvaluationRow] = []
    number = 0
    with open_file(file.path, file.shown_as) as stream:
        reader = Reader(unpacked(stream, file.shown_as))
        for block in reader.blocks():
            for line in block.lines:
                number += 1
                if line.strip():
                    row = _row(line, f"{file.shown_as}:{number}", nodes, errors)
                    if row is not None:
                        changed = {"line": before + number, "path": file.shown_as, "line_in_file": number}
                        found.append(msgspec.structs.replace(row, **changed))
    if reader.encoding.name != "utf-8":
        errors.append(ErrorItem(file.shown_as, reader.encoding.name, "UTF-8", "tunegate convert writes UTF-8."))
    described = {
        "path": file.shown_as,
        "sha256": reader.sha256,
        "rows": len(found),
        "role": file.role,
        "without_expected": sum(not _expects(row) for row in found),
        "lines_before": before,
    }
    return found, described, number


def _expects(row: EvaluationRow) -> bool:
    return not (row.expected is None and row.expected_calls is None and row.right is None)


def _row(line: bytes, where: str, nodes: Mapping[str, str], errors: list[ErrorItem]) -> EvaluationRow | None:
    """The row, without its place; None, with the errors noted, where there is none."""
    content, why = decode(line)
    if why is not None:
        errors.append(ErrorItem(where, f"not JSON ({why})", _ALLOWED))
        return None
    if not isinstance(content, dict):
        errors.append(ErrorItem(where, "JSON, but no object", _ALLOWED))
        return None
    before = len(errors)
    checks = read_checks(content, where, errors)
    made = _question(content, where, checks, errors) if looks_like_one(content) else None
    if made is None and len(errors) == before:
        made = _conversation(content, where, checks, errors)
    if made is None or len(errors) > before:
        return None
    return msgspec.structs.replace(made, expected_nodes=_expected_nodes(content, where, nodes, errors))


def _question(row: dict[str, Any], where: str, checks: Checks, errors: list[ErrorItem]) -> EvaluationRow | None:
    try:
        question = read_question(row)
    except UnreadableQuestion as error:
        errors.append(ErrorItem(where, str(error), _ALLOWED))
        return None
    if checks.choices is not None:
        place = f"{where}: evaluation"
        errors.append(ErrorItem(place, "choices beside those of the question", "one of the two"))
        return None
    return EvaluationRow(
        line=0,
        messages=as_messages(question),
        expected=checks.expected,
        choices=question.choices,
        right=question.right,
        pattern=checks.pattern,
        json_schema=checks.json_schema,
        refuse=checks.refuse,
    )


def _conversation(row: dict[str, Any], where: str, checks: Checks, errors: list[ErrorItem]) -> EvaluationRow | None:
    messages = _messages(row.get("messages"), where, errors)
    if messages is None:
        return None
    tools = row.get("tools")
    if tools is not None and not (isinstance(tools, list) and all(isinstance(one, dict) for one in tools)):
        errors.append(ErrorItem(f"{where}: tools", "no list of objects", "a list of tools"))
        return None
    last = messages[-1] if messages[-1]["role"] == "assistant" else {}
    asked = messages[:-1] if last else messages
    if not any(one["role"] == "user" for one in asked):
        errors.append(ErrorItem(f"{where}: messages", "nothing that a user asks", "a user message before the answer"))
        return None
    calls = _calls(last, where, errors)
    expected = checks.expected or text_of(last.get("content")) or None
    return EvaluationRow(
        line=0,
        messages=asked,
        tools=tools or None,
        expected=expected,
        expected_calls=calls,
        choices=checks.choices,
        right=checks.right,
        pattern=checks.pattern,
        json_schema=checks.json_schema,
        refuse=checks.refuse,
    )


def _messages(found: Any, where: str, errors: list[ErrorItem]) -> list[dict[str, Any]] | None:
    if not isinstance(found, list) or not found:
        errors.append(ErrorItem(where, "no messages", _ALLOWED))
        return None
    wrong = [
        ErrorItem(f"{where}: messages/{n}", "no message", f"an object with a role ({', '.join(ROLES)})")
        for n, one in enumerate(found)
        if not isinstance(one, dict) or one.get("role") not in ROLES
    ]
    errors += wrong
    return None if wrong else [{key: one[key] for key in _SENT if one.get(key) is not None} for one in found]


def _calls(message: dict[str, Any], where: str, errors: list[ErrorItem]) -> list[ExpectedCall] | None:
    written = message.get("tool_calls")
    functions = [one.get("function") for one in written if isinstance(one, dict)] if isinstance(written, list) else []
    if message.get("function_call") is not None:
        functions.append(message["function_call"])
    calls = []
    for n, function in enumerate(functions):
        call = read_call(function)
        if call is None:
            place = f"{where}: call {n + 1} of the answer"
            errors.append(ErrorItem(place, "no call that can be compared", "a name, and arguments as a JSON object"))
        else:
            calls.append(call)
    return calls or None


def read_call(function: Any) -> ExpectedCall | None:
    """A call with its arguments as an object; None where it is something else."""
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return None
    written = function.get("arguments") or "{}"
    arguments, why = decode(written.encode(errors="replace")) if isinstance(written, str) else (written, None)
    return ExpectedCall(function["name"], arguments) if why is None and isinstance(arguments, dict) else None


def _expected_nodes(
    row: dict[str, Any], where: str, nodes: Mapping[str, str], errors: list[ErrorItem]
) -> dict[str, str]:
    """What each node should give, where the row says it."""
    found = {}
    for node, path in nodes.items():
        value: Any = row
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str):
            found[node] = value
        elif value is not None:
            errors.append(ErrorItem(f"{where}: what node {node} should give", "no text", "a text"))
    return found
