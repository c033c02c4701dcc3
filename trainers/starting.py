"""The earlier run that a plan starts from: found unchanged before any library is loaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from trainers.contract import TrainPlan

_BEGIN_ANEW = ("ADALORA",)


class _File(msgspec.Struct, frozen=True):
    path: str
    sha256: str


class _Manifest(msgspec.Struct, frozen=True):
    """What is needed of a run's manifest."""

    id: str
    files: list[_File]


def start_folder(plan: TrainPlan) -> Path:
    """Where the adapter or the model lies that training starts from."""
    assert plan.starts_from is not None
    return Path(plan.starts_from.path or "") / plan.starts_from.kind


def start_problems(plan: TrainPlan) -> list[str]:
    """Why the plan's start is not there or not the one that was planned; nothing for a plan without one."""
    start = plan.starts_from
    if start is None:
        return []
    if (start.kind == "model") != (plan.technique == "full"):
        return [f"technique {plan.technique!r} does not go on from a run that left {start.kind}/"]
    if (plan.hyperparameters.peft or {}).get("peft_type") in _BEGIN_ANEW:
        return ["starts_from: AdaLoRA is saved with its ranks given out and begins anew with each run"]
    run = Path(start.path or "")
    try:
        manifest = msgspec.json.decode((run / "manifest.json").read_bytes(), type=_Manifest)
    except (OSError, msgspec.DecodeError):
        return [f"starts_from: no finished run at the path of the plan (manifest {start.manifest[:12]})"]
    if manifest.id != start.manifest:
        return [f"starts_from: the folder holds manifest {manifest.id[:12]}, the plan has {start.manifest[:12]}"]
    files = [file for file in manifest.files if file.path.startswith(f"{start.kind}/")]
    if not any(file.path.endswith(".safetensors") for file in files):
        return [f"starts_from: the run's manifest has no weights in {start.kind}/"]
    changed = [file.path for file in files if _sha256(run / file.path) != file.sha256]
    return [f"starts_from: {path} is gone or changed" for path in changed]


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError:
        return None
