"""Thresholds that somebody sets: in the place of a rule's, refused where they can never be reached or always are."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from service.errors import ErrorItem, TuneGateError, suggestion
from service.evaluate.drift.rules import DriftRules
from service.records.drift import Statistic

# (no effect at all, the largest effect there is); the index has no largest value, but with half a row in every empty
# category two samples of a billion rows that share no category reach 43
_RANGES: dict[Statistic, tuple[float, float]] = {
    "ks": (0.0, 1.0), "psi": (0.0, 43.0), "auc": (0.5, 1.0), "difference": (0.0, 1.0), "fall": (0.0, 1.0),
    "share": (0.0, 1.0),
}  # fmt: skip


def with_thresholds(rules: DriftRules, given: Mapping[str, float]) -> DriftRules:
    """The rules with these thresholds, by rule id.

    Raises:
        TuneGateError: `invalid_input`, with every unknown rule and every threshold that says nothing.
    """
    known = {one.id: one for one in rules.rule}
    errors = []
    for name, value in given.items():
        if name not in known:
            errors.append(ErrorItem(name, None, ", ".join(known), suggestion(name, known) or None))
        elif (wrong := refused(known[name].statistic, value)) is not None:
            least, most = _RANGES[known[name].statistic]
            errors.append(ErrorItem(name, f"{value:g}", f"more than {least:g}, at most {most:g}", wrong))
    if errors:
        raise TuneGateError("invalid_input", f"{len(errors)} threshold(s) that cannot be used.", errors=errors)
    changed = tuple(msgspec.structs.replace(one, at_least=given.get(one.id, one.at_least)) for one in rules.rule)
    return msgspec.structs.replace(rules, rule=changed)


def refused(statistic: Statistic, value: float) -> str | None:
    """Why a threshold says nothing, or None."""
    least, most = _RANGES[statistic]
    # a value that is no number is on neither side
    if not value > least:
        return "Two samples of the very same data reach it: everything would drift, always."
    if value > most:
        return "No change reaches it: nothing would ever drift."
    return None
