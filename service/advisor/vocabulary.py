"""The facts a rule may test: their types, domains, questions; and the check of what a person states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError, suggestion
from service.records.decision import FactValue


class FactKind(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """One fact of the vocabulary; `measured_by` says which command measures it."""

    name: str
    type: Literal["choice", "flag", "number", "list"]
    ask: str
    values: list[str] = []
    integer: bool = False
    min: float | None = None
    max: float | None = None
    unit: str | None = None
    measured_by: str | None = None
    derived: bool = False


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fact: list[FactKind]


Vocabulary = dict[str, FactKind]


def load_vocabulary(rules: RuleFiles) -> Vocabulary:
    """Every fact by name.

    Raises:
        TuneGateError: `invalid_rules`.
    """
    try:
        facts = msgspec.toml.decode(rules.read("facts.toml"), type=_File).fact
    except (msgspec.DecodeError, ValueError) as error:
        raise TuneGateError("invalid_rules", f"facts.toml: {error}.") from error
    return {fact.name: fact for fact in facts}


def check_facts(given: Mapping[str, Any], vocabulary: Vocabulary) -> dict[str, FactValue]:
    """The facts in canonical form.

    Raises:
        TuneGateError: `invalid_facts` with one item per unknown name or value.
    """
    errors: list[ErrorItem] = []
    checked: dict[str, FactValue] = {}
    askable = [name for name, kind in vocabulary.items() if not kind.derived]
    for name, value in given.items():
        kind = vocabulary.get(name)
        if kind is None or kind.derived:
            errors.append(ErrorItem(str(name), "an unknown fact", None, suggestion(str(name), askable) or None))
            continue
        found = _checked(kind, value)
        if found is None:
            seen = repr(value) if isinstance(value, str | int | float | bool) else type(value).__name__
            errors.append(ErrorItem(name, seen, domain(kind), _nearest(kind, value)))
        else:
            checked[name] = found
    if errors:
        raise TuneGateError(
            "invalid_facts",
            f"{len(errors)} fact(s) cannot be used.",
            remedy="tunegate rules show facts lists every fact.",
            errors=errors,
        )
    return checked


def domain(kind: FactKind) -> str:
    """What is allowed, in words."""
    if kind.type == "flag":
        return "yes or no (true or false)"
    if kind.type == "number":
        bounds = f"{'' if kind.min is None else f' from {kind.min:g}'}{'' if kind.max is None else f' to {kind.max:g}'}"
        return f"{'an integer' if kind.integer else 'a number'}{bounds}" + (f" ({kind.unit})" if kind.unit else "")
    return ("one or more of " if kind.type == "list" else "one of ") + ", ".join(kind.values)


def _nearest(kind: FactKind, value: Any) -> str | None:
    wrong = value if isinstance(value, list) else [value]
    hints = [suggestion(str(one), kind.values) for one in wrong if kind.values and one not in kind.values]
    return " ".join(hint for hint in hints if hint) or None


def _checked(kind: FactKind, value: Any) -> FactValue | None:
    if kind.type == "flag":
        return value if isinstance(value, bool) else None
    if kind.type == "choice":
        return value if isinstance(value, str) and value in kind.values else None
    if kind.type == "list":
        chosen = [value] if isinstance(value, str) else value
        right = isinstance(chosen, list) and chosen and all(one in kind.values for one in chosen)
        return sorted(set(chosen)) if right else None
    return _number(kind, value)


def _number(kind: FactKind, value: Any) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    if kind.integer and float(value) != int(value):
        return None
    if (kind.min is not None and value < kind.min) or (kind.max is not None and value > kind.max):
        return None
    return int(value) if kind.integer else float(value)
