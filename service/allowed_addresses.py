"""Addresses that the operator lists: what the service may ask or tell, with everything below each of them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

import msgspec

from service.errors import ErrorItem, TuneGateError

_PORTS = {"http": 80, "https": 443}
# what a client, a proxy or a server may read as another path
_ODD_SIGNS = ("%2e", "%2f", "%5c", "\\", "//")
A = TypeVar("A", bound="AllowedAddress")


class AllowedAddress(msgspec.Struct, frozen=True):
    """An address, with everything below it."""

    address: str

    def holds(self, other: str) -> bool:
        """Whether an address is this one or lies below it: the same scheme, host and port, whole parts of the path."""
        ours, theirs = urlsplit(self.address), urlsplit(other)
        parts, found = ours.path.strip("/").split("/"), theirs.path.strip("/").split("/")
        odd = {".", ".."} & set(found) or any(sign in theirs.path.lower() for sign in _ODD_SIGNS)
        return not odd and _host(ours) == _host(theirs) and (parts == [""] or found[: len(parts)] == parts)


class AllowedEndpoint(AllowedAddress, frozen=True):
    """What evaluations over HTTP may ask; `key` names the one variable whose key may be sent there, null for none."""

    key: str | None = None


def allowed_endpoints(listed: str) -> tuple[AllowedEndpoint, ...]:
    """TUNEGATE_ENDPOINTS: `ADDRESS` or `ADDRESS=VARIABLE`, separated by commas or spaces.

    Raises:
        TuneGateError: `usage`, naming every entry that is no address.
    """
    allowed = "http(s)://HOST[:PORT][/PATH], or the same with =NAME of the variable that holds its key"
    return _listed("TUNEGATE_ENDPOINTS", listed, _endpoint, allowed)


def allowed_receivers(listed: str) -> tuple[AllowedAddress, ...]:
    """TUNEGATE_WEBHOOKS: addresses separated by commas or spaces.

    Raises:
        TuneGateError: `usage`, naming every entry that is no address, or not a trusted one.
    """
    allowed = "https://HOST[:PORT][/PATH], or http on a loopback address"
    return _listed("TUNEGATE_WEBHOOKS", listed, _receiver, allowed)


def trusted(url: str) -> bool:
    """Whether nobody between can read or change what is sent: https, or a loopback address."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and loopback(parts)))
    except ValueError:
        return False


def loopback(parts: SplitResult) -> bool:
    """Whether a host is literally this machine.

    Raises:
        ValueError: the host is a name.
    """
    return parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback


def plain_address(address: str) -> bool:
    """Whether an address has a scheme of HTTP, a host and a port, and neither a user nor a fragment."""
    try:
        parts = urlsplit(address)
        known = parts.scheme in _PORTS and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return known and not (parts.fragment or "@" in parts.netloc)


def _listed(name: str, listed: str, read: Callable[[str], A | None], allowed: str) -> tuple[A, ...]:
    entries = [entry for entry in re.split(r"[,\s]+", listed) if entry]
    found = [read(entry) for entry in entries]
    wrong = [n for n, one in enumerate(found, 1) if one is None]
    if wrong:
        raise TuneGateError(
            "usage",
            f"{len(wrong)} of the {len(entries)} entries of {name} are no address.",
            errors=[ErrorItem(f"{name}: entry {n}", "something else", allowed) for n in wrong],
        )
    return tuple(one for one in found if one is not None)


def _endpoint(entry: str) -> AllowedEndpoint | None:
    address, named, key = entry.partition("=")
    known = plain_address(address) and "?" not in address
    known = known and (not named or re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) is not None)
    return AllowedEndpoint(address, key or None) if known else None


def _receiver(entry: str) -> AllowedAddress | None:
    return AllowedAddress(entry) if plain_address(entry) and "?" not in entry and trusted(entry) else None


def _host(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
