"""Reads the rule files that are one checked thing each."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError

Content = TypeVar("Content")


def rule_file(name: str, content: type[Content], rules: RuleFiles) -> Content:
    """The content of a rule file.

    Raises:
        TuneGateError: `invalid_rules` for a broken file.
    """
    try:
        return msgspec.toml.decode(rules.read(name), type=content)
    except (msgspec.DecodeError, ValueError) as error:
        raise TuneGateError("invalid_rules", f"{name}: {error}.") from error
