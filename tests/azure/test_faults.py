"""What goes wrong between here and Azure: no job is lost, none is started twice, and states say what is known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from conftest import Azure
from loopback import SECRET
from quick import ROW, Quick
from workspace import KEY

from service.errors import TuneGateError
from service.jobs.remote_job import Followed
from service.jobs.states import enter
from service.launch.targets.registry import target_of
from service.launch.targets.target import LaunchPlan, Target
from service.store.store import Store
from trainers.failure import OTHER_LOST, FailedRank, Failure

SUBMITTED = r"PUT management.*/jobs/tg-"
POLLED = r"GET management.*/jobs/tg-"


pytestmark = pytest.mark.usefixtures("led_there")


def until(happened: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_job_is_submitted_followed_and_fetched_with_every_hash_compared(azure: Azure, quick: Quick) -> None:
    assert quick.follow(), (quick.job, quick.said)
    quick.fetch()
    assert quick.job.state == "finalizing"
    assert quick.job.progress.step == 1
    assert (quick.out / "onnx/fp32/model.onnx").is_file()
    assert azure.workspace.started == [quick.plan.name]
    kept = (quick.folder / "tunegate.sqlite").read_bytes()
    for asked in azure.requests:
        assert ROW.encode() not in asked.body or asked.host.endswith(".blob.core.windows.net")
    for secret in (SECRET, KEY, ROW):
        assert secret.encode() not in kept


@pytest.mark.parametrize(
    ("pattern", "how", "times"),
    [
        (r"login\.microsoftonline\.com.*/token", "cut", 2),
        (r"PUT management.*/environments/", 429, 2),
        (r"PUT .*blob\.core.*LocalUpload", "cut", 2),
        (r"PUT management.*/data/", 503, 6),
        (r"startPendingUpload", 500, 6),
        (SUBMITTED, "cut", 6),
        (SUBMITTED, "lost", 6),
        (SUBMITTED, 429, 6),
        (SUBMITTED, 500, 6),
        (POLLED, 429, 12),
        (POLLED, "cut", 20),
        (r"GET .*blob\.core.*progress", "cut", 6),
    ],
)
def test_what_passes_is_waited_out_and_one_job_is_made(
    azure: Azure, quick: Quick, pattern: str, how: str | int, times: int
) -> None:
    fault = azure.fail(pattern, how, times, Retry_After="0")  # type: ignore[arg-type]
    assert quick.follow(), (quick.job, quick.said)
    assert fault.met > 0
    assert azure.workspace.started == [quick.plan.name]
    assert quick.job.state == "finalizing"


def test_a_transfer_that_is_cut_goes_on_and_is_whole(azure: Azure, quick: Quick) -> None:
    assert quick.follow(), (quick.job, quick.said)
    fault = azure.fail(r"GET .*blob\.core.*/files/onnx", "cut", 6)
    quick.fetch()
    assert fault.met == 6
    assert (quick.out / "onnx/fp32/model.onnx").read_bytes() == (quick.folder / "job/model.onnx").read_bytes()


def test_a_job_that_was_made_before_its_answer_was_kept_is_found_again(azure: Azure, quick: Quick) -> None:
    """As after kill -9 between the remote create and the local save."""
    target_of(quick.plan).submit(quick.plan)
    assert quick.store.launches.find(quick.id).ref is None  # type: ignore[union-attr]
    assert quick.follow(), (quick.job, quick.said)
    assert azure.workspace.started == [quick.plan.name]


def test_a_job_of_that_name_that_is_not_ours_is_left_alone(azure: Azure, quick: Quick) -> None:
    quick.hold()
    following = quick.in_background()
    until(lambda: azure.workspace.started)
    azure.workspace.jobs[quick.plan.name]["properties"]["tags"] = {"tunegate_request": "another"}
    with pytest.raises(TuneGateError) as raised:
        target_of(quick.plan).submit(quick.plan)
    assert raised.value.code == "remote_taken"
    quick.let_go()
    following.join(120)


def test_a_remote_job_that_is_deleted_has_failed_and_says_so(azure: Azure, quick: Quick) -> None:
    quick.hold()
    following = quick.in_background()
    until(lambda: quick.job.state == "running")
    azure.workspace.delete(quick.plan.name)
    following.join(120)
    assert (quick.job.state, quick.job.error.code) == ("failed", "remote_gone")  # type: ignore[union-attr]


def test_while_azure_does_not_answer_the_state_is_unknown(azure: Azure, quick: Quick) -> None:
    quick.hold()
    following = quick.in_background()
    until(lambda: quick.job.state == "running")
    fault = azure.fail(POLLED, "cut", 1000)
    until(lambda: quick.job.state == "unknown")
    fault.times = 0
    until(lambda: quick.job.state == "running")
    quick.let_go()
    following.join(120)
    assert quick.job.state == "finalizing"


def test_the_trainer_s_own_verdict_is_told(quick: Quick) -> None:
    (quick.folder / "job" / "fail").touch()
    assert not quick.follow()
    assert quick.job.error is not None
    assert (quick.job.state, quick.job.error.detail) == ("failed", "train: out of memory.")


def test_of_processes_that_failed_together_the_one_is_told_that_the_others_followed(azure: Azure, quick: Quick) -> None:
    (quick.folder / "job" / "fail").touch()
    ended = [
        (OTHER_LOST, "train: they do not reach each other."), ("trainer_died", "The trainer ended by signal SIGABRT."),
        ("job_failed", "train: ValueError."), ("trainer_died", "The trainer ended by signal SIGTERM."),
    ]  # fmt: skip
    for rank, (code, detail) in enumerate(ended):
        one = FailedRank(rank=rank, of=len(ended), machine=rank, failure=Failure(code, detail, "Mend it."))
        azure.blobs.put(f"workspace-blobs/tunegate/{quick.plan.name}/failed/rank-{rank}.json", msgspec.json.encode(one))
    assert not quick.follow()
    assert quick.job.error is not None
    assert (quick.job.error.code, quick.job.error.detail) == (
        "job_failed", "rank 2 of 4 on machine 2: train: ValueError."
    )  # fmt: skip


def test_a_file_that_was_changed_there_is_refused_and_not_kept(azure: Azure, quick: Quick) -> None:
    assert quick.follow(), (quick.job, quick.said)
    name = f"workspace-blobs/tunegate/{quick.plan.name}/files/onnx/fp32/model.onnx"
    azure.blobs.put(name, b"another" + azure.blobs.content[name][7:])
    with pytest.raises(TuneGateError) as raised:
        quick.fetch()
    assert raised.value.code == "artifact_corrupt"
    assert not (quick.out / "onnx/fp32/model.onnx").exists()


@pytest.mark.parametrize("path", ["../escaped", "/tmp/escaped", "plan.json", ".work/plan.json", "a/../../b"])
def test_a_list_of_files_that_leaves_the_run_folder_is_refused(azure: Azure, quick: Quick, path: str) -> None:
    assert quick.follow(), (quick.job, quick.said)
    name = f"workspace-blobs/tunegate/{quick.plan.name}/transfer.json"
    azure.blobs.put(name, azure.blobs.content[name].replace(b"progress.jsonl", path.encode()))
    with pytest.raises(TuneGateError) as raised:
        quick.fetch()
    assert raised.value.code == "artifact_corrupt"
    assert not quick.out.exists()


def test_an_onnx_that_does_not_load_is_refused(quick: Quick) -> None:
    (quick.folder / "job" / "model.onnx").write_bytes(b"no graph at all")
    assert quick.follow(), (quick.job, quick.said)
    with pytest.raises(TuneGateError, match="does not load"):
        quick.fetch()


def test_a_cancelled_job_has_ended_there_when_it_is_said_to_have(azure: Azure, quick: Quick) -> None:
    quick.hold()
    following = quick.in_background()
    until(lambda: quick.job.state == "running")
    enter(quick.store, quick.id, "cancelling")
    azure.fail(r"POST .*/cancel", 503, 5)
    quick.cancel()
    assert azure.workspace.jobs[quick.plan.name]["properties"]["status"] == "Canceled"
    enter(quick.store, quick.id, "cancelled")
    following.join(120)


def test_what_costs_more_than_it_may_is_ended_there(azure: Azure, tmp_path: Path) -> None:
    dear = Quick(tmp_path / "dear", usd_per_hour=3600.0, max_usd=0.5)
    dear.hold()
    assert not dear.follow()
    assert dear.job.error is not None
    assert (dear.job.state, dear.job.error.code) == ("failed", "cost_exceeded")
    assert dear.job.cost is not None
    assert dear.job.cost >= 0.5
    assert azure.workspace.jobs[dear.plan.name]["properties"]["status"] == "Canceled"


def test_two_who_follow_one_job_make_one(azure: Azure, quick: Quick) -> None:
    threads = [quick.in_background() for _ in range(2)]
    for thread in threads:
        thread.join(120)
    assert azure.workspace.started == [quick.plan.name]
    assert isinstance(quick.store, Store)


def test_a_job_whose_machines_azure_has_lost_fails_when_its_time_is_over(
    azure: Azure, quick: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick.hold()
    following = quick.in_background()
    until(lambda: quick.job.state == "running")
    monkeypatch.setattr("service.jobs.silence.LOST_SECONDS", 0.5)
    azure.workspace.jobs[azure.job]["properties"]["status"] = "NotResponding"
    until(lambda: quick.job.state == "failed")
    following.join(60)
    assert quick.job.error is not None
    assert "NotResponding" in quick.job.error.detail
    # it is told to end: its machines may cost money still
    assert azure.workspace.jobs[azure.job]["properties"]["status"] in {"CancelRequested", "Canceled"}
    assert any(moment.state == "unknown" for moment in quick.job.timeline)
    quick.let_go()


def test_the_time_of_lost_machines_goes_on_when_the_service_is_started_again(
    azure: Azure, quick: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick.hold()
    assert asyncio.run(Followed(quick.store, quick.id, dict).submitted())
    there = azure.workspace.jobs[azure.job]["properties"]
    until(lambda: there["status"] == "Running")

    async def looked(raw: str) -> bool | None:
        """By a service that was just started."""
        there["status"] = raw
        return await Followed(quick.store, quick.id, dict).look()

    def lost_since() -> str | None:
        kept = quick.store.launches.find(quick.id)
        assert kept is not None
        return kept.lost_since

    assert asyncio.run(looked("NotResponding")) is None
    first = lost_since()
    assert first is not None
    assert asyncio.run(looked("NotResponding")) is None
    assert (lost_since(), quick.job.state) == (first, "unknown")
    # heard again, the time is over, and begins anew with the next silence
    assert asyncio.run(looked("Running")) is None
    assert (lost_since(), quick.job.state) == (None, "running")
    assert asyncio.run(looked("NotResponding")) is None
    assert str(lost_since()) > first
    monkeypatch.setattr("service.jobs.silence.LOST_SECONDS", 0.001)
    assert asyncio.run(looked("NotResponding")) is False
    assert quick.job.error is not None
    assert (quick.job.state, "NotResponding" in quick.job.error.detail) == ("failed", True)
    quick.let_go()


def submitted(target: Target, plan: LaunchPlan) -> bool:
    with suppress(TuneGateError):
        target.submit(plan)
        return True
    return False


def test_a_cluster_that_is_missing_is_made_once_where_that_is_wanted(azure: Azure, quick: Quick) -> None:
    where = quick.plan.manifest["where"] | {"compute": "new-cluster", "make_compute": True}
    job = quick.plan.manifest["job"] | {"compute": "azureml:new-cluster"}
    plan = msgspec.structs.replace(quick.plan, manifest=quick.plan.manifest | {"where": where, "job": job})
    target = target_of(plan)
    azure.fail(r"PUT management.*/computes/", "lost")
    with pytest.raises(TuneGateError, match="is being made"):
        target.submit(plan)
    until(lambda: submitted(target, plan))
    assert set(azure.workspace.clusters) == {"new-cluster"}
    kept = azure.workspace.kept["computes/new-cluster"]["properties"]["properties"]
    assert (kept["scaleSettings"]["minNodeCount"], kept["scaleSettings"]["maxNodeCount"]) == (0, 1)
    assert azure.workspace.started == [plan.name]
