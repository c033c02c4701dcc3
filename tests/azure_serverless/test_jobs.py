"""The real SDK against a loopback project: one job whatever breaks, how it ends, what it leaves, what is checked."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from service.errors import TuneGateError
from service.launch.targets.azure_serverless.client import AzureServerless, project_of
from service.launch.targets.azure_serverless.plan import launch_plan
from service.launch.targets.target import LaunchPlan, LaunchRequest, RemoteRef
from service.records.job import ENDED
from tests.azure_serverless.conftest import DESK, OPEN, PLAN
from tests.azure_serverless.project import Serverless
from trainers.contract import DatasetRef

MAKES = r"^PUT .*/jobs/"


@pytest.fixture(autouse=True)
def _led_there(azure: Serverless, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in azure.environment.items():
        monkeypatch.setenv(name, value)
    # no client of another test's loopback
    project_of.cache_clear()
    yield
    assert azure.unhandled == []
    assert azure.project.wrong == []


def planned(*, validation: bool = False, cost: dict[str, object] | None = None) -> LaunchPlan:
    rows, held_out = DESK / "train.jsonl", DESK / "validation.jsonl"
    plan = msgspec.structs.replace(
        PLAN,
        dataset=DatasetRef(sha256=hashlib.sha256(rows.read_bytes()).hexdigest()),
        validation=DatasetRef(sha256=hashlib.sha256(held_out.read_bytes()).hexdigest()) if validation else None,
        cost=cost or PLAN.cost,
    )
    request = LaunchRequest(
        plan=plan, key="job-1", trainer_version="1.0", dataset=rows, validation=held_out if validation else None,
        model=None,
    )  # fmt: skip
    return launch_plan(request, OPEN, warnings=[])


def ended(target: AzureServerless, ref: RemoteRef) -> tuple[str, str]:
    return until(lambda: target.poll(ref), lambda status: status.state in ENDED)


def until(look: Callable[[], object], happened: Callable[[object], bool]) -> tuple[str, str]:
    deadline = time.monotonic() + 60
    while not happened(status := look()):
        assert time.monotonic() < deadline, status
        time.sleep(0.1)
    return status.state, status.raw


@pytest.mark.parametrize("validation", [False, True])
def test_a_job_is_made_once_whatever_breaks_and_names_its_model(
    azure: Serverless, tmp_path: Path, *, validation: bool
) -> None:
    plan = planned(validation=validation)
    target = AzureServerless(plan)
    # made, and the answer lost: the SDK itself asks again and is told that the name is taken
    azure.fail(MAKES, "lost")
    ref = target.submit(plan)
    assert target.submit(plan).name == ref.name == plan.name
    assert azure.project.started == [plan.name]
    assert ref.url == f"https://ml.azure.com/runs/{plan.name}"
    assert ended(target, ref) == ("succeeded", "Completed")
    target.fetch(ref, tmp_path / "out", tick=lambda: None)
    hosted = json.loads((tmp_path / "out" / "hosted-model.json").read_bytes())
    assert hosted["model"] == f"azureml:tunegate-{plan.request_sha256[:12]}:1"
    assert target.artifacts(ref) == []
    sent = azure.project.jobs[plan.name]["properties"]
    assert sent["fineTuningDetails"]["hyperParameters"] == {"num_train_epochs": "2", "learning_rate": "0.00002"}
    assert ("validationData" in sent["fineTuningDetails"]) == validation
    # rows go into the storage alone
    row = (DESK / "train.jsonl").read_bytes().splitlines()[0][30:80]
    assert {one.host for one in azure.requests if row in one.body} == {"loopback.blob.core.windows.net"}


def test_a_job_is_cancelled_and_a_name_that_is_taken_is_left_alone(azure: Serverless) -> None:
    azure.project.hold = True
    plan = planned()
    target = AzureServerless(plan)
    ref = target.submit(plan)
    until(lambda: target.poll(ref), lambda status: status.raw == "Running")
    target.cancel(ref)
    assert ended(target, ref) == ("cancelled", "Canceled")
    # one that has ended needs no asking
    target.cancel(ref)
    azure.project.jobs[plan.name]["properties"]["tags"] = {}
    with pytest.raises(TuneGateError) as raised:
        target.submit(plan)
    assert raised.value.code == "remote_taken"


def test_a_failure_is_told_without_the_service_s_words(azure: Serverless) -> None:
    azure.project.ends = "Failed"
    plan = planned()
    target = AzureServerless(plan)
    ref = target.submit(plan)
    assert ended(target, ref) == ("failed", "Failed")
    error = target.poll(ref).error
    assert error is not None
    assert (error.code, f"ml.azure.com/runs/{plan.name}" in error.remedy) == ("job_failed", True)


def test_a_job_that_names_no_model_is_not_believed(azure: Serverless, tmp_path: Path) -> None:
    azure.project.registers = {"assetName": None}
    plan = planned()
    target = AzureServerless(plan)
    ref = target.submit(plan)
    assert ended(target, ref)[0] == "succeeded"
    with pytest.raises(TuneGateError) as raised:
        target.fetch(ref, tmp_path / "out", tick=lambda: None)
    assert raised.value.code == "artifact_corrupt"
    assert not (tmp_path / "out" / "hosted-model.json").exists()


def test_what_may_pass_is_told_apart_from_what_will_not(azure: Serverless) -> None:
    plan = planned()
    target = AzureServerless(plan)
    refused = azure.fail(MAKES, 403)
    with pytest.raises(TuneGateError) as raised:
        target.submit(plan)
    assert (raised.value.code, refused.met) == ("target_refused", 1)
    assert "targets check azure-serverless" in str(raised.value.remedy)
    azure.fail(MAKES, 503, times=10, Retry_After="0")
    with pytest.raises(TuneGateError) as raised:
        target.submit(plan)
    assert raised.value.code == "target_unreachable"
    azure.faults.clear()
    assert ended(target, target.submit(plan))[0] == "succeeded"
    assert azure.project.started == [plan.name]


def test_the_project_and_its_region_are_checked(azure: Serverless) -> None:
    def checked(**changes: str) -> dict[str, str]:
        where = msgspec.structs.replace(OPEN, **changes)
        plan = planned()
        manifest = plan.manifest | {"where": msgspec.to_builtins(where)}
        found = AzureServerless(msgspec.structs.replace(plan, manifest=manifest)).check()
        assert all(one.remedy for one in found if one.verdict == "failed")
        return {one.name: one.verdict for one in found}

    assert checked() == {"credential": "ok", "project": "ok", "region": "ok"}
    assert checked(region="westus3") == {"credential": "ok", "project": "ok", "region": "failed"}
    assert checked(workspace="another") == {"credential": "ok", "project": "failed"}
    azure.fail(r"login\.microsoftonline\.com", "cut", times=100)
    project_of.cache_clear()
    assert checked()["credential"] == "failed"


def test_costs_are_told_when_all_that_was_planned_is_trained_and_not_before(azure: Serverless) -> None:
    plan = planned(cost={"usd_per_million_tokens": 3.0, "tokens": 500_000, "epochs": 2, "max_usd": 1.0})
    assert "3.00 USD at most (1000000 tokens at 3 USD per million)" in plan.warnings[-1]
    assert "max_cost ends none" in plan.warnings[-1]
    azure.project.hold = True
    target = AzureServerless(plan)
    ref = target.submit(plan)
    until(lambda: target.poll(ref), lambda status: status.raw == "Running")
    assert target.poll(ref).usd is None
    azure.project.let_go.set()
    assert ended(target, ref)[0] == "succeeded"
    assert target.poll(ref).usd == 3.0


@pytest.mark.parametrize("how", ["Failed", "Canceled"])
def test_costs_of_a_job_that_ended_early_are_not_known(azure: Serverless, how: str) -> None:
    azure.project.ends = how
    plan = planned(cost={"usd_per_million_tokens": 3.0, "tokens": 500_000, "epochs": 2})
    target = AzureServerless(plan)
    ref = target.submit(plan)
    ended(target, ref)
    assert target.poll(ref).usd is None
