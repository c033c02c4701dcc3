"""What was found, judged by its rule: every interval of a report at one level, so that all of them hold together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from service.evaluate.drift.effects import Draws, Effect, holm
from service.evaluate.drift.rules import DriftRule, DriftRules
from service.records.drift import Between, Compared, DriftFinding, DriftVerdict

_PLACES = 6
_NAMES = {"ks": "KS", "psi": "PSI", "auc": "AUC", "difference": "difference", "fall": "fall", "share": "share"}


@dataclass(frozen=True)
class Found:
    """Something to compare: `effect` is asked once it is known how many intervals there are.

    `feature` names the rule, `called` what it is called where a rule is asked of several things. `threshold` and
    `fewest` stand in place of the rule's.
    """

    feature: str
    rows_baseline: int
    rows_current: int
    effect: Callable[[Draws], Effect]
    baseline: dict[str, float] = field(default_factory=dict)
    current: dict[str, float] = field(default_factory=dict)
    psi: Callable[[Draws], Effect] | None = None
    called: str | None = None
    paired: bool = False
    fewest: int | None = None
    threshold: float | None = None


def judged(found: Sequence[Found], rules: DriftRules, seed: int) -> list[Compared]:
    """Everything with its interval and verdict.

    By Bonferroni each interval has the confidence 1 - (1 - confidence) / number of things, so all of them hold at once
    with at least the confidence of the rules; p-values are adjusted by Holm.
    """
    asked = [one for one in found if not _too_few(one, rules)]
    draws = Draws(1 - (1 - rules.confidence) / max(1, len(asked)), rules.resamples, seed)
    effects = {id(one): one.effect(draws) for one in asked}
    adjusted = dict(zip(map(id, asked), holm([effects[id(one)].p_value for one in asked]), strict=True))
    return [
        _compared(one, rules.of(one.feature), effects.get(id(one)), adjusted.get(id(one)), rules, draws)
        for one in found
    ]


def verdict(compared: Sequence[Compared]) -> DriftVerdict:
    """Drifted where anything did, stable where everything is, else undecided; of nothing at all nothing is known."""
    verdicts = {one.verdict for one in compared}
    return "drifted" if "drifted" in verdicts else "stable" if verdicts == {"stable"} else "undecided"


def findings(compared: Sequence[Compared], rules: DriftRules) -> list[DriftFinding]:
    """What drifted, the largest first by how far it lies beyond its threshold."""
    drifted = [one for one in compared if one.verdict == "drifted"]
    return [DriftFinding(one.rule, one.feature, _message(one, rules)) for one in sorted(drifted, key=_beyond)]


def _beyond(one: Compared) -> float:
    return -one.effect.value / one.threshold if one.effect is not None else 0.0


def _too_few(found: Found, rules: DriftRules) -> str | None:
    fewest = rules.fewest_rows if found.fewest is None else found.fewest
    rows = min(found.rows_baseline, found.rows_current)
    if rows >= fewest:
        return None
    return f"{rows:,} rows on a side, {fewest:,} are needed"


def _compared(
    found: Found, rule: DriftRule, effect: Effect | None, adjusted: float | None, rules: DriftRules, draws: Draws
) -> Compared:
    threshold = rule.at_least if found.threshold is None else found.threshold
    beside = found.psi(draws) if found.psi is not None and effect is not None else None
    return Compared(
        feature=found.called or found.feature,
        rule=rule.id,
        statistic=rule.statistic,
        effect=None if effect is None else between(effect),
        threshold=threshold,
        verdict="undecided" if effect is None else _verdict(effect, threshold),
        rows_baseline=found.rows_baseline,
        rows_current=found.rows_current,
        paired=found.paired,
        p_value=None if effect is None or effect.p_value is None else _significant(effect.p_value),
        p_adjusted=None if adjusted is None else _significant(adjusted),
        psi=None if beside is None else between(beside),
        baseline=found.baseline,
        current=found.current,
        why=_too_few(found, rules),
    )


def between(effect: Effect) -> Between:
    """Rounded, so that a record is the same on every machine."""
    return Between(*(round(one, _PLACES) + 0.0 for one in (effect.value, effect.low, effect.high)))


def _significant(value: float) -> float:
    return float(f"{value:.4g}")


def _verdict(effect: Effect, threshold: float) -> DriftVerdict:
    if effect.low >= threshold:
        return "drifted"
    return "stable" if effect.high < threshold else "undecided"


def effect_words(one: Compared) -> str:
    """The effect with its interval."""
    if one.effect is None:
        return one.why or "nothing can be said"
    return f"{_NAMES[one.statistic]} {one.effect.value:.3f} ({one.effect.low:.3f} to {one.effect.high:.3f})"


def _message(one: Compared, rules: DriftRules) -> str:
    title = next(rule.title for rule in rules.rule if rule.id == one.rule)
    said = effect_words(one)
    moved = ""
    for name in ("p50", "share", "mean"):
        if name in one.baseline and name in one.current:
            moved = f"; {name} {one.baseline[name]:g} before, {one.current[name]:g} now"
            break
    return f"{title}: {said}, from {one.threshold:g} on it counts{moved}."
