"""How deep decoded JSON may be nested."""

from __future__ import annotations

from typing import Any

# what people write has fewer than 20 levels; what decodes near Python's own limit fails somewhere after it
DEEPEST = 100


def too_deep(value: object) -> bool:
    """Whether decoded JSON has more than `DEEPEST` levels."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return False
    return True


def _inside(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
