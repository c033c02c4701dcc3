"""IBANs of every country of the registry: any case, any gaps, by length, account format and check digits."""

from __future__ import annotations

import re
from collections import defaultdict

import msgspec
from presidio_analyzer import Pattern, PatternRecognizer

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.privacy.recognizers.toml_rows import read_rows

FILE = "privacy/iban.toml"
_PART = re.compile(r"([1-9][0-9]?)([nac])")
_CLASS = {"n": "[0-9]", "a": "[A-Z]", "c": "[A-Z0-9]"}
_GAP = r"(?:(?![\r\n\t\f])[\s-])?"
_SCORE = 0.5


class Country(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A country code with the format of its account part: "4a 14n"."""

    id: str
    account: str

    @property
    def length(self) -> int:
        """Characters of the whole IBAN."""
        return 4 + sum(int(count) for count, _ in _PART.findall(self.account))

    @property
    def expression(self) -> str:
        """The account part as an expression."""
        return "".join(f"{_CLASS[kind]}{{{count}}}" for count, kind in _PART.findall(self.account))


def load_countries(rules: RuleFiles) -> list[Country]:
    """Every row of the file.

    Raises:
        TuneGateError: `invalid_rules` with every mistake, its line and its row.
    """
    errors: list[ErrorItem] = []
    found = []
    for row in read_rows(FILE, rules.read(FILE), "country", Country, errors):
        if row.value is None:
            continue
        if not re.fullmatch("[A-Z]{2}", row.value.id):
            errors.append(row.item("id", f"id {row.value.id!r}", "two capitals", None))
        if not all(_PART.fullmatch(part) for part in row.value.account.split()) or not row.value.account:
            errors.append(row.item("account", f"account {row.value.account!r}", "counts with n, a or c: 4a 14n", None))
        found.append(row.value)
    if errors:
        raise TuneGateError("invalid_rules", f"{len(errors)} mistake(s) in the IBAN formats.", errors=errors)
    return found


def check_digits_fit(iban: str) -> bool:
    """ISO 13616: the first four characters moved behind, letters as 10 to 35, a remainder of 1 by 97."""
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(one, 36)) for one in moved)) % 97 == 1


class IbanByCountryRecognizer(PatternRecognizer):  # type: ignore[misc]
    """Stands in for Presidio's IbanRecognizer: whole formats of the registry, any space, no text in a log."""

    def __init__(self, countries: list[Country], language: str) -> None:
        self._accounts = {one.id: re.compile(one.expression) for one in countries}
        super().__init__(
            supported_entity="IBAN_CODE",
            name="IbanByCountryRecognizer",
            supported_language=language,
            patterns=_patterns(countries),
            context=["iban", "bank", "account", "transfer", "konto", "cuenta", "conto", "compte"],
        )

    def validate_result(self, pattern_text: str) -> bool:
        """By account format and check digits."""
        iban = "".join(one for one in pattern_text.upper() if one.isalnum())
        account = self._accounts.get(iban[:2])
        return bool(iban.isascii() and account and account.fullmatch(iban[4:]) and check_digits_fit(iban))


def _patterns(countries: list[Country]) -> list[Pattern]:
    """One for each length, in groups of four: what follows an IBAN in a sentence is never drawn into it."""
    by_length: defaultdict[int, list[str]] = defaultdict(list)
    for country in countries:
        by_length[country.length].append(country.id)
    found = []
    for length, codes in sorted(by_length.items()):
        whole, rest = divmod(length - 4, 4)
        groups = _GAP.join(["[0-9]{2}", *["[A-Z0-9]{4}"] * whole, *([f"[A-Z0-9]{{{rest}}}"] if rest else [])])
        start, end = "(?<![A-Za-z0-9_])", "(?![A-Za-z0-9_])"
        found.append(Pattern(f"IBAN of {length}", f"{start}(?:{'|'.join(sorted(codes))}){groups}{end}", _SCORE))
    return found
