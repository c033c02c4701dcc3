"""Reads the rule files that are one checked thing each."""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import TypeVar, cast

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError

Content = TypeVar("Content")


def rule_file(name: str, content: type[Content], rules: RuleFiles) -> Content:
    """The content of a rule file, read once: a service lints with the same rules.

    Raises:
        TuneGateError: `invalid_rules` for a broken file.
    """
    return cast("Content", _read(name, cast("Hashable", content), rules))


@lru_cache(maxsize=16)
def _read(name: str, content: Hashable, rules: RuleFiles) -> object:
    try:
        return msgspec.toml.decode(rules.read(name), type=cast("type[object]", content))
    except (msgspec.DecodeError, ValueError) as error:
        raise TuneGateError("invalid_rules", f"{name}: {error}.") from error
