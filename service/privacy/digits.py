"""Says which expressions can match no text without a digit: half of them, and the slow half to look for."""

from __future__ import annotations

import re
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from service.privacy.plan import Expression

_FLAGS = re.IGNORECASE | re.MULTILINE | re.DOTALL
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)
_ZERO, _NINE = ord("0"), ord("9")


def needs_digit(expression: Expression) -> bool:
    """Whether every match in ASCII text holds one of 0 to 9; False where that cannot be told."""
    try:
        return _sequence(parser.parse(expression.text, expression.flags & _FLAGS))
    except (re.error, OverflowError, RecursionError):
        return False


def _sequence(items: Any) -> bool:
    return any(_item(operator, operand) for operator, operand in items)


def _item(operator: Any, operand: Any) -> bool:
    """Whether what one item matches holds a digit; lookarounds match nothing themselves."""
    if operator is sre.LITERAL:
        return bool(_ZERO <= operand <= _NINE)
    if operator is sre.IN:
        return all(_member(*one) for one in operand)
    if operator is sre.BRANCH:
        return all(map(_sequence, operand[1]))
    if operator in _REPEATS:
        return operand[0] > 0 and _sequence(operand[2])
    if operator is sre.SUBPATTERN:
        return _sequence(operand[3])
    return bool(operator is sre.ATOMIC_GROUP and _sequence(operand))


def _member(operator: Any, operand: Any) -> bool:
    """Whether a member of a class stands for digits alone."""
    if operator is sre.LITERAL:
        return bool(_ZERO <= operand <= _NINE)
    if operator is sre.RANGE:
        return bool(operand[0] >= _ZERO and operand[1] <= _NINE)
    return bool(operator is sre.CATEGORY and operand is sre.CATEGORY_DIGIT)
