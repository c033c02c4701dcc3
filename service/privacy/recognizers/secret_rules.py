"""Reads the secret rules (rules/privacy/secrets*.toml): every mistake of every file at once, each with its line."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError, suggestion
from service.privacy.recognizers.checks import CHECKS
from service.privacy.recognizers.toml_rows import Row, read_rows

FILES = "privacy/secrets"
_ID = re.compile(r"SECRET_[A-Z0-9]+(?:_[A-Z0-9]+)*")
_GLOBAL_FLAG = re.compile(r"\(\?[a-zA-Z]+\)")


class SecretRule(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """One family of secrets; the texts are its page for `explain`. `id` is the entity of its findings."""

    id: str
    title: str
    shape: str
    why: str
    rotate: str
    source: str
    read_on: date
    regex: str
    before: str = ""
    after: str = ""
    word: bool = True
    check: str = ""
    min_entropy: float = 0.0
    score: float = 0.5
    context: list[str] = []

    @property
    def edges(self) -> tuple[str, str]:
        """What must stand before and after the secret, as expressions."""
        word = ("(?<![A-Za-z0-9_])", "(?![A-Za-z0-9_])") if self.word else ("", "")
        return self.before or word[0], self.after or word[1]


def secret_rules(rules: RuleFiles) -> dict[str, SecretRule]:
    """Every rule by its id, shipped ones first; files of one's own add to them.

    Raises:
        TuneGateError: `invalid_rules` with every mistake: its file, line and rule, what was seen, what is allowed.
    """
    errors: list[ErrorItem] = []
    found: dict[str, SecretRule] = {}
    for name in sorted(rules.names(FILES), key=lambda name: (name not in rules.shipped, name)):
        for row in read_rows(name, rules.read(name), "rule", SecretRule, errors):
            errors += _mistakes(row, found)
            if isinstance(row.value, SecretRule):
                found.setdefault(row.value.id, row.value)
    if errors:
        raise TuneGateError("invalid_rules", f"{len(errors)} mistake(s) in the rules of secrets.", errors=errors)
    return found


def _mistakes(row: Row[SecretRule], known: dict[str, SecretRule]) -> list[ErrorItem]:
    rule = row.value
    if rule is None:
        return []
    found = []
    if not _ID.fullmatch(rule.id):
        found.append(row.item("id", f"id {rule.id!r}", "SECRET_ and capitals, digits and _", None))
    if rule.id in known:
        found.append(row.item("id", "an id used twice", "ids are unique", "Give a rule of your own a name of its own."))
    if rule.check and rule.check not in CHECKS:
        hint = suggestion(rule.check, CHECKS) or None
        found.append(row.item("check", f"check {rule.check!r}", ", ".join(sorted(CHECKS)), hint))
    if not 0 < rule.score <= 1:
        found.append(row.item("score", f"score {rule.score}", "above 0, at most 1", None))
    if not 0 <= rule.min_entropy <= 8:
        found.append(row.item("min-entropy", f"min-entropy {rule.min_entropy}", "0 to 8 bits per character", None))
    found += [
        row.item(field, f"an empty {field!r}", "a sentence", "It is the rule's page.")
        for field in ("title", "shape", "why", "rotate", "source")
        if not getattr(rule, field).strip()
    ]
    return [*found, *(one for field in ("regex", "before", "after") for one in _expression(row, field))]


def _expression(row: Row[Any], field: str) -> list[ErrorItem]:
    """What is wrong with one expression; the standard library's dialect is what both engines read."""
    text = getattr(row.value, field)
    if _GLOBAL_FLAG.search(text):
        return [row.item(field, "a flag for the whole expression", "(?i:...)", "The parts are put together.")]
    try:
        compiled = re.compile(text)
    except re.error as error:
        return [row.item(field, f"no regular expression: {error}", "Python's re syntax", None)]
    if field == "regex" and compiled.match(""):
        return [row.item(field, "an expression that matches the empty text", "at least one character", None)]
    return []
