"""The drift report, put together and given its id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from service.clock import now
from service.data import RuleFiles
from service.evaluate.drift.judged import Found, findings, judged, verdict
from service.evaluate.drift.rules import DriftRules
from service.records.decision import FactValue
from service.records.drift import DriftKind, DriftReport, DriftSide, NotCompared
from service.records.identity import record_id

Settings = Mapping[str, FactValue | None]


def report_of(
    kind: DriftKind,
    sides: tuple[DriftSide, DriftSide],
    found: Sequence[Found],
    left_out: Sequence[NotCompared],
    *,
    rules: RuleFiles,
    thresholds: DriftRules,
    settings: Settings,
    seed: int,
) -> DriftReport:
    """Judge what was found; the id leaves out where files stand and when it was made."""
    compared = judged(found, thresholds, seed)
    said = {
        "confidence": thresholds.confidence,
        "resamples": thresholds.resamples,
        "seed": seed,
        "thresholds": {one.rule: one.threshold for one in compared},
        **settings,
    }
    made = DriftReport(
        id="",
        made_at=now(),
        kind=kind,
        rests_on=[side.evaluation or side.sha256 or "" for side in sides],
        baseline=sides[0],
        current=sides[1],
        settings=said,
        rules_revision=rules.revision,
        verdict=verdict(compared),
        findings=findings(compared, thresholds),
        compared=compared,
        not_compared=list(left_out),
    )
    return msgspec.structs.replace(made, id=_id(made))


def _id(report: DriftReport) -> str:
    nowhere = [msgspec.structs.replace(side, path="") for side in (report.baseline, report.current)]
    return record_id(msgspec.structs.replace(report, baseline=nowhere[0], current=nowhere[1]))
