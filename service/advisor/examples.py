"""Worked examples: facts, the answer they must get, and the rule that must be named for it; the tests run them all."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from service.advisor import rulefile
from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError, suggestion

FILE = "examples/decisions.toml"


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One example with its facts complete.

    `refused`: the facts contradict each other by this rule. `measured` are facts of a lint report, `fits` the verdicts
    of a LoRA estimate by device, `on` the day that is asked for.
    """

    rule: str
    says: str
    facts: dict[str, Any]
    answer: dict[str, Any] = {}
    refused: bool = False
    edition: str | None = None
    on: date | None = None
    measured: dict[str, Any] = {}
    fits: dict[str, str] = {}


class _Row(Example, frozen=True, kw_only=True):
    """An example as written: `facts` are laid over those of `base`, the facts of `without` are left out."""

    facts: dict[str, Any] = {}
    base: str | None = None
    without: list[str] = []


def load_examples(rules: RuleFiles) -> list[Example]:
    """Every example of the rule files.

    Raises:
        TuneGateError: `invalid_rules` with every mistake of the file.
    """
    errors: list[ErrorItem] = []
    raw = rulefile.parse(FILE, rules.read(FILE), errors)
    bases: dict[str, dict[str, Any]] = raw.get("base", {})
    found = []
    for number, one in enumerate(raw.get("example", []), 1):
        where = f"{FILE}: example {number} ({one.get('rule', 'no rule')})"
        row = rulefile.convert(where, one, _Row, errors)
        if row is None:
            continue
        if row.base is not None and row.base not in bases:
            errors.append(ErrorItem(where, f"base {row.base!r}", ", ".join(bases), suggestion(row.base, bases) or None))
        facts = {**bases.get(row.base or "", {}), **row.facts}
        kept = {name: value for name, value in facts.items() if name not in row.without}
        complete = {
            name: value for name, value in msgspec.structs.asdict(row).items() if name in Example.__struct_fields__
        }
        found.append(Example(**{**complete, "facts": kept}))
    if errors:
        raise TuneGateError("invalid_rules", f"{len(errors)} mistake(s) in the examples.", errors=errors)
    return found
