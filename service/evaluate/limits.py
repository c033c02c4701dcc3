"""The figures of rules/evaluation.toml: beyond which a measure proposes something."""

from __future__ import annotations

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError

FILE = "evaluation.toml"


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A figure with where it comes from."""

    value: float
    source: str
    read_on: str


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Shares, 0 to 1."""

    equal_margin: Limit
    consistent: Limit
    content_right: Limit
    form_right: Limit
    grounded: Limit


def limits(rules: RuleFiles) -> Limits:
    """The limits of the rule files.

    Raises:
        TuneGateError: `invalid_rules` for a broken file.
    """
    try:
        return msgspec.toml.decode(rules.read(FILE), type=Limits)
    except (msgspec.DecodeError, ValueError) as error:
        raise TuneGateError("invalid_rules", f"{FILE}: {error}.") from error
