"""The run folder of a job whose weights stay where it ran."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from service.files import write_atomically
from service.launch.local import WORK
from service.records.hosted import HOSTED, Hosted
from trainers.contract import Result


def keep_hosted(out: Path, made: Hosted, metrics: bytes | None, *, plan: str) -> None:
    """hosted-model.json, metrics/results.csv and the proof of success in `out`; weights are none of it."""
    (out / WORK).mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / "metrics", ignore_errors=True)
    if metrics is not None:
        write_atomically(out / "metrics" / "results.csv", metrics)
    write_atomically(out / HOSTED, msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")
    write_atomically(out / "result.json", msgspec.json.encode(Result(status="succeeded", plan=plan)))
