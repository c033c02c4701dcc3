"""The rule files of synthesis: how rows are asked for, the persona grid, the limits, and the reasons with their ids."""

from __future__ import annotations

from typing import Literal

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError
from service.lint.diversity import Threshold
from service.lint.rule_file import rule_file

TEMPLATES, PERSONAS, LIMITS, REASONS = (
    "synth-templates.toml", "synth-personas.toml", "synth-limits.toml", "synth-reasons.toml",
)  # fmt: skip
_PLACES = {"sources": ("{passage}",), "personas": ("{persona}", "{topic}")}


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One type of question; `may_refuse` where the right answer may say that something is not known."""

    id: str
    of: Literal["sources", "personas"]
    type: str
    ask: str
    source: str
    read_on: str
    may_refuse: bool = False


class Templates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`system` and `reply` begin and end every request."""

    system: str
    reply: str
    template: list[Template]

    def of(self, kind: str) -> list[Template]:
        """Those for sources or for personas, each ask once."""
        return list({" ".join(one.ask.split()): one for one in reversed(self.template) if one.of == kind}.values())[
            ::-1
        ]


class Grid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every value of every dimension with every other one, about every topic."""

    dimensions: dict[str, list[str]]
    topics: list[str] = []
    source: str = ""
    read_on: str = ""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Shares and indexes from 0 to 1, words, requests."""

    copied_run_words: Threshold
    copied_share: Threshold
    near_copy: Threshold
    prompt_run_words: Threshold
    least_distinct_2: Threshold
    most_self_similarity: Threshold
    unusable_in_a_row: Threshold
    tries_per_request: Threshold

    def told(self) -> dict[str, float]:
        """The figures by name."""
        return {name: getattr(self, name).value for name in self.__struct_fields__}


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a reply becomes no row, or a set does not pass; records count by `name`."""

    id: str
    name: str
    title: str
    why: str
    remedy: str
    source: str


class _Reasons(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: list[Reason]


def templates(rules: RuleFiles) -> Templates:
    """The templates.

    Raises:
        TuneGateError: `invalid_rules` for a broken file, an id used twice, and an ask without its places.
    """
    found = rule_file(TEMPLATES, Templates, rules)
    ids = [one.id for one in found.template]
    wrong = [f"{one} twice" for one in sorted({one for one in ids if ids.count(one) > 1})]
    wrong += [
        f"{one.id}: ask has no {place}" for one in found.template for place in _PLACES[one.of] if place not in one.ask
    ]
    if wrong:
        raise TuneGateError("invalid_rules", f"{TEMPLATES}: {'; '.join(wrong)}.")
    return found


def default_grid(rules: RuleFiles) -> Grid:
    """The grid where nobody gives another one; it has no topics."""
    return rule_file(PERSONAS, Grid, rules)


def limits(rules: RuleFiles) -> Limits:
    """The figures."""
    return rule_file(LIMITS, Limits, rules)


def reasons(rules: RuleFiles) -> dict[str, Reason]:
    """The reasons by id."""
    return {one.id: one for one in rule_file(REASONS, _Reasons, rules).reason}


def by_name(rules: RuleFiles) -> dict[str, str]:
    """The ids of the reasons by the names that records are counted by."""
    return {one.name: one.id for one in reasons(rules).values()}
