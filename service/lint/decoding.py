"""Reads a line of JSON without ever failing, and without recursion where it is nested too deep for it."""

from __future__ import annotations

import re
from typing import Any

import msgspec

# what is looked at by recursion must not depend on how deep the caller stands; no row of any target is half as deep
_DEEPEST = 200
# a string of JSON, or what is left of one at the end
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)).difference(b"[]{}"))


def decode(raw: bytes) -> tuple[Any, str | None]:
    """(data, None) or (None, why it is not JSON); the reason never quotes the line."""
    if deeper_than(_DEEPEST, raw):
        return None, "nested too deep to read"
    try:
        return msgspec.json.decode(raw), None
    except UnicodeDecodeError:
        return None, "invalid UTF-8"
    except RecursionError:
        return None, "nested too deep to read"
    except ValueError as error:
        # msgspec names a position or the kind of damage, and quotes no content for JSON that is malformed
        return None, str(error).removeprefix("JSON is malformed: ")


def deeper_than(limit: int, raw: bytes) -> bool:
    """Whether brackets outside of strings are nested deeper than `limit`."""
    return raw.count(b"[") + raw.count(b"{") > limit and _depth(raw) > limit


def _depth(raw: bytes) -> int:
    """The deepest nesting outside of strings."""
    deepest = depth = 0
    for byte in _STRINGS.sub(b"", raw).translate(None, _NO_BRACKETS):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest
