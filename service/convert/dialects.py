"""Rows of every known dialect, told by their keys, read into conversations and preferences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from service.convert.columns import Mapping
from service.convert.conversation import Conversation, Preference, Reading, conversation, preference, with_system
from service.convert.tools import tools_of
from service.convert.unconvertible import Unconvertible, parsed

Read = Conversation | Preference
_TURNS = ("conversations", "conversation")
_OUTPUTS = ("output", "response")
_MORE_INPUT = ("input", "context")
# keys of a row that have a place in what is written, or become something that has
_TOOL_KEYS = {"tools", "functions", "parallel_tool_calls"}


class Dialect(msgspec.Struct, frozen=True):
    """How a row is told by its keys, which keys are read, and how."""

    name: str
    fits: Callable[[dict[str, Any]], bool]
    keys: frozenset[str]
    read: Callable[[dict[str, Any], Reading], Read]
    preference: bool = False


def dialect_of(row: dict[str, Any], *, preference: bool) -> Dialect | None:
    """The first dialect that a row fits; one that gives what is wanted goes before one that does not."""
    fitting = [one for one in DIALECTS if one.fits(row)]
    return next((one for one in fitting if one.preference == preference), fitting[0] if fitting else None)


def read_row(row: dict[str, Any], dialect: Dialect, reading: Reading, *, system: str | None = None) -> Read:
    """A row of a dialect; keys without a place are counted.

    Raises:
        Unconvertible: why it is not one.
    """
    known = dialect.keys | _TOOL_KEYS
    reading.left_out.update(key for key, value in row.items() if key not in known and value is not None)
    return _with_system(dialect.read(row, reading), system)


def read_mapped(row: dict[str, Any], mapping: Mapping, reading: Reading, *, system: str | None = None) -> Read:
    """A row whose columns were named or detected.

    Raises:
        Unconvertible: why it is not one.
    """
    cells = {role: _cell(row, column) for role, column in mapping.columns.items()}
    known = {*mapping.columns.values(), *_TOOL_KEYS}
    reading.left_out.update(key for key, value in row.items() if key not in known and value is not None)
    prompt = [reading.said("user", cells.get("user"), "/prompt")]
    prompt = with_system(prompt, cells.get("system") or None)
    if "chosen" in cells:
        chosen, rejected = ([reading.said("assistant", cells[key], f"/{key}")] for key in ("chosen", "rejected"))
        return _with_system(preference(prompt, chosen, rejected, _beside(row)), system)
    answer = reading.said("assistant", cells.get("assistant"), "/answer")
    return _with_system(conversation([*prompt, answer], _beside(row), "/messages"), system)


def _with_system(read: Read, system: str | None) -> Read:
    if isinstance(read, Conversation):
        return Conversation(with_system(read.messages, system), read.beside)
    return Preference(with_system(read.prompt, system), read.chosen, read.rejected, read.beside)


def _cell(row: dict[str, Any], column: str) -> str:
    """A cell as text: labels and numbers are answers too."""
    value = row.get(column)
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, str | int | float):
        return "" if value is None else str(value)
    raise Unconvertible("a mapped column holds neither text nor a number")


def _beside(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if tools := tools_of(row):
        found["tools"] = tools
    if isinstance(row.get("parallel_tool_calls"), bool):
        found["parallel_tool_calls"] = row["parallel_tool_calls"]
    return found


def _chat(row: dict[str, Any], reading: Reading) -> Read:
    messages = reading.messages(row["messages"], "/messages")
    return conversation(messages, _beside(row), "/messages")


def _sharegpt(row: dict[str, Any], reading: Reading) -> Read:
    key = next(key for key in _TURNS if row.get(key) is not None)
    messages = reading.messages(row[key], f"/{key}")
    return conversation(with_system(messages, _system(row)), _beside(row), f"/{key}")


def _alpaca(row: dict[str, Any], reading: Reading) -> Read:
    key = next(key for key in _OUTPUTS if row.get(key) is not None)
    answer = reading.said("assistant", row[key], f"/{key}")
    return conversation([*_instruction(row, reading), answer], _beside(row), f"/{key}")


def _alpaca_preference(row: dict[str, Any], reading: Reading) -> Read:
    chosen, rejected = (_output(row, key, reading) for key in ("chosen", "rejected"))
    return preference(_instruction(row, reading), chosen, rejected, _beside(row))


def _instruction(row: dict[str, Any], reading: Reading) -> list[dict[str, Any]]:
    """System, history and question; the input stands on its own line below the instruction."""
    messages: list[dict[str, Any]] = []
    history = row.get("history") or []
    if isinstance(history, str):
        history = parsed(history, "the history is a string that is no JSON", "/history")
    for i, turn in enumerate(history if isinstance(history, list) else [history]):
        if not isinstance(turn, list) or len(turn) != 2:
            raise Unconvertible("a turn of the history is not [question, answer]", f"/history/{i}")
        messages.append(reading.said("user", turn[0], f"/history/{i}/0"))
        messages.append(reading.said("assistant", turn[1], f"/history/{i}/1"))
    more = next((row[key] for key in _MORE_INPUT if row.get(key)), "")
    if not isinstance(row["instruction"], str) or not isinstance(more, str):
        raise Unconvertible("the instruction or its input is not a text", "/instruction")
    asked = "\n".join(one for one in (row["instruction"], more) if one)
    messages.append(reading.said("user", asked, "/instruction"))
    return with_system(messages, _system(row))


def _completion(row: dict[str, Any], reading: Reading) -> Read:
    messages = _prompt(row, reading)
    return conversation([*messages, *_output(row, "completion", reading)], _beside(row), "/completion")


def _openai_preference(row: dict[str, Any], reading: Reading) -> Read:
    asked = row["input"]
    reading.left_out.update(f"input/{key}" for key in asked if key not in {"messages", *_TOOL_KEYS})
    prompt = reading.messages(asked.get("messages"), "/input/messages")
    outputs = [_output(row, key, reading) for key in ("preferred_output", "non_preferred_output")]
    return preference(prompt, outputs[0], outputs[1], _beside(asked))


def _trl_preference(row: dict[str, Any], reading: Reading) -> Read:
    chosen, rejected = row["chosen"], row["rejected"]
    if row.get("prompt") is not None:
        prompt = _prompt(row, reading)
        # some sets repeat the question at the head of both answers
        outputs = [_output(row, key, reading) for key in ("chosen", "rejected")]
        if all(one[: len(prompt)] == prompt for one in outputs):
            outputs = [one[len(prompt) :] for one in outputs]
        return preference(prompt, outputs[0], outputs[1], _beside(row))
    if not isinstance(chosen, list) or not isinstance(rejected, list):
        raise Unconvertible("there is no prompt, and the answers are no conversations that would hold it")
    shared = 0
    while shared < min(len(chosen), len(rejected)) and chosen[shared] == rejected[shared]:
        shared += 1
    prompt = reading.messages(chosen[:shared], "/chosen")
    rests = [
        reading.branch().messages(one[shared:], place) for one, place in ((chosen, "/chosen"), (rejected, "/rejected"))
    ]
    return preference(with_system(prompt, _system(row)), rests[0], rests[1], _beside(row))


def _prompt(row: dict[str, Any], reading: Reading) -> list[dict[str, Any]]:
    found = row["prompt"]
    messages = [reading.said("user", found, "/prompt")] if isinstance(found, str) else None
    return with_system(messages or reading.messages(found, "/prompt"), _system(row))


def _output(row: dict[str, Any], key: str, reading: Reading) -> list[dict[str, Any]]:
    found = row.get(key)
    if isinstance(found, str):
        return [reading.said("assistant", found, f"/{key}")]
    found = [found] if isinstance(found, dict) else found
    return reading.branch().messages(found, f"/{key}")


def _system(row: dict[str, Any]) -> str | None:
    found = next((row[key] for key in ("system", "system_prompt") if row.get(key)), None)
    if found is not None and not isinstance(found, str):
        raise Unconvertible("the system prompt is not a text", "/system")
    return found


def _has(*wanted: str | tuple[str, ...]) -> Callable[[dict[str, Any]], bool]:
    """Whether a row has every key, of a tuple at least one."""
    return lambda row: all(
        any(row.get(key) is not None for key in ((one,) if isinstance(one, str) else one)) for one in wanted
    )


_SYSTEM_KEYS = frozenset({"system", "system_prompt"})
_ALPACA_KEYS = _SYSTEM_KEYS | {"instruction", "history", *_MORE_INPUT}
# the order decides for rows that fit several
DIALECTS = (
    Dialect("chat", _has("messages"), frozenset({"messages"}), _chat),
    Dialect("sharegpt", _has(_TURNS), _SYSTEM_KEYS | {*_TURNS}, _sharegpt),
    Dialect(
        "dpo",
        lambda row: isinstance(row.get("input"), dict) and _has(("preferred_output", "non_preferred_output"))(row),
        frozenset({"input", "preferred_output", "non_preferred_output"}),
        _openai_preference,
        preference=True,
    ),
    Dialect("alpaca", _has("instruction", _OUTPUTS), _ALPACA_KEYS | {*_OUTPUTS}, _alpaca),
    Dialect(
        "alpaca-dpo",
        _has("instruction", "chosen", "rejected"),
        _ALPACA_KEYS | {"chosen", "rejected"},
        _alpaca_preference,
        preference=True,
    ),
    Dialect(
        "dpo-trl",
        _has("chosen", "rejected"),
        _SYSTEM_KEYS | {"prompt", "chosen", "rejected"},
        _trl_preference,
        preference=True,
    ),
    Dialect("prompt-completion", _has("prompt", "completion"), _SYSTEM_KEYS | {"prompt", "completion"}, _completion),
)
DIALECT_NAMES = tuple(one.name for one in DIALECTS)
