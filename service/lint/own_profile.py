"""A profile that a user brings along: a TOML file of the same form as those in rules/profiles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError, suggestion
from service.lint.catalogue import rule_ids
from service.lint.check import COLUMNS
from service.lint.profile import Limit, Profile, load_profiles

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,39}")
_SEVERITIES = ("error", "warning", "info", "off")
_CHOICES = {
    "column": COLUMNS,
    "arguments": ("string", "object", "any"),
    "byte-order-mark": ("asks", "refuses", "any"),
}
# key -> the type of its value; the tables are looked at one entry at a time
_TYPES: dict[str, Any] = {
    "id": str, "title": str, "extends": str, "column": str, "arguments": str, "byte-order-mark": str,
    "aliases": list[str], "sources": list[str], "strict-alternation": bool, "limits": dict[str, Any],
    "models": dict[str, dict[str, Any]], "severity": dict[str, Any],
}  # fmt: skip


def with_own_profile(path: Path, rules: RuleFiles) -> tuple[str, RuleFiles]:
    """(the target's id, the rules with the profile laid over them); so the report rests on its content too.

    The id is the file's `id`, else the file's name. A limit may be a bare number: it is then marked as unverified.

    Raises:
        TuneGateError: `unreadable_path`, or `invalid_input` with all mistakes of the file at once.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise TuneGateError("unreadable_path", f"{path}: {error.strerror}.", remedy="Name a readable file.") from error
    try:
        content: dict[str, Any] = msgspec.toml.decode(raw.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, ValueError) as error:
        raise TuneGateError("invalid_input", f"{path}: not TOML: {error}.") from error
    shipped = load_profiles(rules)
    name = content.get("id", path.stem)
    found = [*_of_keys(content), *_of_name(name, shipped), *_of_tables(content, shipped), *_of_parent(content, shipped)]
    if found:
        errors = [ErrorItem(f"{path}: {one.where}", one.seen, one.allowed, one.remedy) for one in found]
        raise TuneGateError("invalid_input", f"{path}: {len(errors)} mistake(s) in the profile.", errors=errors)
    return name, rules.overlaid({f"profiles/{name}.toml": raw})


def _of_keys(content: Mapping[str, Any]) -> Iterator[ErrorItem]:
    for key, value in content.items():
        if key not in _TYPES:
            yield ErrorItem(key, "unknown key", ", ".join(sorted(_TYPES)), suggestion(key, _TYPES) or None)
            continue
        wrong = _wrong_type(value, _TYPES[key])
        if wrong is not None:
            yield ErrorItem(key, wrong)
        elif key in _CHOICES and value not in _CHOICES[key]:
            yield ErrorItem(key, str(value), ", ".join(_CHOICES[key]), suggestion(value, _CHOICES[key]) or None)


def _of_name(name: Any, shipped: list[Profile]) -> Iterator[ErrorItem]:
    taken = {alias for profile in shipped for alias in (profile.id, *profile.aliases)}
    if isinstance(name, str) and not _NAME.fullmatch(name):
        yield ErrorItem("id", name, "small letters, digits, hyphens and dots, at most 40", "Set id in the file.")
    elif name in taken:
        yield ErrorItem("id", name, "a name that no other target has", "Set id in the file.")


def _of_parent(content: Mapping[str, Any], shipped: list[Profile]) -> Iterator[ErrorItem]:
    names = sorted(profile.id for profile in shipped)
    if "extends" not in content:
        yield from (
            ErrorItem(key, "missing", remedy="Or extend a target.") for key in ("title", "column") if key not in content
        )
    elif isinstance(content["extends"], str) and content["extends"] not in names:
        parent = content["extends"]
        yield ErrorItem("extends", parent, ", ".join(names), suggestion(parent, names) or None)


def _of_tables(content: Mapping[str, Any], shipped: list[Profile]) -> Iterator[ErrorItem]:
    known = {name for profile in shipped for limits in (profile.limits, *profile.models.values()) for name in limits}
    models = content.get("models")
    tables = {"limits": content.get("limits"), **{f"models.{name}": one for name, one in _items(models)}}
    for table, limits in tables.items():
        for name, value in _items(limits):
            yield from _of_limit(f"{table}.{name}", name, value, known)
    codes = rule_ids()
    for code, severity in _items(content.get("severity")):
        if code not in codes:
            yield ErrorItem(
                f"severity.{code}", "unknown rule", None, suggestion(code, codes) or "See tunegate explain."
            )
        if severity not in _SEVERITIES:
            near = suggestion(severity, _SEVERITIES) if isinstance(severity, str) else ""
            yield ErrorItem(f"severity.{code}", str(severity), ", ".join(_SEVERITIES), near or None)


def _of_limit(where: str, name: str, value: Any, known: set[str]) -> Iterator[ErrorItem]:
    if name not in known:
        yield ErrorItem(where, "unknown limit", ", ".join(sorted(known)), suggestion(name, known) or None)
    number = value.get("value") if isinstance(value, dict) else value
    if type(number) is int and number < 1:
        yield ErrorItem(where, str(number), "a number above zero")
    elif type(number) is not int:
        yield ErrorItem(where, "no whole number", "a number, or { value = N, source = ..., read_on = ... }")
    elif isinstance(value, dict):
        wrong = _wrong_type(value, Limit)
        if wrong is not None:
            yield ErrorItem(where, wrong, "value, source, read_on")


def _items(table: Any) -> list[tuple[str, Any]]:
    return list(table.items()) if isinstance(table, dict) else []


def _wrong_type(value: Any, wanted: Any) -> str | None:
    """What is wrong with a value, in the words of the converter, or None."""
    try:
        msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        return str(error)
    return None
