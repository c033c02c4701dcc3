"""What is older than the operator keeps it goes by itself, and says so; what another machine removed goes here too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from working import Working, marked

# what a service is told at its start makes it sweep
KEEP = {"TUNEGATE_RETENTION_DATASETS_DAYS": "30", "TUNEGATE_RETENTION_JOBS_DAYS": "7"}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    return tmp_path / "home"


def aged(home: Path, *changes: str) -> None:
    """Change a database while nobody serves it."""
    with closing(sqlite3.connect(home / "tunegate.sqlite", isolation_level=None)) as database:
        for change in changes:
            database.execute(change)


def test_what_is_old_goes_and_the_rest_stays(home: Path) -> None:
    first = Working(home, **KEEP)
    old, young = first.upload()["id"], first.upload(rows=5)["id"]
    ended, later = (first.launch(old) for _ in range(2))
    for job in (ended, later):
        first.http.post(f"/v1/jobs/{job}/cancel")
        first.once(lambda job=job: first.job(job)["state"] == "cancelled")
    first.stop()
    aged(
        home,
        f"UPDATE records SET created_at = '2020-01-01T00:00:00.000Z' WHERE id = '{old}'",
        "UPDATE jobs SET body = replace(body, substr(json_extract(body, '$.timeline[#-1].at'), 1, 4), '2020')"
        f" WHERE id = '{ended}'",
    )
    second = Working(home, **KEEP)
    try:
        second.once(lambda: second.http.get(f"/v1/datasets/{old}").status_code == 404)
        assert second.http.get(f"/v1/jobs/{ended}").status_code == 404
        assert second.http.get(f"/v1/datasets/{young}").is_success
        assert second.job(later)["state"] == "cancelled"
        done = [one for one in second.http.get("/v1/audit").json()["items"] if one["actor"] == "retention"]
        assert [(one["action"], one["subject"]) for one in done] == [("job.deleted", ended), ("dataset.deleted", old)]
        assert not (home / "runs" / ended).exists()
        assert [path for path in marked(home) if not path.startswith("runs/")] == [
            f"storage/default/datasets/{young}.jsonl"
        ]
    finally:
        second.stop()


def test_one_that_is_stored_again_is_young_again(home: Path) -> None:
    first = Working(home)
    dataset = first.upload()["id"]
    first.stop()
    aged(home, "UPDATE records SET created_at = '2020-01-01T00:00:00.000Z'")
    second = Working(home)
    assert second.upload()["id"] == dataset
    second.stop()
    third = Working(home, **KEEP)
    try:
        third.once(lambda: third.http.get("/health/ready").status_code == 200)
        assert third.http.get(f"/v1/datasets/{dataset}").is_success
    finally:
        third.stop()


def test_what_another_machine_removed_goes_here_too(home: Path) -> None:
    first = Working(home)
    job = first.launch(first.upload()["id"])
    first.until(job, "running")
    first.http.post(f"/v1/jobs/{job}/cancel")
    first.once(lambda: first.job(job)["state"] == "cancelled")
    first.stop()
    assert (home / "runs" / job).is_dir()
    unknown = home / "runs" / "a-folder-of-somebody"
    unknown.mkdir()
    copy = home / "copies" / "default" / "datasets" / f"{'a' * 64}.jsonl"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"a copy of what is no longer stored")
    aged(
        home, f"DELETE FROM jobs WHERE id = '{job}'",
        "INSERT INTO audit (at, project, actor, action, subject, detail) VALUES"
        f" ('2026-01-01T00:00:00.000Z', 'default', 'key:x', 'job.deleted', '{job}', '{{}}')",
    )  # fmt: skip
    second = Working(home)
    try:
        second.once(lambda: not (home / "runs" / job).exists() and not copy.exists())
        assert unknown.is_dir()
    finally:
        second.stop()
