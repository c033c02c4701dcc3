"""Draws few-shot examples from training rows, and refuses such as the evaluation asks for."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.evaluate.answers import EvaluationRow
from service.evaluate.prompts import question_of
from service.evaluate.rows import RowFile, read_rows
from service.evaluate.variants import Example, Variant


def with_examples(variants: Sequence[Variant], rows: Sequence[EvaluationRow], *, seed: int) -> list[Variant]:
    """The variants with the examples of their files drawn by seed, once per file and number.

    Raises:
        TuneGateError: `unreadable_path`; `invalid_input` for files with too few rows that can be shown, and for
            examples that the evaluation asks for.

    """
    asked = {_same(question_of(row.messages)): row for row in rows}
    errors: list[ErrorItem] = []
    pools: dict[str, list[EvaluationRow]] = {}
    found = []
    for variant in variants:
        _refuse_inline(variant, asked, errors)
        drawn = variant.examples
        if variant.examples_file is not None:
            if variant.examples_file not in pools:
                pools[variant.examples_file] = _pool(variant.examples_file, asked, errors)
            drawn = _drawn(variant, pools[variant.examples_file], seed, errors)
        found.append(msgspec.structs.replace(variant, examples=drawn))
    if errors:
        raise TuneGateError(
            "invalid_input",
            f"{len(errors)} error(s) in the examples.",
            remedy="Show other rows than those that are asked for; tunegate split keeps them apart.",
            errors=errors,
        )
    return found


def _pool(name: str, asked: dict[str, EvaluationRow], errors: list[ErrorItem]) -> list[EvaluationRow]:
    """The rows that can be shown: one question, one expected text."""
    rows = read_rows([RowFile(Path(name), name)]).rows
    shared = [row for row in rows if _same(question_of(row.messages)) in asked]
    if shared:
        lines = ", ".join(str(row.line) for row in shared[:10]) + (", ..." if len(shared) > 10 else "")
        errors.append(ErrorItem(name, f"{len(shared)} rows that the evaluation asks for (lines {lines})", "none"))
    return [row for row in rows if row.expected is not None and _users(row.messages) == 1]


def _drawn(variant: Variant, pool: list[EvaluationRow], seed: int, errors: list[ErrorItem]) -> list[Example]:
    if len(pool) < variant.shots:
        seen = f"{len(pool)} rows with one question and an expected text"
        errors.append(ErrorItem(str(variant.examples_file), seen, f"at least {variant.shots}"))
        return []
    rows = random.Random(seed).sample(pool, variant.shots)  # noqa: S311 - a draw that can be repeated
    return [Example(question_of(row.messages), row.expected or "") for row in rows]


def _refuse_inline(variant: Variant, asked: dict[str, EvaluationRow], errors: list[ErrorItem]) -> None:
    for n, example in enumerate(variant.examples, 1):
        row = asked.get(_same(example.user))
        if row is not None:
            where = f"variant {variant.id}: example {n}"
            errors.append(ErrorItem(where, f"what {row.path}:{row.line_in_file} asks", "another question"))


def _users(messages: Iterable[dict[str, object]]) -> int:
    return sum(one.get("role") == "user" for one in messages)


def _same(text: str) -> str:
    """What makes two questions the same one: all but case and white space."""
    return " ".join(text.split()).casefold()
