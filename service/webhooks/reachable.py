"""Which network addresses a listed receiver may lead to: a name must not lead into the service's own network."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
# an IPv4 address in its last 32 bits (RFC 6052)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def may_connect(url: str, found: Sequence[str], *, private: bool) -> bool:
    """Whether all addresses that the host of a listed `url` resolves to may be connected to.

    A host that is literally an address was listed as such. `localhost` leads to this machine and nowhere else. A name
    leads to public addresses, and with `private` also to those of private networks; never to this machine, to a link
    (where clouds answer with credentials) or to many.
    """
    host = urlsplit(url).hostname or ""
    addresses = [_meant(ipaddress.ip_address(one)) for one in found]
    if not addresses:
        return False
    if host == "localhost":
        return all(one.is_loopback for one in addresses)
    try:
        return addresses == [_meant(ipaddress.ip_address(host))]
    except ValueError:
        return all(_public(one) or (private and _internal(one)) for one in addresses)


def _meant(address: IP) -> IP:
    """The IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _public(one: IP) -> bool:
    return one.is_global and not one.is_multicast


def _internal(one: IP) -> bool:
    odd = one.is_loopback or one.is_link_local or one.is_multicast or one.is_reserved or one.is_unspecified
    return one.is_private and not odd
