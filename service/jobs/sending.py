"""What a job reads, as files of this machine: for its own trainer, and for a target elsewhere that is sent them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from service.artifacts.bundle import RunInputs
from service.errors import TuneGateError
from service.jobs.ground import Ground, inputs_of
from service.jobs.keeping import with_data


def files_to_send(job_id: str) -> Mapping[str, Path | None]:
    """By the names of its launch plan.

    Raises:
        TuneGateError: `job_cancelled` once it has ended, and what the storage raises.
    """
    inputs = inputs_of(job_id)
    if inputs is None:
        raise TuneGateError("job_cancelled", "The job ended before it was sent.")
    run = with_data(Ground.store, Ground.storage, job_id, inputs.run)
    return {"data": run.dataset, "validation": run.validation, "base": model_folder(run)}


def model_folder(run: RunInputs) -> Path:
    """Where it was found by the service that took the job, or the same name among this one's models."""
    return run.model if run.model.is_dir() else Ground.models / run.plan.model
