"""Safe fixes of declared tools, their calls and results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, count
from typing import Any

from service.lint.check import Row
from service.lint.fixes.exact import read, written
from service.lint.fixes.fix import Data, RowFix
from service.lint.shape import call_ids, called, role, tool_calls

_FLAGS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def wrapped_tools(row: Row) -> Iterator[str]:
    """A bare declaration, or one without its type, is completed; a single one becomes a list of one."""
    tools = _parsed(row.data.get("tools"))
    if isinstance(tools, dict):
        tools = [tools]
    if not isinstance(tools, list):
        return
    if tools is not row.data["tools"]:
        row.data["tools"] = tools
        yield "/tools"
    for i, tool in enumerate(tools):
        if not isinstance(tool, dict) or (tool.get("type") == "function" and isinstance(tool.get("function"), dict)):
            continue
        if isinstance(tool.get("function"), dict) and set(tool) <= {"type", "function"}:
            tools[i] = {"type": "function", "function": tool["function"]}
            yield f"/tools/{i}"
        elif isinstance(tool.get("name"), str) and tool.get("type", "function") == "function":
            tools[i] = {
                "type": "function",
                "function": {key: value for key, value in tool.items() if key != "type"},
            }
            yield f"/tools/{i}"


def _parsed(value: Any) -> Any:
    try:
        return read(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value


def arguments_as_text(row: Row) -> Iterator[str]:
    for place, function in called(row):
        if isinstance(function.get("arguments"), dict | list):
            function["arguments"] = written(function["arguments"])
            yield f"{place}/arguments"


def arguments_as_object(row: Row) -> Iterator[str]:
    for place, function in called(row):
        found = _parsed(function.get("arguments"))
        if isinstance(found, dict) and found is not function["arguments"]:
            function["arguments"] = found
            yield f"{place}/arguments"


def complete_calls(row: Row) -> Iterator[str]:
    """A call is a function's, whatever it says; one without id takes that of the result behind it, or a new one."""
    ids = _ids(row)
    for i, message in row.messages:
        found = message.get("tool_calls")
        calls = [call for call in (found if isinstance(found, list) else []) if isinstance(call, dict)]
        nameless = [call for call in calls if not isinstance(call.get("id"), str)]
        given = [name for name in _result_ids(row, i) if name not in ids]
        if len(given) != len(nameless) or len(set(given)) != len(given) or len(given) > 1:
            given = []
        for j, call in enumerate(calls):
            whole = isinstance(call.get("id"), str) and call.get("type") == "function"
            if not isinstance(call.get("id"), str):
                call["id"] = given.pop() if given else _new_id(ids, f"call_{i}_{j}")
                ids.add(call["id"])
            call["type"] = "function"
            if not whole:
                yield f"/messages/{i}/tool_calls/{j}"


def own_ids(row: Row) -> Iterator[str]:
    """The second call of an id gets its own; results belong to the first call that still waits for one."""
    taken = _ids(row)
    waiting: dict[str, list[str]] = {}
    latest: dict[str, str] = {}
    for i, message in row.messages:
        found = message.get("tool_calls")
        for j, call in enumerate(found if isinstance(found, list) else []):
            name = call.get("id") if isinstance(call, dict) else None
            if not isinstance(name, str):
                continue
            if name in waiting:
                call["id"] = _new_id(taken, f"{name}_{i}_{j}")
                yield f"/messages/{i}/tool_calls/{j}/id"
            waiting.setdefault(name, []).append(call["id"])
        given = message.get("tool_call_id")
        if role(message) == "tool" and isinstance(given, str) and given in waiting:
            if waiting[given]:
                latest[given] = waiting[given].pop(0)
            if latest[given] != given:
                message["tool_call_id"] = latest[given]
                yield f"/messages/{i}/tool_call_id"


def ids_of_nine(row: Row) -> Iterator[str]:
    """Ids as Mistral's templates want them, the same in the call and in its result."""
    taken, new = _ids(row), dict[str, str]()
    for place, call in tool_calls(row):
        name = call.get("id")
        if isinstance(name, str) and not (len(name) == 9 and name.isascii() and name.isalnum()):
            if name not in new:
                new[name] = next(one for n in count(1) if (one := f"call{n:05d}") not in taken)
                taken.add(new[name])
            call["id"] = new[name]
            yield f"{place}/id"
    for i, message in row.messages:
        given = message.get("tool_call_id")
        if isinstance(given, str) and given in new:
            message["tool_call_id"] = new[given]
            yield f"/messages/{i}/tool_call_id"


def results_named(row: Row) -> Iterator[str]:
    yield from _answered(row, lambda given, _: not isinstance(given, str))


def results_matched(row: Row) -> Iterator[str]:
    yield from _answered(row, lambda given, known: isinstance(given, str) and given not in known)


def _answered(row: Row, lost: Callable[[Any, set[str]], bool]) -> Iterator[str]:
    """Give the one result that names no call the id of the one call that has no result."""
    given = [message.get("tool_call_id") for _, message in row.messages if role(message) == "tool"]
    answered = {one for one in given if isinstance(one, str)}
    known: set[str] = set()
    for i, message in row.messages:
        names = call_ids(message)
        known.update(names)
        waiting = [name for name in names if name not in answered]
        results = [(k, one) for k, one in _results(row, i) if lost(one.get("tool_call_id"), known)]
        if names and len(waiting) == len(results) == 1:
            results[0][1]["tool_call_id"] = waiting[0]
            yield f"/messages/{results[0][0]}/tool_call_id"


def parallel_flag(row: Row) -> Iterator[str]:
    """A flag that is spelt otherwise, or that the row's own calls contradict."""
    found = row.data.get("parallel_tool_calls")
    right = found if isinstance(found, bool) else _FLAGS.get(str(found).strip().lower())
    several = any(
        isinstance(message.get("tool_calls"), list) and len(message["tool_calls"]) > 1 for _, message in row.messages
    )
    if right is False and several:
        right = True
    if right is not None and right is not found:
        row.data["parallel_tool_calls"] = right
        yield "/parallel_tool_calls"


def _ids(row: Row) -> set[str]:
    return {name for _, message in row.messages for name in call_ids(message)}


def _results(row: Row, call: int) -> Iterator[tuple[int, Data]]:
    """The tool messages that stand right behind a message."""
    for i, message in row.messages:
        if i <= call:
            continue
        if role(message) != "tool":
            return
        yield i, message


def _result_ids(row: Row, call: int) -> list[str]:
    return [one["tool_call_id"] for _, one in _results(row, call) if isinstance(one.get("tool_call_id"), str)]


def _new_id(taken: set[str], start: str) -> str:
    """An id that no call of the row has."""
    found = next(one for one in chain([start], (f"{start}_{n}" for n in count(1))) if one not in taken)
    taken.add(found)
    return found


SAFE = (
    RowFix("T002", "wrote the tool as {type: function, function: ...}", wrapped_tools),
    RowFix("T011", "completed the call with its id or type", complete_calls),
    RowFix("T017", "gave the second call, and its result, an id of their own", own_ids),
    RowFix("T018", "wrote the id as nine letters and digits, in call and result", ids_of_nine),
    RowFix("T020", "named the one call that had no result", results_named),
    RowFix("T021", "named the one call that had no result", results_matched),
    RowFix("T012", "wrote the arguments as a JSON string", arguments_as_text),
    RowFix("T013", "wrote the arguments as an object", arguments_as_object),
    RowFix("T025", "wrote the flag as true or false, as the calls have it", parallel_flag),
)
