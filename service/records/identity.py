"""Record ids: sha256 of canonical JSON (sorted keys, compact, UTF-8) without clocks."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any

import msgspec

_NESTED = (dict, list, tuple)


def canonical_json(content: object) -> bytes:
    """Sorted keys, compact, UTF-8: equal content gives equal bytes."""
    return msgspec.json.encode(content, order="sorted")


def record_id(content: object, *, without: tuple[str, ...] = ()) -> str:
    """64 hex digits over a record's content, leaving out `id`, `stale`, every `*_at` and the keys of `without`."""
    return digest(_timeless(msgspec.to_builtins(content), {"id", "stale", *without}))


def digest(content: object) -> str:
    """64 hex digits over content that has nothing to leave out."""
    return hashlib.sha256(canonical_json(content)).hexdigest()


def _timeless(content: Any, dropped: Collection[str] = ()) -> Any:
    # plain values are most of a record
    if isinstance(content, dict):
        return {
            key: _timeless(value) if isinstance(value, _NESTED) else value
            for key, value in content.items()
            if key not in dropped and not str(key).endswith("_at")
        }
    if isinstance(content, list | tuple):
        return [_timeless(item) if isinstance(item, _NESTED) else item for item in content]
    return content
