"""A service that stands still while it keeps an artifact, is robbed of the job, and wakes: it spoils nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest
from postgres_server import Postgres
from quick_jobs import Noting, processes_of, until, violations
from sessions import cut_session, is_robbed

from service.records.manifest import MANIFEST


@pytest.mark.parametrize("out_of_reach", [False, True], ids=["moved", "anew"])
def test_it_writes_into_no_artifact_of_the_service_that_took_over(
    tmp_path: Path, postgres: Postgres, out_of_reach: bool
) -> None:
    name = f"d{os.urandom(6).hex()}"
    postgres.create(name)
    address = postgres.address(name, "+psycopg")
    settings = {
        "TUNEGATE_DATABASE_URL": address,
        "TUNEGATE_STORAGE_URL": (tmp_path / "storage").as_uri(),
        "TUNEGATE_EXECUTOR_SILENCE_SECONDS": "3",
    }
    for one in ("slow", "other"):
        (tmp_path / one).mkdir()
    # its third object lies in the storage, others do not yet
    stopped = {"at": "object", "after": 3, "number": int(signal.SIGSTOP)}
    slow = Noting(tmp_path / "slow", **settings, TUNEGATE_EXECUTOR="slow", signalled=stopped)
    other = None
    try:
        job = slow.launch(epochs=1)
        process = psutil.Process(slow.pid)
        until(lambda: process.status() == psutil.STATUS_STOPPED)
        if out_of_reach:
            (tmp_path / "slow" / "home-id").rename(tmp_path / "slow" / "elsewhere")
        other = Noting(tmp_path / "other", **settings, TUNEGATE_EXECUTOR="other")
        if not out_of_reach:  # else it loses its session by standing still
            until(lambda: cut_session(address, "slow") or is_robbed(address, "slow"))
        job_ended = other.until(job)
        assert job_ended["state"] == "succeeded"
        assert is_robbed(address, "slow")
        kept = tmp_path / "storage" / "default" / "artifacts" / job
        before = {path: path.read_bytes() for path in kept.rglob("*") if path.is_file()}
        if out_of_reach:
            (tmp_path / "slow" / "elsewhere").rename(tmp_path / "slow" / "home-id")
        process.resume()
        assert slow.process.wait(120) == 3
        assert {path: path.read_bytes() for path in kept.rglob("*") if path.is_file()} == before
        manifest = other.http.get(f"/v1/jobs/{job}/manifest").json()
        assert {str(path.relative_to(kept)) for path in before} == {
            MANIFEST,
            *(f"{manifest['id']}/{file['path']}" for file in manifest["files"]),
        }
        # as another machine gets it: from the storage
        for path in (tmp_path / "other" / "runs" / job).glob("*"):
            path.rename(tmp_path / path.name)
        (tmp_path / "other" / "runs" / job).rmdir()
        assert violations(other, job, [tmp_path / "slow", tmp_path / "other"], killed=int(out_of_reach)) == []
    finally:
        for one in [slow, *([other] if other is not None else [])]:
            if one.process.poll() is None:
                one.process.send_signal(signal.SIGCONT)
                one.kill()
        for home in ("slow", "other"):
            for left in processes_of(tmp_path / home):
                left.kill()
