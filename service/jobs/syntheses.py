"""Syntheses as work of processes of their own; the rows that stayed become a dataset of their project."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from service.errors import TuneGateError
from service.jobs.ground import Ground
from service.jobs.keeping import keep_dataset
from service.jobs.outside import Outcome, Outside
from service.jobs.outside_inputs import ANSWERS, ROWS
from service.launch.local import WORK
from service.records.access import Deed
from service.records.dataset import Dataset
from service.records.synth_job import SynthJob, SynthOutcome, SynthProgress
from service.records.synthesis import SynthReport
from service.store.syntheses import ORIGINS, RECORD

SYNTHESES: Outside[SynthJob] = Outside(
    "synthesis",
    "writes",
    queue="syntheses",
    entry="service.verbs.synthesizing.process",
    rows=lambda store: store.syntheses,
    outcome=SynthOutcome,
    progress=SynthProgress,
)


def _keep(identifier: str, project: str, out: Path, outcome: Outcome) -> dict[str, object]:
    """The rows first: a record that names none of its project's datasets would be of no use."""
    del identifier
    assert isinstance(outcome, SynthOutcome)
    assert outcome.record is not None
    records = Ground.store.of(project)
    if outcome.dataset is not None:
        most = Ground.project_bytes
        keep_dataset(records, Ground.storage.of(project), outcome.dataset, out / ROWS, most)
    record = records.put(RECORD, outcome.record.id, outcome.record)
    if outcome.origins is not None:
        records.put(ORIGINS, record.id, outcome.origins)
    return {"synth_id": record.id, "dataset_id": outcome.dataset.id if outcome.dataset else None}


def _drop(project: str, kept: dict[str, object]) -> None:
    """Take back what was kept; rows that another synthesis of the project names too stay."""
    Ground.store.syntheses.forget_unnamed(str(kept["synth_id"]), project)
    dataset = kept["dataset_id"]
    records, files = Ground.store.of(project), Ground.storage.of(project)
    if dataset is None or records.syntheses.names_dataset(str(dataset)):
        return
    with suppress(TuneGateError):
        found = records.get("dataset", str(dataset), Dataset)
        files.remove_dataset(found.id)
        records.removal.dataset(found.id, Deed("synthesis", "dataset.deleted"))


def _tidy(identifier: str, out: Path) -> None:
    """Of what has ended only replies stay, for who goes on with them; of a set that passes not even those."""
    left = [one for one in out.iterdir() if one.name not in {ANSWERS, WORK}] if out.is_dir() else []
    if not left:
        return
    if _passed(identifier):
        shutil.rmtree(out, ignore_errors=True)
    for one in left:
        if one.is_dir():
            shutil.rmtree(one, ignore_errors=True)
        else:
            one.unlink(missing_ok=True)


def _passed(identifier: str) -> bool:
    rows = Ground.store.syntheses
    try:
        named = rows.get(identifier).synth_id
        return named is not None and _record(rows.project(identifier), named).verdict == "pass"
    except TuneGateError:
        return False


def _record(project: str, identifier: str) -> SynthReport:
    return Ground.store.of(project).get(RECORD, identifier, SynthReport)


SYNTHESES.keep, SYNTHESES.drop, SYNTHESES.tidy = _keep, _drop, _tidy
