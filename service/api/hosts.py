"""Which host a request names: the framework takes what stands there for an address and fails where it is none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

# RFC 3986, section 3.2, without a user part and what no DNS name has
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")


def one_host(scope: Mapping[str, Any]) -> bool:
    """Whether a request has one Host header that can be read; HTTP/1.0 needs none (RFC 9112, section 3.2)."""
    named = [value for name, value in scope["headers"] if name == b"host"]
    if not named:
        return bool(scope["http_version"] == "1.0")
    return len(named) == 1 and _readable(named[0])


def _readable(value: bytes) -> bool:
    if _HOST.fullmatch(value) is None:
        return False
    try:
        _ = urlsplit(f"//{value.decode()}").port
    except ValueError:
        return False  # no IPv6 address, no port
    return True
