"""The rules of drift: from which change on something drifted, with sources; each rule has a page."""

from __future__ import annotations

import msgspec

from service.data import RuleFiles
from service.lint.rule_file import rule_file
from service.records.drift import Statistic

FILE = "drift.toml"


class DriftRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is compared, and the effect from which on it drifted."""

    id: str
    feature: str
    title: str
    statistic: Statistic
    at_least: float
    why: str
    remedy: str
    source: str
    read_on: str


class DriftRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`confidence` of all intervals of a report together, `resamples` of a bootstrap, fewest rows that are judged."""

    confidence: float
    resamples: int
    fewest_rows: int
    fewest_rows_of_words: int
    source: str
    read_on: str
    rule: tuple[DriftRule, ...]

    def of(self, feature: str) -> DriftRule:
        """The rule of a feature."""
        return next(one for one in self.rule if one.feature == feature)


def drift_rules(rules: RuleFiles) -> DriftRules:
    """The rules of the rule file.

    Raises:
        TuneGateError: `invalid_rules` for a broken file.
    """
    return rule_file(FILE, DriftRules, rules)


_MEANINGS: dict[Statistic, str] = {
    "ks": "the Kolmogorov-Smirnov statistic, the largest distance between the two cumulative distributions",
    "psi": "the population stability index over the categories",
    "auc": "the area under the ROC curve of telling a row's side by its words; 0.5 is chance",
    "difference": "the difference of two shares",
    "fall": "by how much the score got worse",
    "share": "the share of the answers",
}


def drift_page(rule: DriftRule) -> str:
    """The rule's page in Markdown."""
    return "\n".join(
        [
            f"# {rule.id} {rule.title}",
            f"Compared: `{rule.feature}`, by {_MEANINGS[rule.statistic]}.",
            f"Drifted: the whole interval lies at or above {rule.at_least:g}. Stable: it lies below.",
            *("", "## Why it matters", rule.why, "", "## What to do", rule.remedy),
            *("", "## References", f"{rule.source}; read {rule.read_on}.", ""),
        ]
    )
