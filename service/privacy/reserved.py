"""Values that are nobody's by what standards say of them: example.org, 127.0.0.1 (rules/privacy/reserved.toml)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from ipaddress import ip_interface, ip_network
from typing import Literal

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.privacy.recognizers.toml_rows import read_rows

FILE = "privacy/reserved.toml"
# what becomes of them: told by a rule of their own, as any other value, or not at all
ReservedAs = Literal["info", "personal", "allow"]

_IsReserved = Callable[[str], bool]
_NO_DIGIT = re.compile("[^0-9]")
_KINDS = "domains, networks, numbers or pattern"


class Reserved(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values of an entity that belong to nobody, as `source` says; one of the four says which."""

    id: str
    entity: str
    source: str
    domains: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    numbers: str | None = None
    pattern: str | None = None


class ReservedValues:
    """Rows of the table, ready to be asked."""

    def __init__(self, rows: Sequence[Reserved]) -> None:
        self._tests: dict[str, list[_IsReserved]] = {}
        for row in rows:
            self._tests.setdefault(row.entity, []).append(_test(row))

    def __call__(self, entity: str, value: str) -> bool:
        """Whether a value that was found is nobody's."""
        return any(test(value) for test in self._tests.get(entity, ()))


def reserved_rows(rules: RuleFiles) -> tuple[Reserved, ...]:
    """The rows of some rule files.

    Raises:
        TuneGateError: `invalid_rules` with every mistake, its line and its row.
    """
    errors: list[ErrorItem] = []
    found: list[Reserved] = []
    for row in read_rows(FILE, rules.read(FILE), "reserved", Reserved, errors):
        if row.value is None:
            continue
        if sum(map(bool, (row.value.domains, row.value.networks, row.value.numbers, row.value.pattern))) != 1:
            errors.append(row.item("id", "none or several of them", f"one of {_KINDS}", None))
            continue
        try:
            _test(row.value)
        except (ValueError, re.error) as error:
            errors.append(row.item("id", str(error), f"{_KINDS} that can be read", None))
        found.append(row.value)
    if errors:
        raise TuneGateError("invalid_rules", f"{len(errors)} mistake(s) in the reserved values.", errors=errors)
    return tuple(found)


def _test(row: Reserved) -> _IsReserved:
    if row.domains:
        ends = tuple(end for domain in row.domains for end in (f"@{domain}", f".{domain}"))
        return lambda value: value.lower().rstrip(".").endswith(ends)
    if row.networks:
        return _in_networks(row.networks)
    if row.numbers is not None:
        numbers = re.compile(row.numbers)
        return lambda value: numbers.fullmatch(_NO_DIGIT.sub("", value)) is not None
    pattern = re.compile(row.pattern or "")
    return lambda value: pattern.fullmatch(value) is not None


def _in_networks(listed: Sequence[str]) -> _IsReserved:
    networks = [ip_network(one) for one in listed]

    def inside(value: str) -> bool:
        try:
            address = ip_interface(value).ip
        except ValueError:
            return False
        return any(address in network for network in networks)

    return inside
