"""The regions whose phone numbers are read in a language, when nobody names them (rules/privacy/regions.toml)."""

from __future__ import annotations

import re

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.privacy.recognizers.toml_rows import read_rows

FILE = "privacy/regions.toml"
# phonenumbers' VALID: a number that exists. POSSIBLE (0) takes every run of seven digits; 2 and 3 want the groups that
# its own tables print, and people write others (benchmarks/privacy_quality.py)
PHONE_LENIENCY = 1
_FALLBACK = "en"


class Language(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A language with the regions that speak it, ISO 3166-1 codes."""

    id: str
    regions: list[str]


def default_regions(language: str, rules: RuleFiles) -> tuple[str, ...]:
    """The regions of a language, those of English for one that has no row.

    Raises:
        TuneGateError: `invalid_rules` with every mistake, its line and its row.
    """
    errors: list[ErrorItem] = []
    found: dict[str, tuple[str, ...]] = {}
    for row in read_rows(FILE, rules.read(FILE), "language", Language, errors):
        if row.value is None:
            continue
        wrong = [one for one in row.value.regions if not re.fullmatch("[A-Z]{2}", one)]
        if wrong or not row.value.regions:
            errors.append(row.item("regions", f"regions {row.value.regions}", "codes of two capitals: US", None))
        found[row.value.id] = tuple(row.value.regions)
    if _FALLBACK not in found:
        errors.append(ErrorItem(FILE, f"no language {_FALLBACK!r}", "a row for it", "Other languages fall back to it."))
    if errors:
        raise TuneGateError("invalid_rules", f"{len(errors)} mistake(s) in the regions.", errors=errors)
    return found.get(language.partition("-")[0], found[_FALLBACK])
