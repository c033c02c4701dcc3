"""The whole way through a served tunegate: plan, Workspace, watch, adapter, ONNX; and what breaks in between."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
from tiny_model import make_tiny

from service.artifacts.bundle import read_manifest
from service.cli.app import run
from service.launch.local import trainer_alive
from tests.kaito.conftest import until
from tests.kaito.desk import PRESET, Desk, Place, place, rows

Start = Callable[..., Desk]
WORKSPACES = "/workspaces"
ADAPTER_ONLY = {"reason": "adapter_only", "available": False}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model under the name of the preset."""
    folder = tmp_path_factory.mktemp("bases") / PRESET
    make_tiny(folder)
    return folder


@pytest.fixture(scope="module")
def ground(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("ground"), base) as made:
        yield made


@pytest.fixture(scope="module")
def desk(ground: Place) -> Iterator[Desk]:
    """One service for all that needs none of its own."""
    running = Desk(ground.home, **ground.settings)
    yield running
    running.stop()


@pytest.fixture
def own(base: Path, tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path, base) as made:
        yield made


@pytest.fixture
def start(own: Place) -> Iterator[Start]:
    """Starts the service, and again after it was killed; what runs at the end is stopped."""
    made: list[Desk] = []

    def begin(**more: str) -> Desk:
        made.append(Desk(own.home, **(own.settings | more)))
        return made[-1]

    yield begin
    if made and made[-1].process.poll() is None:
        made[-1].stop()


def fetched(service: Desk, identifier: str, out: Path) -> Any:
    """The artifact as the client gets it, its manifest, once every hash in it was compared."""
    zipped = zipfile.ZipFile(io.BytesIO(service.http.get(f"/v1/jobs/{identifier}/artifact").content))
    manifest = json.loads(zipped.read("manifest.json"))
    for file in manifest["files"]:
        assert hashlib.sha256(zipped.read(file["path"])).hexdigest() == file["sha256"]
    zipped.extractall(out)
    return manifest


def test_an_adapter_is_exported_here_and_a_kill_in_between_repeats_nothing(
    start: Start, own: Place, tmp_path: Path
) -> None:
    service = start(TUNEGATE_KAITO_ONNX="here")
    identifier = service.launch("one", outputs={"onnx": ["fp32"]})
    name = service.named(identifier)
    own.cluster.status(name, "Pending", ResourceReady=("False", "waiting"))
    service.until(identifier, lambda job: job["state"] == "preparing")
    own.cluster.status(name, "Running", ResourceReady=("True", "ready"))
    service.until(identifier, lambda job: job["state"] == "running")
    own.kaito.succeed(name)
    service.until(identifier, lambda job: job["step"] in {"merge", "export", "parity"})
    service.kill()
    service = start(TUNEGATE_KAITO_ONNX="here")
    job = service.ended(identifier)
    assert job["state"] == "succeeded", (job["error"], service.log.read_text()[-3000:])
    assert job["cost"] > 0
    assert job["remote"]["result"]["kind"] == "peft-adapter"
    assert job["remote"]["result"]["onnx"] == {"reason": None, "available": True}
    assert own.cluster.workspaces() == []
    manifest = fetched(service, identifier, tmp_path / "out")
    [model] = manifest["onnx"]
    assert model["verified"]
    assert model["parity"]["greedy_tokens_equal"] == model["parity"]["greedy_tokens_compared"] > 0
    onnxruntime.InferenceSession(tmp_path / "out" / model["path"])
    said = service.http.get(f"/v1/jobs/{identifier}/logs").text
    assert said.count("submitted to kaito") == 1
    assert "KAITO trains on its own copy" in said


def test_a_cancel_ends_an_export_and_leaves_no_process(start: Start, own: Place) -> None:
    service = start(TUNEGATE_KAITO_ONNX="here")
    identifier = service.launch("one", outputs={"onnx": ["fp32"]})
    own.kaito.succeed(service.named(identifier))
    out = own.home / "runs" / identifier
    service.until(identifier, lambda _: trainer_alive(out))
    service.post(f"/v1/jobs/{identifier}/cancel")
    assert service.ended(identifier)["state"] == "cancelled"
    assert not trainer_alive(out)


@pytest.fixture(scope="module")
def tuned(desk: Desk, ground: Place) -> str:
    """A job whose adapter came back."""
    identifier = desk.launch("alone")
    ground.kaito.succeed(desk.named(identifier))
    assert desk.ended(identifier)["state"] == "succeeded"
    return identifier


def test_an_adapter_that_came_back_alone_is_exported_by_hand(
    desk: Desk, ground: Place, tuned: str, base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = desk.job(tuned)
    assert job["remote"]["result"]["onnx"] == ADAPTER_ONLY
    assert job["remote"]["result"]["id"].endswith(f"/tuned/desk:{job['remote']['name']}")
    assert ("workspaces", "tuning", job["remote"]["name"]) not in ground.cluster.objects
    manifest = fetched(desk, tuned, tmp_path / "run")
    assert manifest["onnx"] == []
    assert {file["path"] for file in manifest["files"] if file["kind"] == "adapter"} == {
        "adapter/adapter_config.json", "adapter/adapter_model.safetensors",
    }  # fmt: skip
    listed = desk.http.get(f"/v1/jobs/{tuned}/artifacts").json()
    assert {item["path"] for item in listed["items"] if "path" in item} == {file["path"] for file in manifest["files"]}
    assert [item for item in listed["items"] if "id" in item] == [
        {"kind": "peft-adapter", "id": job["remote"]["result"]["id"]}
    ]
    (tmp_path / "rows.jsonl").write_bytes(rows())
    given = ["--model", str(base), "--data", str(tmp_path / "rows.jsonl")]
    assert run(["export", str(tmp_path / "run"), "-o", str(tmp_path / "onnx"), *given]) == 0, capsys.readouterr()
    [model] = read_manifest(tmp_path / "onnx").onnx
    assert model.verified


def test_an_adapter_is_served_by_kaito_once_its_costs_were_shown_and_removed(
    desk: Desk, ground: Place, tuned: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TUNEGATE_URL", desk.url)
    assert run(["deploy", tuned, "--ttl", "2", "--dry-run"]) == 0
    assert "3.673 USD an hour, at most 7.346 USD" in capsys.readouterr().out
    assert not [one for one in ground.cluster.workspaces() if "inference" in one]
    made = desk.post("/v1/deployments", {"job_id": tuned, "ttl_hours": 2})
    name = made["plan"]["name"]
    until(lambda: ("workspaces", "tuning", name) in ground.cluster.objects)
    ready = {"ResourceReady": ("True", "ready"), "InferenceReady": ("True", "ready")}
    ground.cluster.status(name, "Ready", **ready)
    until(lambda: desk.http.get(f"/v1/deployments/{made['id']}").json()["state"] == "ready")
    one = desk.http.get(f"/v1/deployments/{made['id']}").json()
    assert one["smoke"]["seen"] == "a chat completion of 2 tokens"
    assert one["url"] == f"http://{name}.tuning/v1/chat/completions"
    assert run(["undeploy", made["id"]]) == 0
    assert ("workspaces", "tuning", name) not in ground.cluster.objects
    assert desk.http.get(f"/v1/deployments/{made['id']}").json()["cost"] is not None


def test_onnx_is_refused_where_nobody_would_make_it(desk: Desk) -> None:
    with pytest.raises(AssertionError, match="target_cannot_produce_onnx"):
        desk.plan(outputs={"onnx": ["fp32"]})


def test_a_cancel_deletes_and_waits_until_the_nodes_are_given_back(desk: Desk, ground: Place) -> None:
    identifier = desk.launch("cancelled")
    name = desk.named(identifier)
    ground.cluster.status(name, "Running", ResourceReady=("True", "ready"))
    desk.until(identifier, lambda job: job["state"] == "running")
    ground.cluster.finalizer = True
    desk.post(f"/v1/jobs/{identifier}/cancel")
    until(lambda: "deletionTimestamp" in ground.cluster.objects["workspaces", "tuning", name]["metadata"])
    assert desk.job(identifier)["state"] == "cancelling"
    ground.cluster.finalizer = False
    ground.cluster.remove(name)
    assert desk.ended(identifier)["state"] == "cancelled"
    assert ("configmaps", "tuning", name) not in ground.cluster.objects


def test_a_workspace_that_somebody_else_deleted_has_failed(desk: Desk, ground: Place) -> None:
    identifier = desk.launch("deleted")
    ground.cluster.remove(desk.named(identifier))
    job = desk.ended(identifier)
    assert (job["state"], job["error"]["code"]) == ("failed", "deleted_externally")


def test_a_failure_is_told_from_the_pod_and_never_in_its_words(desk: Desk, ground: Place) -> None:
    identifier = desk.launch("failed")
    name = desk.named(identifier)
    conditions = [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]
    status = {"failed": 1, "conditions": conditions}
    ground.cluster.put("jobs", name, {"apiVersion": "batch/v1", "kind": "Job", "status": status})
    ended = {"exitCode": 137, "reason": "OOMKilled", "message": "row text: my name is Anna"}
    container = {"name": name, "image": "i", "imageID": "i", "ready": False, "restartCount": 0}
    ground.cluster.put("pods", "pod", {"status": {"containerStatuses": [container | {"state": {"terminated": ended}}]}})
    ground.cluster.status(name, "Failed", WorkspaceSucceeded=("False", "tuningFailed"))
    job = desk.ended(identifier)
    assert (job["state"], job["error"]["code"]) == ("failed", "job_failed")
    assert "OOMKilled with exit code 137" in job["error"]["detail"]
    assert f"kubectl delete workspace {name} -n tuning" in job["error"]["remedy"]
    assert "Anna" not in json.dumps(job) + desk.log.read_text()


def test_a_cluster_that_does_not_answer_is_waited_out(desk: Desk, ground: Place) -> None:
    identifier = desk.launch("unanswered")
    name = desk.named(identifier)
    ground.cluster.status(name, "Running", ResourceReady=("True", "ready"))
    desk.until(identifier, lambda job: job["state"] == "running")
    watches = ground.cluster.counted("WATCH", WORKSPACES)
    ground.cluster.cut_watches = 1
    until(lambda: ground.cluster.counted("WATCH", WORKSPACES) > watches)
    ground.cluster.expire()
    ground.cluster.fail("WATCH", WORKSPACES, 429)
    for status in (429, 500, 503):
        ground.cluster.fail("GET", WORKSPACES, status)
    ground.cluster.cut_watches = 1
    desk.until(identifier, lambda job: job["state"] == "unknown")
    desk.until(identifier, lambda job: job["state"] == "running")
    ground.kaito.succeed(name)
    job = desk.ended(identifier)
    assert job["state"] == "succeeded", job
    ground.cluster.faults.clear()


def test_what_costs_more_than_it_may_is_deleted_there(desk: Desk, ground: Place) -> None:
    identifier = desk.launch("dear", max_cost=0.003)
    name = desk.named(identifier)
    ground.cluster.status(name, "Running", ResourceReady=("True", "ready"))
    job = desk.ended(identifier)
    assert (job["state"], job["error"]["code"]) == ("failed", "cost_exceeded")
    assert job["cost"] >= 0.003
    assert ("workspaces", "tuning", name) not in ground.cluster.objects


def test_a_service_killed_between_create_and_save_and_again_in_the_watch_makes_one_workspace(
    start: Start, own: Place
) -> None:
    own.cluster.hold("POST", WORKSPACES)
    service = start()
    identifier = service.launch("killed")
    until(lambda: bool(own.cluster.workspaces()))
    assert service.job(identifier)["remote"] is None
    service.kill()
    own.cluster.faults.clear()
    own.cluster.let_go.set()
    service = start()
    name = service.named(identifier)
    own.cluster.status(name, "Running", ResourceReady=("True", "ready"))
    service.until(identifier, lambda job: job["state"] == "running")
    service.kill()
    own.kaito.succeed(name)
    job = start().ended(identifier)
    assert job["state"] == "succeeded", job
    assert own.cluster.counted("POST", WORKSPACES) == 1
