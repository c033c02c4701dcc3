"""What the last decision would be now: its stated facts, what was measured since, and today's rules."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from service.clock import now
from service.records.dataset import Dataset
from service.records.decision import Answer, Decision, Fact
from service.records.drift import DriftReport
from service.records.evaluation import Evaluation
from service.records.identity import record_id
from service.records.monitor import ChangedFact, Monitor, Redecision
from service.verbs.advise import advise
from service.verbs.context import Context

_STATED = frozenset(("asked", "assumed"))
_SEEN = "drift.seen"
_LLM_DRIFT, _PROMPT_DRIFT = "accuracy-over-time", "inconsistent-prompts"
_FALL = "DRF-100"


def redecide(context: Context, monitor: Monitor, drift: DriftReport, measured: Evaluation | Dataset) -> Redecision:
    """Make and keep the new decision, and what differs; nothing is changed by it.

    A dataset that drifted is what is known of the data, unless the monitor names one to be trained on.

    Raises:
        TuneGateError: `unknown_id` for a record that was removed, `invalid_facts` or `contradictory_facts` where the
            stated facts do not go with today's rules or measurements.
    """
    assert monitor.decision_id is not None
    before = context.store.get("decision", monitor.decision_id, Decision)
    dataset = context.store.get("dataset", monitor.dataset_id, Dataset) if monitor.dataset_id else None
    evaluation = measured if isinstance(measured, Evaluation) else None
    if dataset is None and isinstance(measured, Dataset):
        dataset = measured
    facts = {one.name: one.value for one in before.facts if one.source in _STATED}
    # other data say nothing yet about how they are answered
    if evaluation is not None:
        facts[_SEEN] = _LLM_DRIFT if any(one.rule == _FALL for one in drift.findings) else _PROMPT_DRIFT
    after = advise(
        facts,
        rules=context.rules,
        edition=before.edition,
        report=dataset.report if dataset is not None else None,
        evaluations=[] if evaluation is None else [evaluation],
    )
    context.store.put("decision", after.id, after)
    rests_on = [*([] if evaluation is None else [evaluation.id]), *([] if dataset is None else [dataset.report.id])]
    made = difference(before, after, drift.id, rests_on)
    return context.store.put("redecision", made.id, made)


def difference(before: Decision, after: Decision, drift: str, rests_on: list[str]) -> Redecision:
    """What changed from one decision to the other, and whether the answer does."""
    changed = _changed(_by_name(before), _by_name(after))
    known = {(one.rule, one.review_by) for one in before.stale}
    warned = {warning for model in before.models for warning in model.warnings}
    warnings = [warning for model in after.models for warning in model.warnings if warning not in warned]
    rules_changed = before.rules_revision != after.rules_revision
    differs = before.answer != after.answer
    made = Redecision(
        id="",
        made_at=now(),
        previous=before.id,
        decision=after.id,
        drift=drift,
        rests_on=rests_on,
        changed=changed,
        rules_changed=rules_changed,
        stale=[one for one in after.stale if (one.rule, one.review_by) not in known],
        warnings=list(dict.fromkeys(warnings)),
        answer_before=before.answer,
        answer_after=after.answer,
        changes_answer=differs,
        says=_says(changed, before.answer, after.answer, rules_changed=rules_changed),
    )
    return msgspec.structs.replace(made, id=record_id(made))


def _by_name(decision: Decision) -> dict[str, Fact]:
    return {one.name: one for one in decision.facts}


def _changed(before: Mapping[str, Fact], after: Mapping[str, Fact]) -> list[ChangedFact]:
    found = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old is None or new is None or old.value != new.value:
            source = None if new is None else new.source
            values = [None if one is None else one.value for one in (old, new)]
            found.append(ChangedFact(name, values[0], values[1], source))
    return found


def _says(changed: list[ChangedFact], before: Answer | None, after: Answer | None, *, rules_changed: bool) -> str:
    facts = f"{len(changed)} fact(s) changed" if changed else "no fact changed"
    rules = ", and so did the rules" if rules_changed else ""
    if before == after:
        return f"{facts}{rules}; the answer stays {_named(after)}."
    return f"{facts}{rules}; the answer was {_named(before)} and would now be {_named(after)}."


def _named(answer: Answer | None) -> str:
    if answer is None:
        return "open, because facts are missing"
    return " ".join(one for one in (answer.step, answer.technique) if one is not None)
