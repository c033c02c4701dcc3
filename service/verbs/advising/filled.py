"""filled: a rule's text with the facts that it shows."""

from __future__ import annotations

import re
from collections.abc import Mapping

from service.records.decision import FactValue

_PLACEHOLDER = re.compile(r"\{([a-z_.0-9]+)\}")


def filled(text: str, facts: Mapping[str, FactValue], *, unknown: str | None = None) -> str:
    """The text with its {facts} shown; one that is not known is shown as `unknown`, or by its name."""

    def shown(match: re.Match[str]) -> str:
        value = facts.get(match[1])
        return (unknown or match[1]) if value is None else said(value)

    return _PLACEHOLDER.sub(shown, text)


def said(value: FactValue) -> str:
    """A value as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
