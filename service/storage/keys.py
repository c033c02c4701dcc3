"""Names of objects; the project comes first, and no part of a name can leave it."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from service.access_settings import PROJECT
from service.errors import TuneGateError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_JOB = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def dataset_key(project: str, identifier: str) -> str:
    """`PROJECT/datasets/ID.jsonl`.

    Raises:
        TuneGateError: `unknown_id` for what is no id.
    """
    return f"{_checked(PROJECT, project)}/datasets/{_checked(_DIGEST, identifier)}.jsonl"


def artifact_prefix(project: str, job_id: str) -> str:
    """`PROJECT/artifacts/JOB`.

    Raises:
        TuneGateError: `unknown_id` for what is no id.
    """
    return f"{_checked(PROJECT, project)}/artifacts/{_checked(_JOB, job_id)}"


def try_prefix(prefix: str, manifest_id: str) -> str:
    """`PROJECT/artifacts/JOB/MANIFEST`: the files that one manifest names, which nobody else writes to.

    Raises:
        TuneGateError: `artifact_corrupt` for what is no id.
    """
    if not _DIGEST.fullmatch(manifest_id):
        raise TuneGateError("artifact_corrupt", "The manifest has no id.")
    return f"{prefix}/{manifest_id}"


def file_key(prefix: str, path: str) -> str:
    """The key of a file of an artifact, by its path in the manifest.

    Raises:
        TuneGateError: `artifact_corrupt` for a path that leaves the artifact.
    """
    parts = PurePosixPath(path).parts
    if not parts or PurePosixPath(path).is_absolute() or ".." in parts or "\\" in path or "\0" in path:
        raise TuneGateError("artifact_corrupt", "The manifest names a path outside of the artifact.")
    return f"{prefix}/{'/'.join(parts)}"


def _checked(pattern: re.Pattern[str], part: str) -> str:
    if not pattern.fullmatch(part):
        raise TuneGateError("unknown_id", "Nothing with this id is stored here.")
    return part
