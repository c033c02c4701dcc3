"""A finished run that something else is made from: exported again, or trained on."""

from __future__ import annotations

from pathlib import Path

import msgspec

from service.artifacts.bundle import verify_run
from service.errors import TuneGateError
from service.records.manifest import Manifest
from trainers.contract import TrainPlan


def finished(run: Path) -> tuple[Manifest, TrainPlan]:
    """Manifest and plan of a run folder whose files are all as the manifest says.

    Raises:
        TuneGateError: `artifact_not_ready` when it is no finished run, `artifact_corrupt` when its files differ.

    """
    if not (run / "manifest.json").is_file():
        what = "no manifest.json" if run.is_dir() else "no such folder"
        raise TuneGateError(
            "artifact_not_ready",
            f"{run}: {what}; it is not the folder of a finished run.",
            remedy="Give the folder that `tunegate train -o DIR` made.",
        )
    try:
        source = verify_run(run)
        plan = msgspec.json.decode((run / "plan.json").read_bytes(), type=TrainPlan)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TuneGateError(
            "artifact_corrupt", f"{run}: manifest.json or plan.json cannot be read.", remedy="Fetch it again."
        ) from error
    if plan.id != source.chain.plan:
        raise TuneGateError("artifact_corrupt", f"{run}: plan.json is not the plan of the manifest.")
    return source, plan
