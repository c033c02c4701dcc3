"""Fixes that may change what is trained, turn by turn: only with --unsafe-fixes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from service.lint.check import Row
from service.lint.fixes.fix import Data, DropRow, RowFix, drop, message_list
from service.lint.shape import declared, is_blank, role

_MERGED = {"content", "tool_calls"}


def empty_prompts(row: Row) -> Iterator[str]:
    """An empty instruction goes; a row whose user says nothing goes as a whole; an empty result may be one."""
    found = message_list(row)
    for i, message in reversed(row.messages):
        content = message.get("content")
        if not is_blank(content):
            continue
        if role(message) in {"system", "developer"}:
            del found[i]
            yield f"/messages/{i}"
        elif role(message) == "user":
            raise DropRow


def developer_messages(row: Row) -> Iterator[str]:
    for i, message in row.messages:
        if role(message) == "developer":
            message["role"] = "system"
            yield f"/messages/{i}/role"


def system_messages(row: Row) -> Iterator[str]:
    """One system message at the start; equal texts are written once."""
    found = message_list(row)
    systems = [(i, m) for i, m in row.messages if role(m) == "system"]
    texts = [m.get("content") for _, m in systems]
    if (
        not systems
        or not all(isinstance(text, str) for text in texts)
        or (len(systems) == 1 and found[0] is systems[0][1])
    ):
        return
    joined: Data = {**systems[0][1], "content": "\n\n".join(dict.fromkeys(str(text) for text in texts))}
    kept = [m for m in found if not any(m is one for _, one in systems)]
    found[:] = [joined, *kept]
    yield from (f"/messages/{i}" for i, _ in systems[1:] or systems)


def user_turns(row: Row) -> Iterator[str]:
    yield from _merged(row, "user")


def assistant_turns(row: Row) -> Iterator[str]:
    yield from _merged(row, "assistant")


def _merged(row: Row, who: str) -> Iterator[str]:
    """Join neighbours of one role that differ in nothing but their content."""
    found, i, removed = message_list(row), 1, 0
    while i < len(found):
        before, message = found[i - 1], found[i]
        if isinstance(before, dict) and isinstance(message, dict) and _alike(before, message, who):
            _join(before, message)
            del found[i]
            removed += 1
            yield f"/messages/{i + removed - 1}"
        else:
            i += 1


def _alike(before: Data, message: Data, who: str) -> bool:
    rest = [{key: value for key, value in one.items() if key not in _MERGED} for one in (before, message)]
    contents = [one.get("content") for one in (before, message)]
    return (
        role(before) == role(message) == who
        and not before.get("tool_calls")
        and rest[0] == rest[1]
        and all(content is None or isinstance(content, str | list) for content in contents)
    )


def _join(before: Data, message: Data) -> None:
    first, second = before.get("content"), message.get("content")
    if isinstance(first, str) and isinstance(second, str):
        before["content"] = f"{first}\n\n{second}" if first and second else first or second
    elif second is not None:
        before["content"] = [*_parts(first), *_parts(second)] if first is not None else second
    if "tool_calls" in message:
        before["tool_calls"] = message["tool_calls"]


def _parts(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def trailing_turns(row: Row) -> Iterator[str]:
    yield from _cut_after(row, "assistant")


def trailing_answers(row: Row) -> Iterator[str]:
    yield from _cut_after(row, "user")


def _cut_after(row: Row, who: str) -> Iterator[str]:
    found = message_list(row)
    places = [i for i, message in row.messages if role(message) == who]
    if places and places[-1] + 1 < len(found):
        yield from (f"/messages/{i}" for i in range(places[-1] + 1, len(found)))
        del found[places[-1] + 1 :]


def ignored_weights(row: Row) -> Iterator[str]:
    for i, message in row.messages:
        if "weight" in message and role(message) == "assistant":
            del message["weight"]
            yield f"/messages/{i}/weight"


def second_results(row: Row) -> Iterator[str]:
    seen: set[str] = set()
    gone: set[int] = set()
    for i, message in row.messages:
        name = message.get("tool_call_id")
        if role(message) == "tool" and isinstance(name, str):
            if name in seen:
                gone.add(i)
            seen.add(name)
    found = message_list(row)
    found[:] = [message for i, message in enumerate(found) if i not in gone]
    yield from (f"/messages/{i}" for i in sorted(gone))


def second_declarations(row: Row) -> Iterator[str]:
    seen: set[str] = set()
    gone: set[int] = set()
    for place, function in declared(row):
        name = function.get("name")
        if isinstance(name, str):
            if name in seen:
                gone.add(int(place.split("/")[2]))
            seen.add(name)
    row.data["tools"] = [tool for i, tool in enumerate(row.data["tools"]) if i not in gone]
    yield from (f"/tools/{i}" for i in sorted(gone))


_LEFT_OUT = "left the row out"
# rows that go need no other fix, so they come first
UNSAFE = (
    *(RowFix(code, _LEFT_OUT, drop) for code in ("R002", "R018", "R021", "R022", "R032", "D005", "L010")),
    RowFix("R023", "left the empty message out", empty_prompts),
    RowFix("R008", "wrote the role system", developer_messages),
    RowFix("R013", "joined the system messages at the start", system_messages),
    RowFix("R014", "joined the system messages at the start", system_messages),
    RowFix("R012", "left the turns after the last answer out", trailing_turns),
    RowFix("G001", "left the turns after the last question out", trailing_answers),
    RowFix("R015", "joined the two messages", user_turns),
    RowFix("R016", "joined the two messages", assistant_turns),
    RowFix("R033", "dropped the weight", ignored_weights),
    RowFix("T023", "left the second result out", second_results),
    RowFix("T005", "left the second declaration out", second_declarations),
)
