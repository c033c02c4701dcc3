"""A service that is killed while Azure is being asked to make the job: it is attached afterwards, never made twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from conftest import Azure, Service
from quick import quick_python

GUARD_SECONDS = 180


@pytest.mark.parametrize("how", ["held before", "held"], ids=["asked", "made"])
def test_a_service_that_is_killed_while_it_submits_has_one_job_there(
    azure: Azure, start: Callable[..., Service], tmp_path: Path, how: Literal["held before", "held"]
) -> None:
    (tmp_path / "job").mkdir()
    python = {"TUNEGATE_AZURE_ML_PYTHON": str(quick_python(tmp_path / "job"))}
    # the answer never comes, whether the job was made there or not
    fault = azure.fail(r"PUT management.*/jobs/tg-", how)
    service = start(**python)
    identifier = service.launch(technique="full", outputs={"onnx": []})
    deadline = time.monotonic() + GUARD_SECONDS
    while not (fault.met if how == "held before" else azure.workspace.started):
        assert time.monotonic() < deadline, (service.job(identifier), service.log.read_text()[-3000:])
        time.sleep(0.05)
    assert service.job(identifier)["remote"] is None
    service.kill()
    azure.let_go.set()
    again = start(**python)
    job = again.ended(identifier)
    assert job["state"] == "succeeded", (job, again.log.read_text()[-3000:])
    assert azure.workspace.started == [job["remote"]["name"]]
    submitted = [one for one in again.http.get(f"/v1/jobs/{identifier}/logs").text.splitlines() if "submitted" in one]
    assert len(submitted) == 1
