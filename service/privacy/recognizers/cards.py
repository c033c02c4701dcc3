"""Payment card numbers of every network: grouped or not, by first digits, length and Luhn digit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

import msgspec
from presidio_analyzer import Pattern, PatternRecognizer

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.privacy.recognizers.toml_rows import read_rows

FILE = "privacy/cards.toml"
_RANGE = re.compile(r"(\d{1,8})(?:-(\d{1,8}))?")
# one space of any kind, a hyphen or a dot; a no-break space by name would be no ASCII, which a gate may refuse
_GAP = r"(?![\r\n\t\f])[\s.-]"
_START, _END = "(?<![0-9A-Za-z_])(?<![0-9][.,])", "(?![0-9A-Za-z_])(?![.,][0-9])"
# the groups printed on cards; the long forms stand for themselves, so that a number after a card is not drawn into it
_GROUPS = ([4, 4, 4, 4], [4, 4, 4, 4, 3], [4, 4, 4, 4, 2], [4, 4, 4, 4, 1], [4, 6, 5], [4, 6, 4], [4, 4, 4], [4, 4, 5],
           [4, 3, 3, 3], [4, 4, 4, 3], [4, 4, 4, 2], [4, 4, 4, 1], [6, 13], [8, 8])  # fmt: skip
_WEAK = 0.4
_CONTEXT = ["credit", "card", "visa", "mastercard", "cc", "amex", "discover", "jcb", "diners", "maestro", "unionpay",
            "tarjeta", "carta", "karte", "karta", "carte", "debit", "pan"]  # fmt: skip


class Network(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """Numbers of one network; `sure` = a right Luhn digit proves it."""

    id: str
    title: str
    iin: list[str]
    lengths: list[int]
    source: str
    read_on: date
    sure: bool = True


class Networks:
    """Answers whether the first digits and the length of a number belong to a network."""

    def __init__(self, rows: Sequence[Network]) -> None:
        self.rows = tuple(rows)
        self._sure: dict[int, set[str]] = {}
        self._others: dict[int, set[str]] = {}
        for row in rows:
            for length in row.lengths:
                (self._sure if row.sure else self._others).setdefault(length, set()).update(_prefixes(row.iin))

    def proves(self, digits: str) -> bool | None:
        """True for a network whose range is its own, None for a shared one, False for none."""
        starts = {digits[:size] for size in range(1, 9)}
        if starts & self._sure.get(len(digits), set()):
            return True
        return None if starts & self._others.get(len(digits), set()) else False


def _prefixes(ranges: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for one in ranges:
        low, _, high = one.partition("-")
        found |= {f"{number:0{len(low)}d}" for number in range(int(low), int(high or low) + 1)}
    return found


def load_networks(rules: RuleFiles) -> Networks:
    """The networks of the rule file.

    Raises:
        TuneGateError: `invalid_rules` with every mistake, its line and its row.
    """
    errors: list[ErrorItem] = []
    found = []
    for row in read_rows(FILE, rules.read(FILE), "network", Network, errors):
        if row.value is None:
            continue
        for one in row.value.iin:
            match = _RANGE.fullmatch(one)
            if not match or (match[2] and (len(match[1]) != len(match[2]) or match[1] > match[2])):
                errors.append(row.item("iin", f"iin {one!r}", "1 to 8 digits, or two of equal length: 51-55", None))
        if not row.value.lengths or not all(12 <= length <= 19 for length in row.value.lengths):
            errors.append(row.item("lengths", f"lengths {row.value.lengths}", "12 to 19 digits", None))
        found.append(row.value)
    if errors:
        raise TuneGateError("invalid_rules", f"{len(errors)} mistake(s) in the card networks.", errors=errors)
    return Networks(found)


def luhn(digits: str) -> bool:
    """Whether the last digit is the right one: every second from the right doubled, digit sum, a multiple of 10."""
    doubled = (sum(divmod(2 * int(one), 10)) for one in digits[-2::-2])
    return (sum(doubled) + sum(int(one) for one in digits[-1::-2])) % 10 == 0


def _patterns() -> list[Pattern]:
    whole = Pattern("card, no gaps", f"{_START}[0-9]{{12,19}}{_END}", _WEAK)
    grouped = (_GAP.join(f"[0-9]{{{size}}}" for size in sizes) for sizes in _GROUPS)
    return [whole, *(Pattern(f"card {one}", f"{_START}{one}{_END}", _WEAK) for one in grouped)]


class CardRecognizer(PatternRecognizer):  # type: ignore[misc]
    """Stands in for Presidio's CreditCardRecognizer, which knows neither 2-series Mastercard nor 12 or 19 digits."""

    def __init__(self, networks: Networks, language: str) -> None:
        self.networks = networks
        super().__init__(
            supported_entity="CREDIT_CARD",
            name="CardRecognizer",
            supported_language=language,
            patterns=_patterns(),
            context=list(_CONTEXT),
        )

    def validate_result(self, pattern_text: str) -> bool | None:
        """By network and Luhn digit; a shared range keeps the pattern's score."""
        digits = "".join(one for one in pattern_text if one.isdecimal())
        return self.networks.proves(digits) if luhn(digits) else False
