"""The adapter of a job in a serving Workspace, against a server that enforces KAITO's rules for one."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml

from service.errors import TuneGateError
from service.launch.targets.deployable import DeploymentOrder, DeployRequest
from service.launch.targets.kaito.serving import Serving
from service.launch.targets.kaito.serving_plan import machine_of, objects, serving_order, serving_refused
from service.launch.targets.target import RemoteRef
from tests.kaito.cluster import SCHEMA, Cluster
from tests.kaito.conftest import MACHINE, PLAN, Ground, cluster_of, launched
from tests.kaito.webhook import denied
from trainers.contract import Adapter

READY = {"ResourceReady": ("True", "ready"), "InferenceReady": ("True", "WorkspaceInferenceStatusSuccess")}


def order(*, rank: int = 8, **options: Any) -> DeploymentOrder:
    values = msgspec.structs.replace(PLAN.hyperparameters, adapter=Adapter(r=rank, alpha=16))
    plan = msgspec.structs.replace(PLAN, hyperparameters=values)
    made = launched(plan=plan)
    request = DeployRequest(
        job="job-1", plan=plan, launched=made, ref=RemoteRef(target="kaito", name=made.name, submitted_at="now"),
        artifact=Path, options=options, ttl_hours=2.0,
    )  # fmt: skip
    machine = msgspec.structs.replace(MACHINE, id=machine_of(request))
    return serving_order(request, machine)


@pytest.fixture
def serving(ground: Ground) -> Serving:
    return Serving(cluster_of(ground.where))


@pytest.mark.parametrize("rank", [8, 16, 24, 64])
def test_admission_and_schema_take_it_with_a_configuration_where_the_rank_needs_one(rank: int) -> None:
    workspace, config = objects(order(rank=rank))
    jsonschema.Draft202012Validator(SCHEMA).validate(workspace)
    assert denied(copy.deepcopy(workspace), config) == ""
    assert (config is None) == (rank <= 16)
    if config is not None:
        limit = yaml.safe_load(config["data"]["inference_config.yaml"])["vllm"]["max-lora-rank"]
        assert int(limit) == {24: 32, 64: 64}[rank]
    [adapter] = workspace["inference"]["adapters"]
    assert adapter["source"]["image"].startswith("registry.quokkas.org/tuned/desk:tg-")
    assert adapter["source"]["imagePullSecrets"] == ["push"]


@pytest.mark.parametrize(("path", "value"), [
    (("inference", "adapters", 0, "strength"), "0.5"), (("inference", "preset"), {}), (("inference", "config"), "lost"),
    (("resource", "instanceType"), ""),
])  # fmt: skip
def test_what_admission_denies_is_refused_before(path: tuple[Any, ...], value: object) -> None:
    workspace, config = objects(order())
    *parents, last = path
    content: Any = workspace
    for part in parents:
        content = content[part]
    content[last] = value
    assert serving_refused(workspace, config)
    assert denied(copy.deepcopy(workspace), config)


@pytest.mark.parametrize(("path", "value"), [
    (("adapters", 0, "source", "image"), "Not/An Image"), (("adapters", 0, "source", "name"), "No_Name"),
    (("adapters", 0, "source", "urls"), ["https://rows.quokkas.org/a"]), (("adaptors",), []),
])  # fmt: skip
def test_what_admission_looks_at_on_updates_alone_is_refused_too(path: tuple[Any, ...], value: object) -> None:
    workspace, config = objects(order())
    *parents, last = path
    content: Any = workspace["inference"]
    for part in parents:
        content = content[part]
    content[last] = value
    assert serving_refused(workspace, config)


def test_the_plan_says_what_is_made_and_what_it_costs() -> None:
    plan = order(instance_type="Standard_NC48ads_A100_v4").plan
    assert (plan.machine, plan.min_instances, plan.max_instances) == ("Standard_NC48ads_A100_v4", 1, 1)
    assert plan.most_usd == pytest.approx(2 * 3.673)
    assert any("phi-4-mini-instruct with adapter registry.quokkas.org/tuned/desk:tg-" in line for line in plan.makes)
    assert order().plan.id == order().plan.id


def test_every_unusable_option_is_told_at_once() -> None:
    with pytest.raises(TuneGateError) as caught:
        order(min_instances="0", max_instances=3, pull_secret="No Secret")
    assert {one.where.rpartition(".")[2] for one in caught.value.errors} == {
        "min_instances", "max_instances", "pull_secret",
    }  # fmt: skip
    assert caught.value.code == "invalid_input"


def test_it_is_made_once_asked_by_its_adapter_s_name_and_deleted(serving: Serving, cluster: Cluster) -> None:
    wanted = order(rank=64)
    for status in (500, 0):
        cluster.fail("POST", "/workspaces", status)
        with pytest.raises(TuneGateError):
            serving.create(wanted)
    made = serving.create(wanted)
    assert (made.state, made.billed) == ("creating", False)
    assert len(cluster.workspaces()) == 1
    assert cluster.objects["configmaps", "tuning", wanted.plan.name]["metadata"]["ownerReferences"]
    cluster.status(wanted.plan.name, "Pending", ResourceReady=("False", "waiting"))
    waits = serving.create(wanted)
    assert (waits.state, waits.billed, waits.raw) == ("creating", True, "Pending; ResourceReady: waiting")
    with pytest.raises(TuneGateError) as caught:
        serving.smoke(wanted)
    assert caught.value.code in {"smoke_failed", "target_unreachable"}
    cluster.status(wanted.plan.name, "Ready", **READY)
    assert serving.create(wanted).state == "ready"
    assert serving.smoke(wanted) == "a chat completion of 2 tokens"
    cluster.finalizer = True
    serving.delete(wanted)
    left = serving.look(wanted)
    assert left is not None
    assert left.state == "deleting"
    cluster.remove(wanted.plan.name)
    assert serving.look(wanted) is None
    assert cluster.counted("POST", "/workspaces") == 2


def test_a_base_model_that_answers_without_its_adapter_is_no_success(serving: Serving, cluster: Cluster) -> None:
    wanted = order()
    serving.create(wanted)
    cluster.status(wanted.plan.name, "Ready", **READY)
    cluster.loads_adapters = False
    with pytest.raises(TuneGateError) as caught:
        serving.smoke(wanted)
    assert caught.value.code == "smoke_failed"


def test_what_keeps_it_is_told_from_its_pods_and_never_in_their_words(serving: Serving, cluster: Cluster) -> None:
    wanted = order()
    serving.create(wanted)
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "row text: my name is Anna"}}
    container = {"name": "puller", "image": "i", "imageID": "i", "ready": False, "restartCount": 0, "state": waiting}
    cluster.put("pods", "pod", {"status": {"initContainerStatuses": [container]}})
    cluster.status(wanted.plan.name, "NotReady", InferenceReady=("False", "WorkspaceInferenceStatusPending"))
    found = serving.look(wanted)
    assert found is not None
    assert "container puller: ImagePullBackOff" in found.raw
    assert "Anna" not in json.dumps(msgspec.to_builtins(found))


def test_one_of_another_request_is_never_taken_nor_deleted(serving: Serving, cluster: Cluster) -> None:
    wanted = order()
    serving.create(wanted)
    cluster.workspaces()[0]["metadata"]["annotations"] = {"tunegate.io/request-sha256": "other"}
    for call in (serving.create, serving.delete):
        with pytest.raises(TuneGateError) as caught:
            call(wanted)
        assert caught.value.code == "remote_taken"
    assert len(cluster.workspaces()) == 1
