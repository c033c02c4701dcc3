"""Reads a row and writes it again so that only what a fix changed is different: numbers, key order, letters stay."""

from __future__ import annotations

import json
from typing import Any, Self

# an integer of more digits is beyond 64 bits somewhere, and is kept as it stands
_DIGITS = 18


class Number(float):
    """A number that is written as it was read: 1.0, 1e5, -0 and integers of any length."""

    literal: str

    def __new__(cls, literal: str) -> Self:
        made = super().__new__(cls, literal)
        made.literal = literal
        return made


def read(text: bytes | str) -> Any:
    """The value, with its number literals.

    Raises:
        ValueError: for what is no JSON, and for an object with a key twice, which could not be written again.
        RecursionError: for nesting beyond any row's.
    """
    return json.loads(
        text, parse_float=Number, parse_int=_integer, parse_constant=_refuse, object_pairs_hook=_without_twins
    )


def written(value: Any, *, like: bytes = b'": ') -> str:
    """The value on one line, with or without spaces as `like` has them."""
    return _text(value, *((": ", ", ") if b'": ' in like else (":", ",")))


def _text(value: Any, colon: str, comma: str) -> str:
    if isinstance(value, Number):
        return value.literal
    if isinstance(value, dict):
        pairs = [f"{_text(key, colon, comma)}{colon}{_text(one, colon, comma)}" for key, one in value.items()]
        return f"{{{comma.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{comma.join([_text(one, colon, comma) for one in value])}]"
    return json.dumps(value, ensure_ascii=False)


def _integer(literal: str) -> int | Number:
    return Number(literal) if len(literal) > _DIGITS or literal == "-0" else int(literal)


def _refuse(literal: str) -> None:
    raise ValueError(f"{literal} is no JSON")


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found
