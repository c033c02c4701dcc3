"""A target's profile: which checks count how much, and the target's limits; rules/profiles/*.toml."""

from __future__ import annotations

from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError, suggestion
from service.lint.catalogue import Entry
from service.lint.check import COLUMNS, Check, Refusal
from service.records.lint_report import Severity

_FOLDER = "profiles/"
_LETTERS: dict[str, Severity] = {"E": "error", "W": "warning", "I": "info"}


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number with where it comes from."""

    value: int
    source: str = "unverified: not stated"
    read_on: str = ""


class Profile(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """One target. `column` picks the severity column of the checks; `severity` overrides single codes.

    `models` are limits of single models, by the start of their names; `template` is what the chat template refuses,
    where one was asked, and wins over `strict_alternation`.
    """

    id: str
    title: str
    column: str
    aliases: list[str] = []
    sources: list[str] = []
    arguments: str = "string"
    strict_alternation: bool = False
    byte_order_mark: str = "any"
    limits: dict[str, Limit] = {}
    models: dict[str, dict[str, Limit]] = {}
    severity: dict[str, str] = {}
    template: frozenset[Refusal] | None = None

    def severity_of(self, check: Check | Entry) -> Severity | None:
        """The severity of a check for this target, None when it is off."""
        override = self.severity.get(check.code)
        if override is not None:
            return None if override == "off" else _severity(override)
        if check.refused in self.refused:
            return "error"
        return _LETTERS.get(check.severity[COLUMNS.index(self.column)])

    def limit_values(self, model: str = "") -> dict[str, int]:
        """Every limit by name; of the models whose names `model` starts with, the longest that has the limit wins."""
        names = sorted((name for name in self.models if model.lower().startswith(name.lower())), key=len)
        tables = [self.limits, *(self.models[name] for name in names)]
        return {name: limit.value for table in tables for name, limit in table.items()}

    @property
    def refused(self) -> frozenset[Refusal]:
        """What its chat template refuses; where none was asked, what one that is strict about turns does."""
        if self.template is not None:
            return self.template
        return frozenset({"turns", "assistant-first"} if self.strict_alternation else ())

    @property
    def unverified(self) -> list[str]:
        """Names of the limits whose source says that nobody checked them, those of single models included."""
        tables = [self.limits, *self.models.values()]
        return sorted({name for table in tables for name, limit in table.items() if "unverified" in limit.source})


def load_profile(target: str, rules: RuleFiles) -> Profile:
    """The profile of a target, or of the target it is an alias of.

    Raises:
        TuneGateError: `usage` for an unknown target, `invalid_rules` for a broken file.
    """
    profiles = {profile.id: profile for profile in load_profiles(rules)}
    by_name = profiles | {alias: profile for profile in profiles.values() for alias in profile.aliases}
    if target not in by_name:
        raise TuneGateError(
            "invalid_input",
            f"No lint target {target!r}.",
            remedy=f"{suggestion(target, by_name)} Targets: {', '.join(sorted(by_name))}.".strip(),
        )
    return by_name[target]


@lru_cache(maxsize=4)
def load_profiles(rules: RuleFiles) -> tuple[Profile, ...]:
    """Every profile, each laid over the one that it extends; read once, because a service lints with the same rules."""
    raw = {PurePosixPath(name).stem: _decode(name, rules) for name in rules.names(_FOLDER)}
    return tuple(_convert(name, _extended(name, raw)) for name in raw)


def _decode(name: str, rules: RuleFiles) -> dict[str, Any]:
    try:
        content: dict[str, Any] = msgspec.toml.decode(rules.read(name))
    except (msgspec.DecodeError, ValueError) as error:
        raise TuneGateError("invalid_rules", f"{name}: {error}.") from error
    return content


def _extended(name: str, raw: dict[str, dict[str, Any]], seen: tuple[str, ...] = ()) -> dict[str, Any]:
    own = {"id": name} | raw[name]
    parent = own.pop("extends", None)
    if parent is None:
        return own
    if parent not in raw or parent in (*seen, name):
        raise TuneGateError(
            "invalid_rules",
            f"profiles/{name}.toml: extends {parent!r}, {'which extends it' if parent in raw else 'no such profile'}.",
            remedy=f"{suggestion(str(parent), raw)} Profiles: {', '.join(sorted(raw))}.".strip(),
        )
    above = _extended(parent, raw, (*seen, name))
    merged = above | own
    for table in ("limits", "models", "severity"):
        merged[table] = _over(above.get(table, {}), own.get(table, {}), tables=table == "models")
    merged["aliases"] = own.get("aliases", [])
    return merged


def _over(above: Any, own: Any, *, tables: bool = False) -> Any:
    """A table laid over its parent's, key by key; `tables` says that its values are such tables too."""
    if not (isinstance(above, dict) and isinstance(own, dict)):
        return own
    mine = {name: _over(above.get(name, {}), one) for name, one in own.items()} if tables else own
    return above | mine


def _convert(name: str, content: dict[str, Any]) -> Profile:
    try:
        profile = msgspec.convert(_with_sources(content), Profile)
    except msgspec.ValidationError as error:
        raise TuneGateError("invalid_rules", f"profiles/{name}.toml: {error}.") from error
    if profile.column not in COLUMNS:
        raise TuneGateError("invalid_rules", f"profiles/{name}.toml: column {profile.column!r}; {', '.join(COLUMNS)}.")
    return profile


def _with_sources(content: dict[str, Any]) -> dict[str, Any]:
    """The profile with each limit that is a bare number as one of unverified source."""
    models = content.get("models", {})
    if not isinstance(models, dict):
        return content
    return content | {
        "limits": _sourced(content.get("limits", {})),
        "models": {name: _sourced(limits) for name, limits in models.items()},
    }


def _sourced(limits: Any) -> Any:
    if not isinstance(limits, dict):
        return limits
    return {name: {"value": limit} if type(limit) is int else limit for name, limit in limits.items()}


def _severity(name: str) -> Severity:
    for severity in _LETTERS.values():
        if severity == name:
            return severity
    raise TuneGateError("invalid_rules", f"severity {name!r} is none of error, warning, info, off.")
