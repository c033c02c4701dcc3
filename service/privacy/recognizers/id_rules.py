"""Reads the rules of national ids: which recognizers are on for a language or region, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError, suggestion
from service.privacy.recognizers.id_checks import ID_CHECKS
from service.privacy.recognizers.toml_rows import Row, read_rows

FILE = "privacy/national-ids.toml"


class IdRule(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """One kind of id: a class of Presidio's, or expressions of our own. `id` is the entity."""

    id: str
    recognizer: str
    languages: list[str]
    countries: list[str]
    reason: str
    source: str
    read_on: date
    already: list[str] = []
    proof: bool = False
    regex: list[str] = []
    scores: list[float] = []
    context: list[str] = []
    check: str = ""
    replaces: str = ""

    def applies(self, language: str, regions: tuple[str, ...]) -> bool:
        """Whether it is on for a language and the regions of the settings."""
        if language in self.already:
            return False
        return language in self.languages or bool(set(self.countries) & set(regions))


def id_rules(rules: RuleFiles, stock: Mapping[str, object] | None = None) -> list[IdRule]:
    """Every row; `stock` holds Presidio's classes by name where they are at hand.

    Raises:
        TuneGateError: `invalid_rules` with every mistake, its line and its row.
    """
    errors: list[ErrorItem] = []
    found: list[IdRule] = []
    for row in read_rows(FILE, rules.read(FILE), "id", IdRule, errors):
        if row.value is not None:
            errors += _mistakes(row, row.value, stock)
            found.append(row.value)
    if errors:
        raise TuneGateError("invalid_rules", f"{len(errors)} mistake(s) in the rules of national ids.", errors=errors)
    return found


def _mistakes(row: Row[IdRule], rule: IdRule, stock: Mapping[str, object] | None) -> list[ErrorItem]:
    found = []
    if bool(rule.recognizer) == bool(rule.regex):
        found.append(row.item("recognizer", "both or none of recognizer and regex", "one of them", None))
    if len(rule.regex) != len(rule.scores) or not all(0 < score <= 1 for score in rule.scores):
        found.append(row.item("scores", f"scores {rule.scores}", "one above 0 and at most 1 for each regex", None))
    if rule.check and rule.check not in ID_CHECKS:
        hint = suggestion(rule.check, ID_CHECKS) or None
        found.append(row.item("check", f"check {rule.check!r}", ", ".join(sorted(ID_CHECKS)), hint))
    if stock is not None and rule.recognizer and rule.recognizer not in stock:
        hint = suggestion(rule.recognizer, stock) or None
        found.append(row.item("recognizer", f"recognizer {rule.recognizer!r}", "a class of presidio-analyzer", hint))
    for text in rule.regex:
        try:
            re.compile(text)
        except re.error as error:
            found.append(row.item("regex", f"no regular expression: {error}", "Python's re syntax", None))
    return found
