"""Which checks are asked: those that a target, a method and a choice of rules count, with their severities."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from service.lint.catalogue import check_of, entries
from service.lint.check import Check, Row
from service.lint.diversity import DiversityLimits
from service.lint.profile import Profile
from service.lint.row_groups import GroupKeys
from service.lint.schemas_given import GivenSchemas
from service.lint.signs import Signs
from service.records.lint_report import Severity

if TYPE_CHECKING:
    from service.lint.personal import PrivacyScan
    from service.lint.tokens.counter import TokenCounter


class Checks(msgspec.Struct, frozen=True, dict=True):
    """The checks that count for a target, a method and a choice, with their severities, and the closer looks.

    `privacy` is how personal data is looked for, None where it is not.
    """

    profile: Profile
    severities: dict[str, Severity]
    method: str = "sft"
    model: str = ""
    most: int = 20
    counter: TokenCounter | None = None
    near: bool = False
    languages: bool = False
    privacy: PrivacyScan | None = None
    schemas: GivenSchemas = GivenSchemas()
    group_keys: GroupKeys = GroupKeys()
    diversity: DiversityLimits = DiversityLimits()

    def of(self, scope: str) -> list[Check]:
        """The checks of one scope."""
        codes = [code for code, entry in entries().items() if entry.scope == scope and code in self.severities]
        return [self.schemas.in_place_of(check_of(code)) for code in codes]

    def asked(self, scope: str, signs: Signs) -> list[Check]:
        """Those of one scope that may find something where these signs are all there is; no other is even imported."""
        chosen = (
            (code, entry) for code, entry in entries().items() if entry.scope == scope and code in self.severities
        )
        return [self.schemas.in_place_of(check_of(code)) for code, entry in chosen if entry.may_find(signs)]

    @cached_property
    def limits(self) -> dict[str, int]:
        """The target's limits for the model."""
        return self.profile.limit_values(self.model)

    def row(self, data: dict[str, Any], tokens: int = 0) -> Row:
        """What the checks of rows look at; `tokens` is the row's length."""
        return Row(
            data,
            arguments=self.profile.arguments,
            limits=self.limits,
            method=self.method,
            model=self.model,
            tokens=tokens,
        )

    def between_rows(self) -> list[Check]:
        """Those that hold rows against one another."""
        return [check_of(code) for code, entry in entries().items() if entry.between_rows and code in self.severities]

    @property
    def ask_every_row(self) -> bool:
        """Whether a row may be wrong in any way at all, because a schema was given for it."""
        return not self.severities.keys().isdisjoint(self.schemas.digests)


def chosen_checks(
    profile: Profile,
    codes: set[str],
    *,
    method: str,
    model: str,
    most: int,
    counter: TokenCounter | None = None,
    schemas: GivenSchemas | None = None,
) -> Checks:
    """The checks among `codes` that the target counts; those of schemas only where one is given."""
    given = schemas or GivenSchemas()
    without = {code for code, schema in given.by_code.items() if schema is None}
    found = {
        code: severity
        for code, entry in entries().items()
        if code in codes - without and method in entry.methods and (severity := profile.severity_of(entry)) is not None
    }
    return Checks(profile, found, method, model, most, counter, schemas=given)
