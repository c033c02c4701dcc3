"""What linting costs grows with the size of the data, not with its square: ratios of CPU time, never seconds."""

from __future__ import annotations

import gc
import importlib
import io
import json
import pkgutil
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

import service.lint
from service.data import rule_files
from service.lint.patterns import cut_off, open_fence, repeats
from service.verbs.lint import LintInput, LintRequest, lint

RULES = rule_files()
# four times the size may take four times as long, and twice that on a busy machine; the square takes sixteen times
TIMES, MOST_RATIO = 4, 9
# below this the clock and the collector are what is measured
SECONDS = 0.02


def patterns() -> dict[str, re.Pattern[Any]]:
    """Every compiled expression of the linter by where it stands."""
    found: dict[str, re.Pattern[Any]] = {}
    for module in pkgutil.walk_packages(service.lint.__path__, "service.lint."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern) and value not in found.values():
                found[f"{module.name.removeprefix('service.lint.')}.{name}"] = value
    return found


PIECES = [
    "a", " ", "\n", "\t", "aA0", "a ", ". ", "<", "<a", "<a ", "</p", "<a b", "&#", "&#1", "[", "[NAME", "[NAME ", "{",
    "{{", "{{ ", "{{a", "{{a ", "{name", "{a", "}}", "X", "XXXX", " XXXX", "XXXX_", "ignore ", "ignore all ",
    "forget your ", "ignore previous ", "show ", "show the system ", "as an ", "as an ai ", "as a large language ",
    "i can", "sorry, ", "base64,",
    ";base64", "<script", "A+/", "```", "``` ", "```json ", "```json {", '``` {"name"', "<|", "<|im_",
    "[/INST", "<tool_call", "\u00c3", "\u00e2\u20ac", "\u00c2", "\u200b", "ab cd ef gh ij kl mn op ", "chain of ",
    "think step by ", "0", "-", "_", "\\", '"', "\x00",
]  # fmt: skip


def cpu(work: Callable[[], object]) -> float:
    """The best of three runs, without the collector: what it costs depends on all that the tests before have made."""
    best = float("inf")
    gc.disable()
    try:
        for _ in range(3):
            start = time.process_time()
            work()
            best = min(best, time.process_time() - start)
    finally:
        gc.enable()
    return best


def grows(work: Callable[[int], Callable[[], object]], size: int) -> bool:
    """Whether the larger work costs more than its size explains; measured again before it is believed."""
    return all((large := cpu(work(size * TIMES))) > SECONDS and large > MOST_RATIO * cpu(work(size)) for _ in range(3))


# these are looked for at the beginning of a text alone
BEGINNINGS = {"REFUSAL", "_OPENING"}
SEARCHES: dict[str, Callable[[Any], object]] = {
    name: pattern.match if name.rpartition(".")[2] in BEGINNINGS else pattern.search
    for name, pattern in patterns().items()
} | {"repeats": repeats, "cut_off": cut_off, "open_fence": open_fence}


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_costs_as_much_as_the_text_is_long(name: str) -> None:
    pattern = patterns().get(name)
    raw = pattern is not None and isinstance(pattern.pattern, bytes)

    def work(piece: str, end: str) -> Callable[[int], Callable[[], object]]:
        def sized(size: int) -> Callable[[], object]:
            text = piece * (size // len(piece)) + end
            return lambda: SEARCHES[name](text.encode() if raw else text)

        return sized

    slow = [(piece, end) for piece in PIECES for end in ("", "!") if grows(work(piece, end), 10_000)]
    assert slow == []


def turn(role: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": "Hi?"} | more


def call(number: int) -> dict[str, Any]:
    return {"id": f"c{number}", "type": "function", "function": {"name": f"f{number}", "arguments": '{"a": 1}'}}


def tool(number: int) -> dict[str, Any]:
    return {"type": "function", "function": {"name": f"f{number}", "parameters": {"type": "object"}}}


def result(number: int) -> dict[str, Any]:
    return turn("tool", tool_call_id=f"c{number}")


GROWING: dict[str, Callable[[int], Any]] = {
    "turns": lambda n: {"messages": [turn("user"), turn("assistant")] * n},
    "turns of one role": lambda n: {"messages": [turn("user")] * n},
    "systems": lambda n: {"messages": [turn("system")] * n},
    "late systems": lambda n: {"messages": [turn("user"), *[turn("system")] * n]},
    "weights": lambda n: {"messages": [turn("user"), turn("assistant", weight=0)] * n},
    "unknown roles": lambda n: {"messages": [turn(f"r{i}") for i in range(n)]},
    "calls": lambda n: {"messages": [turn("user"), turn("assistant", tool_calls=[call(i) for i in range(n)])]},
    "called and answered": lambda n: {
        "messages": [
            turn("user"), turn("assistant", tool_calls=[call(i) for i in range(n)]), *map(result, range(n)),
            turn("assistant"),
        ],
        "tools": [tool(i) for i in range(n)],
    },
    "calls in turns": lambda n: {
        "messages": [m for i in range(n) for m in (turn("user"), turn("assistant", tool_calls=[call(i)]), result(i))]
    },
    "results of no call": lambda n: {"messages": [turn("user"), *map(result, range(n)), turn("assistant")]},
    "tools": lambda n: {"messages": [turn("user"), turn("assistant")], "tools": [tool(i) for i in range(n)]},
    "one tool": lambda n: {"messages": [turn("user"), turn("assistant")], "tools": [tool(1)] * n},
    "parts": lambda n: {"messages": [turn("user", content=[{"type": "text", "text": "a"}] * n), turn("assistant")]},
    "images": lambda n: {
        "messages": [
            turn("user", content=[{"type": "image_url", "image_url": {"url": f"http://h/{i}"}} for i in range(n)]),
            turn("assistant"),
        ]
    },
    "keys": lambda n: {"messages": [turn("user"), turn("assistant")], **{f"k{i}": i for i in range(n)}},
    "message keys": lambda n: {"messages": [turn("user", **{f"k{i}": i for i in range(n)}), turn("assistant")]},
    "nesting": lambda n: json.loads('{"a":' * 900 + "1" + "}" * 900) | {"b": [[]] * n},
}  # fmt: skip


def linted(raw: bytes, method: str) -> Callable[[], object]:
    request = LintRequest(inputs=[LintInput(None, "-")], target="azure-openai", method=method)
    return lambda: lint(request, rules=RULES, stdin=io.BytesIO(raw))


@pytest.mark.parametrize("method", ["sft", "dpo"])
@pytest.mark.parametrize("name", GROWING)
def test_a_row_costs_as_much_as_it_holds(name: str, method: str) -> None:
    def row(size: int) -> Any:
        found = GROWING[name](size)
        if method == "sft":
            return found
        outputs = ("preferred_output", "non_preferred_output")
        return {"input": found, **dict.fromkeys(outputs, found.get("messages", [])[:size])}

    assert not grows(lambda size: linted(json.dumps(row(size)).encode(), method), 800)


LINES: dict[str, Callable[[int], bytes]] = {
    "broken": lambda i: b'{"messages": [' + b"%d\n" % i,
    "blank": lambda i: b"\n",
    "equal": lambda i: json.dumps({"messages": [turn("user"), turn("assistant")]}).encode() + b"\n",
    "one prompt": lambda i: (
        json.dumps({"messages": [turn("user"), turn("assistant", content=f"{i}")]}).encode() + b"\n"
    ),
    "not a row": lambda i: b"%d\n" % i,
    "NUL": lambda i: b"\0",
    "open brackets": lambda i: b"[",
    "commas": lambda i: b", ",
    "half pairs": lambda i: b"\\ud800",
    "quotes": lambda i: b'"a',
    "spaces": lambda i: b" ",
    "carriage returns": lambda i: b"\r",
}


@pytest.mark.parametrize("name", LINES)
def test_a_file_costs_as_much_as_it_is_long(name: str) -> None:
    size = 1_000 if b"\n" in LINES[name](0) else 40_000
    assert not grows(lambda size: linted(b"".join(map(LINES[name], range(size))), "sft"), size)
