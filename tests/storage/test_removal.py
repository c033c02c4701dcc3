"""What is removed is gone: planted personal data is searched in every file, SQLite database, log and metric."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from working import MARKS, Working, marked


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Working]:
    running = Working(tmp_path / "home")
    yield running
    running.stop()


def test_nothing_of_a_trained_job_and_its_dataset_is_left(service: Working) -> None:
    dataset = service.upload()["id"]
    report = service.http.get(f"/v1/datasets/{dataset}/report").json()["id"]
    job = service.launch(dataset)
    service.until(job, "running")
    # not while it runs
    service.problem(service.http.delete(f"/v1/jobs/{job}"), 409, "job_not_finished")
    busy = service.problem(service.http.delete(f"/v1/datasets/{dataset}"), 409, "dataset_in_use")
    assert job in busy["remedy"]
    service.until(job, "succeeded")
    plan = service.job(job)["plan"]
    assert marked(service.home)
    assert service.http.delete(f"/v1/jobs/{job}").status_code == 204
    for path in ("", "/events", "/logs", "/manifest", "/artifact", "/models"):
        service.problem(service.http.get(f"/v1/jobs/{job}{path}"), 404, "unknown_id")
    service.problem(service.http.delete(f"/v1/jobs/{job}"), 404, "unknown_id")
    assert service.http.delete(f"/v1/datasets/{dataset}").status_code == 204
    service.problem(service.http.get(f"/v1/datasets/{dataset}"), 404, "unknown_id")
    assert marked(service.home) == []
    # not only what is personal: no file is named by the job, no database holds its id but the audit log
    assert [path for path in service.home.rglob(f"*{job}*") if path.name != job or path.exists()] == []
    deeds = [(one["action"], one["subject"]) for one in service.http.get("/v1/audit").json()["items"]]
    assert deeds[-2:] == [("job.deleted", job), ("dataset.deleted", dataset)]
    jobs = b"".join(path.read_bytes() for path in service.home.glob("jobs.sqlite*"))
    assert job.encode() not in jobs
    databases = b"".join(path.read_bytes() for path in service.home.glob("*.sqlite*"))
    assert report.encode() not in databases or plan.encode() in databases
    told = service.http.get("/metrics").text + service.log.read_text()
    assert not [mark for mark in MARKS if mark in told]


def test_a_job_that_was_cancelled_is_removed_with_its_checkpoints(service: Working) -> None:
    dataset = service.upload()["id"]
    job = service.launch(dataset)
    service.until(job, "running")
    service.http.post(f"/v1/jobs/{job}/cancel")
    service.once(lambda: service.job(job)["state"] == "cancelled")
    assert service.http.delete(f"/v1/jobs/{job}").status_code == 204
    assert service.http.delete(f"/v1/datasets/{dataset}").status_code == 204
    assert list((service.home / "runs").iterdir()) == []
    assert marked(service.home) == []
    assert "Traceback" not in service.log.read_text()


def test_a_report_that_another_record_needs_is_kept(service: Working) -> None:
    one, other = service.upload()["id"], service.upload(max_findings="7")["id"]
    assert one != other
    body = {"dataset_id": other, "validation_dataset_id": one, "model": "base", "technique": "full"}
    plan = service.post("/v1/plans", json=body)
    assert service.http.delete(f"/v1/datasets/{one}").status_code == 204
    found = service.http.get(f"/v1/datasets/{other}")
    assert found.is_success
    assert service.http.get(f"/v1/plans/{plan['id']}").is_success
    assert marked(service.home) == [f"storage/default/datasets/{other}.jsonl"]
