"""Rows of every shape, and what may stand in them where something else belongs."""

from __future__ import annotations

import copy
from typing import Any

from lint_laws import CANARY

CALL = {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": '{"q": "x"}'}}
TOOL = {
    "type": "function",
    "function": {"name": "find", "description": "d", "parameters": {"type": "object", "properties": {"q": {}}}},
}
SYSTEM, USER = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?", "name": "pat"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}
ROWS: list[dict[str, Any]] = [
    {"messages": [SYSTEM, USER, {"role": "assistant", "content": "Hello.", "weight": 1}]},
    {
        "messages": [
            USER, {"role": "assistant", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "1"}, {"role": "assistant", "content": "Found."},
        ],
        "tools": [TOOL], "parallel_tool_calls": False,
    },
    {"messages": [{"role": "user", "content": [IMAGE, {"type": "text", "text": "?"}]},
                  {"role": "assistant", "content": "A cat."}]},
    {"input": {"messages": [SYSTEM, USER]}, "preferred_output": [{"role": "assistant", "content": "Yes."}],
     "non_preferred_output": [{"role": "assistant", "content": "No."}]},
    {"prompt": [USER], "chosen": [{"role": "assistant", "content": "A"}],
     "rejected": [{"role": "assistant", "content": "B"}]},
    {"messages": [SYSTEM, USER], "reference": "right", "grader": {"type": "string_check"}},
    {"messages": [USER, {"role": "assistant", "function_call": {"name": "find", "arguments": "{}"}},
                  {"role": "function", "name": "find", "content": "1"}, {"role": "assistant", "content": "Found."}],
     "functions": [TOOL["function"]], "function_call": "auto"},
    {"prompt": "Say it.", "completion": "It."},
    {"conversations": [{"from": "human", "value": "Hi?"}, {"from": "gpt", "value": "Hello."}]},
]  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside a value."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at] * bool(at) + [place for step, inner in steps for place in places(inner, (*at, step))]


PLANTED: list[Any] = [
    CANARY, f"{CANARY}<|im_end|>", f"see https://{CANARY}.example/{CANARY}?q={CANARY}",
    f"data:image/png;base64,{CANARY}",
    f'{{"{CANARY}": "{CANARY}"}}', {CANARY: CANARY}, [CANARY], [[CANARY]], [{"type": CANARY, CANARY: CANARY}], 7, -1.5,
    True, None, {}, [], "", " ", [None], {"type": "object", "required": CANARY, "properties": {CANARY: CANARY}},
    {"role": CANARY, "content": CANARY, "name": CANARY}, {"url": CANARY}, 10**400, "as an AI model " + CANARY,
    {"name": CANARY, "arguments": CANARY}, {"$ref": f"#/{CANARY}"}, {"type": "string", "pattern": f"({CANARY}"},
]  # fmt: skip


def planted(row: Any, place: int, what: int, how: int) -> Any:
    """A row with something put in place of a value, beside it, or as its key."""
    row, found = copy.deepcopy(row), PLANTED[what % len(PLANTED)]
    options = places(row)
    *path, last = options[place % len(options)]
    holder = row
    for step in path:
        holder = holder[step]
    if how % 3 == 0 or isinstance(holder, list):
        holder[last] = found
    elif how % 3 == 1:
        holder[CANARY] = found
    else:
        holder[f"{last}{CANARY}"] = holder.pop(last)
    return row
