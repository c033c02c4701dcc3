"""One Workspace per launch, whatever breaks: submit, poll, cancel against a server that enforces KAITO's rules."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace as Pod

import msgspec
import pytest

from service.errors import TuneGateError
from service.jobs import remote
from service.launch.targets.kaito.states import failed_status
from service.records.job import Job
from service.store.database import migrate, open_engine
from service.store.store import Store
from tests.kaito.cluster import Cluster
from tests.kaito.conftest import PLAN, Ground, launched, reaches, until
from trainers.contract import Outputs

WORKSPACES, CONFIGS = "/workspaces", "/configmaps"
SUBMIT = """
import sys, msgspec
from service.launch.targets.kaito.client import Kaito
from service.launch.targets.target import LaunchPlan
plan = msgspec.json.decode(open(sys.argv[1], "rb").read(), type=LaunchPlan)
print(Kaito(plan).submit(plan).name, flush=True)
"""


def test_a_submit_makes_config_map_then_workspace_and_ties_them(ground: Ground) -> None:
    kaito, plan = ground.kaito()
    ref = kaito.submit(plan)
    asked = [(method, path.partition("?")[0].rpartition("/")[2]) for method, path in ground.cluster.requests]
    assert [one for one in asked if one[0] == "POST"] == [("POST", "configmaps"), ("POST", "workspaces")]
    (workspace,) = ground.cluster.workspaces()
    config = ground.cluster.objects["configmaps", "tuning", ref.name]
    assert config["metadata"]["ownerReferences"][0]["uid"] == workspace["metadata"]["uid"]
    assert workspace["metadata"]["annotations"]["tunegate.io/request-sha256"] == plan.request_sha256
    assert "fieldValidation=Strict" in next(path for method, path in ground.cluster.requests if method == "POST")


def test_the_same_plan_attaches_and_another_launch_is_another_workspace(ground: Ground) -> None:
    kaito, plan = ground.kaito()
    assert kaito.submit(plan).name == kaito.submit(plan).name
    other, other_plan = ground.kaito("job-2")
    other.submit(other_plan)
    assert len(ground.cluster.workspaces()) == 2


def test_a_workspace_of_another_request_is_never_taken_nor_deleted(ground: Ground) -> None:
    kaito, plan = ground.kaito()
    ref = kaito.submit(plan)
    ground.cluster.workspaces()[0]["metadata"]["annotations"] = {"tunegate.io/request-sha256": "other"}
    for call in (lambda: kaito.submit(plan), lambda: kaito.cancel(ref)):
        with pytest.raises(TuneGateError) as caught:
            call()
        assert caught.value.code == "remote_taken"
    assert len(ground.cluster.workspaces()) == 1


@pytest.mark.parametrize(("part", "status"), [
    (CONFIGS, 503), (WORKSPACES, 429), (WORKSPACES, 500), (CONFIGS, 0), (WORKSPACES, 0),
])  # fmt: skip
def test_after_a_failure_or_a_lost_answer_the_next_submit_goes_on(ground: Ground, part: str, status: int) -> None:
    kaito, plan = ground.kaito()
    ground.cluster.fail("POST", part, status)
    with pytest.raises(TuneGateError) as caught:
        kaito.submit(plan)
    assert caught.value.code == "target_unreachable"
    kaito.submit(plan)
    assert len(ground.cluster.workspaces()) == 1
    assert ground.cluster.objects["configmaps", "tuning", plan.name]["metadata"]["ownerReferences"]


def test_a_process_killed_between_create_and_its_own_note_attaches_afterwards(ground: Ground, tmp_path: Path) -> None:
    kaito, plan = ground.kaito()
    (tmp_path / "plan.json").write_bytes(msgspec.json.encode(plan))
    command = [sys.executable, "-c", SUBMIT, str(tmp_path / "plan.json")]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        until(lambda: bool(ground.cluster.workspaces()))
        process.send_signal(signal.SIGKILL)
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert again.stdout.strip() == plan.name
    assert kaito.find(plan) is not None
    assert len(ground.cluster.workspaces()) == 1


def test_states_follow_the_watch_and_one_watch_serves_every_job(ground: Ground) -> None:
    kaito, plan = ground.kaito()
    other, other_plan = ground.kaito("job-2")
    kaito.submit(plan)
    other.submit(other_plan)
    assert reaches(kaito, plan, "queued").raw == "Pending"
    ground.cluster.status(plan.name, "Pending", ResourceReady=("False", "waiting"))
    reaches(kaito, plan, "preparing")
    ground.cluster.status(plan.name, "Running", ResourceReady=("True", "ready"))
    reaches(kaito, plan, "running")
    ground.cluster.status(other_plan.name, "Succeeded")
    reaches(other, other_plan, "succeeded")
    ground.cluster.status(plan.name, "Dancing")
    assert reaches(kaito, plan, "unknown").raw == "Dancing"
    assert ground.cluster.counted("WATCH", WORKSPACES) == 1


def test_a_cut_watch_resumes_and_an_expired_one_lists_again(ground: Ground) -> None:
    kaito, plan = ground.kaito()
    kaito.submit(plan)
    reaches(kaito, plan, "queued")
    until(lambda: ground.cluster.counted("WATCH", WORKSPACES) == 1)
    lists = ground.cluster.counted("GET", f"{WORKSPACES}?")
    ground.cluster.cut_watches = 1
    until(lambda: ground.cluster.counted("WATCH", WORKSPACES) == 2)
    ground.cluster.status(plan.name, "Running")
    reaches(kaito, plan, "running")
    assert ground.cluster.counted("GET", f"{WORKSPACES}?") == lists
    ground.cluster.expire()
    ground.cluster.cut_watches = 1
    ground.cluster.status(plan.name, "Succeeded")
    reaches(kaito, plan, "succeeded")


def test_a_cluster_that_does_not_answer_is_no_failure_of_the_job(ground: Ground) -> None:
    kaito, plan = ground.kaito()
    ref = kaito.submit(plan)
    ground.cluster.fail("GET", WORKSPACES, 503)
    with pytest.raises(TuneGateError) as caught:
        kaito.poll(ref)
    assert caught.value.code == "target_unreachable"
    until(lambda: _answers(kaito, ref))


def _answers(kaito: object, ref: object) -> bool:
    try:
        return bool(kaito.poll(ref).state == "queued")  # type: ignore[attr-defined]
    except TuneGateError:
        return False


def test_a_workspace_deleted_behind_our_back_is_gone(ground: Ground) -> None:
    kaito, plan = ground.kaito()
    ref = kaito.submit(plan)
    reaches(kaito, plan, "queued")
    ground.cluster.remove(plan.name)
    with pytest.raises(TuneGateError) as caught:
        until(lambda: kaito.poll(ref) is None)
    assert caught.value.code == "deleted_externally"


def test_a_cancel_deletes_both_and_waits_for_the_finalizer(ground: Ground) -> None:
    kaito, plan = ground.kaito()
    ref = kaito.submit(plan)
    ground.cluster.finalizer = True
    kaito.cancel(ref)
    reaches(kaito, plan, "cancelling")
    assert ("configmaps", "tuning", plan.name) not in ground.cluster.objects
    kaito.cancel(ref)
    ground.cluster.remove(plan.name)
    kaito.cancel(ref)
    assert kaito.find(plan) is None


def job(**status: object) -> dict[str, object]:
    return {"apiVersion": "batch/v1", "kind": "Job", "status": status}


def test_failed_is_explained_from_the_pods_and_never_from_their_logs(ground: Ground, cluster: Cluster) -> None:
    kaito, plan = ground.kaito()
    kaito.submit(plan)
    cluster.put("jobs", plan.name, job(failed=1, conditions=[
        {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]))  # fmt: skip
    ended = {"exitCode": 137, "reason": "OOMKilled", "message": "row text: my name is Anna"}
    container = {"name": plan.name, "image": "i", "imageID": "i", "ready": False, "restartCount": 0}
    cluster.put("pods", "pod-1", {"status": {"containerStatuses": [container | {"state": {"terminated": ended}}]}})
    cluster.status(plan.name, "Failed", WorkspaceSucceeded=("False", "tuningFailed"))
    status = reaches(kaito, plan, "failed")
    assert status.error is not None
    assert "OOMKilled with exit code 137" in status.error.detail
    assert "BackoffLimitExceeded" in status.error.detail
    assert "Anna" not in status.error.detail + status.error.remedy
    assert f"kubectl delete workspace {plan.name} -n tuning" in status.error.remedy


@pytest.mark.parametrize(("status", "state"), [
    ({"failed": 1, "active": 1, "succeeded": None, "conditions": []}, "running"),
    ({"failed": 1, "active": 0, "succeeded": 1, "conditions": []}, "succeeded"),
    ({"failed": 7, "active": 0, "succeeded": 0, "conditions": []}, "failed"),
])  # fmt: skip
def test_a_sticky_failed_is_held_against_the_job(status: dict[str, object], state: str) -> None:
    found = failed_status({"metadata": {}, "status": {"state": "Failed"}}, Pod(status=Pod(**status)), [], free="x")
    assert found.state == state
    assert found.raw.startswith("Failed")


def test_what_could_not_be_exported_here_is_refused_before_anything_is_made(ground: Ground, tmp_path: Path) -> None:
    plan = launched(plan=msgspec.structs.replace(PLAN, outputs=Outputs(onnx=["fp32"])))
    assert {"torch", "onnx", "bitsandbytes"} <= set(plan.libraries)
    plan = msgspec.structs.replace(plan, libraries=["onnx", "no_such_library"])
    engine = open_engine(f"sqlite:///{tmp_path / 'tunegate.sqlite'}")
    migrate(engine)
    store = Store(engine)
    job = Job(id="00000000-0000-0000-0000-000000000001", plan=plan.manifest["plan"], state="queued")
    store.add_job(job, None, launch=msgspec.json.encode(plan))
    assert not asyncio.run(remote.follow(store, job.id, dict))
    ended = store.job(job.id)
    assert ended.error is not None
    assert (ended.state, ended.error.code) == ("failed", "missing_extra")
    assert "no_such_library" in ended.error.detail
    assert ground.cluster.requests == []
