"""What was asked and what came back: the language between asking (endpoints, folders, artifacts) and measuring."""

from __future__ import annotations

from typing import Any

import msgspec


class ExpectedCall(msgspec.Struct, frozen=True):
    """A tool call as the row wants it."""

    name: str
    arguments: dict[str, Any]


class EvaluationRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the evaluation set: the messages before the answer, and everything the answer is held against.

    `line` counts from 1 over all files of the evaluation, one behind another, so that it is one row's alone;
    `line_in_file` counts from 1 in `path`. Null fields are not asked of this row.
    """

    line: int
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None = None
    expected: str | None = None
    expected_calls: list[ExpectedCall] | None = None
    choices: list[str] | None = None  # multiple choice: the texts; the right one is choices[right]
    right: int | None = None
    pattern: str | None = None  # the whole answer must match this regular expression
    json_schema: dict[str, Any] | bool | None = None
    refuse: bool | None = None  # whether refusing is right
    expected_nodes: dict[str, str] = {}  # what a flow's nodes should say
    path: str = ""
    line_in_file: int = 0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one variant with one model gave for one row; `error` is a problem code where it gave nothing."""

    line: int
    text: str | None = None
    calls: list[ExpectedCall] = []
    retrieved: list[str] = []  # the texts that the prompt was given
    samples: list[str] = []  # further answers to the same prompt
    perturbed: list[str] = []  # answers to reworded prompts
    nodes: dict[str, str] = {}  # a flow's answer at each node
    tokens_in: int | None = None
    tokens_out: int | None = None
    seconds: float | None = None
    error: str | None = None
    judged: float | None = None  # a judge model's score, 0 to 1
