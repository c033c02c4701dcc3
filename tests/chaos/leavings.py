"""What lies in a storage and in the data folders once every job has ended, and should not."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import msgspec
from quick_jobs import Noting

from service.records.manifest import MANIFEST, Manifest
from service.storage.storage import Storage


def left_behind(storage: Storage, service: Noting, homes: list[Path]) -> list[str]:
    """Objects that nothing names, artifacts that are not whole, and run folders that were being made."""
    wrong: list[str] = []
    artifacts: dict[str, list[str]] = defaultdict(list)
    for key, _ in storage.backend.listed():
        project, kind, name, *rest = key.split("/")
        if (project, kind) == ("default", "artifacts"):
            artifacts[name].append("/".join(rest))
        elif kind != "datasets" or not service.http.get(f"/v1/datasets/{name.removesuffix('.jsonl')}").is_success:
            wrong.append(f"nothing names {key}")
    for job, found in artifacts.items():
        wrong += _wrong_in(storage, service, job, sorted(found))
    wrong += [f"left: {path.name}" for home in homes for path in (home / "runs").glob(".*")]
    return wrong


def _wrong_in(storage: Storage, service: Noting, job: str, found: list[str]) -> list[str]:
    if (state := service.job(job)["state"]) != "succeeded":
        return [f"{job} is {state} and has {len(found)} object(s)"]
    content = b"".join(storage.backend.read(f"default/artifacts/{job}/{MANIFEST}"))
    manifest = msgspec.json.decode(content, type=Manifest)
    wrong = [] if service.http.get(f"/v1/jobs/{job}/manifest").json()["id"] == manifest.id else ["another manifest"]
    if found != sorted([MANIFEST, *(f"{manifest.id}/{file.path}" for file in manifest.files)]):
        wrong.append(f"{job} has other objects than its manifest names: {found}")
    return wrong
