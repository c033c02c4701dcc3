"""The facts a rule may test: their types, domains, questions; and the check of what a person states."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

import msgspec

from service.advisor import rulefile
from service.errors import ErrorItem, TuneGateError, suggestion
from service.records.decision import FactValue


class FactKind(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """One fact; `measured_by` says which command measures it, `meaning` what each value stands for."""

    name: str
    type: Literal["choice", "flag", "number", "list", "text", "date"]
    ask: str
    values: list[str] = []
    meaning: dict[str, str] = {}
    integer: bool = False
    min: float | None = None
    max: float | None = None
    unit: str | None = None
    measured_by: str | None = None
    derived: bool = False


Vocabulary = dict[str, FactKind]
_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_VALUE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LARGEST = 1e15  # beyond this no count is meant, and floats lose whole numbers
# a model id, a region, a licence: names, never prose
_TEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,95}")


def load_vocabulary(content: bytes, errors: list[ErrorItem]) -> Vocabulary:
    """Every fact by name; every mistake of the file in `errors`."""
    file = "facts.toml"
    raw = rulefile.parse(file, content, errors)
    rulefile.unknown_keys(file, raw, ("fact",), errors)
    found: Vocabulary = {}
    for where, row in rulefile.rows(file, raw, "fact", errors):
        kind = rulefile.convert(where, row, FactKind, errors)
        if kind is None:
            continue
        if kind.name in found:
            errors.append(ErrorItem(where, "a fact given twice", "names are unique"))
        _check_kind(where, kind, errors)
        found[kind.name] = kind
    return found


def _check_kind(where: str, kind: FactKind, errors: list[ErrorItem]) -> None:
    if not _NAME.fullmatch(kind.name):
        errors.append(
            ErrorItem(where, f"the name {kind.name!r}", "small letters, digits and _ in parts joined by dots")
        )
    # "no" is a verdict of the fit facts; only "not" is reserved, it starts a cell
    errors += [
        ErrorItem(where, f"the value {value!r}", "small letters and digits joined by hyphens")
        for value in kind.values
        if not _VALUE.fullmatch(value) or value == "not"
    ]
    if kind.type in {"choice", "list"} and not kind.values:
        errors.append(ErrorItem(where, "no values", "a choice or list names its values"))
    errors += [
        ErrorItem(where, f"the meaning of {value!r}", ", ".join(kind.values))
        for value in kind.meaning
        if value not in kind.values
    ]
    if kind.min is not None and kind.max is not None and kind.min > kind.max:
        errors.append(ErrorItem(where, f"min {kind.min:g} above max {kind.max:g}", "min <= max"))


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
            hint = suggestion(str(name), askable)
            errors.append(ErrorItem(_clipped(str(name)), "an unknown fact", None, hint or None))
            continue
        found = _checked(kind, value)
        if found is None:
            errors.append(ErrorItem(name, _seen(value), domain(kind), _nearest(kind, value)))
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


def _seen(value: Any) -> str:
    """The value, if it is short: a fact is a word or a number, never a text worth repeating."""
    if value is None:
        return "null"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return _clipped(", ".join(value)) if value else "an empty list"
    return _clipped(repr(value)) if isinstance(value, str | int | float) else type(value).__name__


def _clipped(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def domain(kind: FactKind) -> str:
    """What is allowed, in words."""
    if kind.type == "flag":
        return "yes or no (true or false)"
    if kind.type == "number":
        bounds = f"{'' if kind.min is None else f' from {kind.min:g}'}{'' if kind.max is None else f' to {kind.max:g}'}"
        return f"{'an integer' if kind.integer else 'a number'}{bounds}" + (f" ({kind.unit})" if kind.unit else "")
    if kind.type == "date":
        return "a date: YYYY-MM-DD"
    if kind.type == "text":
        return "a name of letters, digits and . _ / : -"
    return ("one or more of " if kind.type == "list" else "one of ") + ", ".join(kind.values)


def _nearest(kind: FactKind, value: Any) -> str | None:
    if value is None:
        return "Leave a fact out when it is not known."
    if kind.type == "number" and isinstance(value, str):
        return f"Give the number alone{f', in {kind.unit}' if kind.unit else ''}."
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
        right = isinstance(chosen, list) and chosen and all(isinstance(one, str) for one in chosen)
        return sorted(set(chosen)) if right and all(one in kind.values for one in chosen) else None
    if kind.type == "text":
        return value if isinstance(value, str) and _TEXT.fullmatch(value) else None
    if kind.type == "date":
        return _date(value)
    return _number(kind, value)


def _date(value: Any) -> str | None:
    try:
        return (date.fromisoformat(value) if isinstance(value, str) else value).isoformat()[:10]
    except (ValueError, AttributeError):
        return None


def _number(kind: FactKind, value: Any) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST or math.isnan(value):
        return None
    if kind.integer and value != int(value):
        return None
    if (kind.min is not None and value < kind.min) or (kind.max is not None and value > kind.max):
        return None
    return int(value) if kind.integer else float(value)
