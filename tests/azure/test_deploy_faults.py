"""What goes wrong while a model is deployed: nothing is made twice, nothing is left standing, and states are honest."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from conftest import Azure
from endpoints import Canned
from quick import PLAN, Quick

from service.clock import later, now
from service.jobs.remote_job import Followed
from service.jobs.standing import Standing, enter
from service.launch.targets.azure_ml.endpoint_plan import endpoint_order
from service.launch.targets.azure_ml.plan import Machine
from service.launch.targets.deployable import DeploymentOrder, DeployRequest
from service.records.access import Deed
from service.records.deployment import Deployment, DeploymentMoment

IMAGE = f"registry.azurecr.io/tunegate-model@sha256:{'b' * 64}"
ANSWER = json.dumps({"choices": [{"index": 0}], "usage": {"completion_tokens": 3}}).encode()
MOST_TURNS = 40


class Deployed:
    """A deployment that is carried out turn by turn, each by a service that was just started."""

    def __init__(self, folder: Path, azure: Azure) -> None:
        self.quick = Quick(folder)
        assert self.quick.follow()
        followed = Followed(self.quick.store, self.quick.id)
        (folder / "run").mkdir()
        (folder / "run" / "manifest.json").write_text("{}")
        self.model = followed.target.register(followed.plan, followed.ref(), folder / "run", {})  # type: ignore[attr-defined]
        azure.workspace.endpoints.container = lambda _: Canned(ANSWER)
        outputs = msgspec.structs.replace(PLAN.outputs, onnx=["fp32"])
        request = DeployRequest(
            job=self.quick.id, plan=msgspec.structs.replace(PLAN, outputs=outputs), launched=followed.plan,
            ref=followed.ref(), artifact=Path, options={"max_instances": 2}, ttl_hours=1.0,
        )  # fmt: skip
        order = endpoint_order(request, Machine(id="Standard_X", gpus=1, usd_per_hour=3.6), serving_image=IMAGE)
        self.order = msgspec.json.decode(msgspec.json.encode(order), type=DeploymentOrder)
        self.id = str(uuid.uuid4())
        made = Deployment(
            id=self.id, plan=order.plan, state="planned", expires_at=later(3600),
            timeline=[DeploymentMoment("planned", now())],
        )  # fmt: skip
        self.quick.store.deployments.add(made, msgspec.json.encode(order), None, Deed("test", "deployment.created"))

    @property
    def one(self) -> Deployment:
        return self.quick.store.deployments.get(self.id)

    def state(self) -> str:
        return self.one.state

    @property
    def name(self) -> str:
        return self.order.plan.name

    def stand(self) -> None:
        """Until it is ready, or not wanted any more."""
        for _ in range(MOST_TURNS):
            if not Standing(self.quick.store, self.id).turn() or self.one.state == "ready":
                return
        raise AssertionError(self.one)

    def remove(self) -> None:
        for _ in range(MOST_TURNS):
            if Standing(self.quick.store, self.id).removed():
                return
        raise AssertionError(self.one)


@pytest.fixture
def deployed(azure: Azure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    for name, value in azure.environment.items():
        monkeypatch.setenv(name, value)
    yield Deployed(tmp_path / "quick", azure)
    assert azure.unhandled == []
    assert azure.workspace.wrong == []


def test_every_call_may_fail_or_lose_its_answer_and_all_is_made_once(azure: Azure, deployed: Deployed) -> None:
    place = r"management.*/onlineEndpoints/"
    for pattern in (rf"PUT {place}tg-[0-9a-f]+\?", rf"PUT {place}.*/deployments/tuned", r"PUT .*autoscalesettings"):
        azure.fail(pattern, "lost")
        azure.fail(pattern, 503, times=2)
    azure.fail(rf"GET {place}", "cut", times=3)
    azure.fail(r"inference\.ml\.azure\.com", 503)
    deployed.stand()
    endpoints = azure.workspace.endpoints
    assert deployed.state() == "ready"
    assert endpoints.made == [deployed.name, f"{deployed.name}/tuned"]
    azure.fail(rf"DELETE {place}", "lost")
    enter(deployed.quick.store, deployed.id, "deleting")
    deployed.remove()
    assert deployed.state() == "deleted"
    assert (endpoints.kept, endpoints.rules) == ({}, {})
    assert deployed.one.billed_from is not None
    assert deployed.one.billed_until is not None


def test_the_model_is_registered_once_and_another_of_its_name_is_not_ours(azure: Azure, deployed: Deployed) -> None:
    followed = Followed(deployed.quick.store, deployed.quick.id)
    again = followed.target.register(followed.plan, followed.ref(), deployed.quick.out, {})  # type: ignore[attr-defined]
    assert again == deployed.model
    puts = [one for one in azure.requests if one.method == "PUT" and "/models/" in one.path]
    assert len(puts) == 1


def test_a_model_that_was_removed_from_the_list_is_entered_again_where_its_files_lie(
    azure: Azure, deployed: Deployed
) -> None:
    name, version = deployed.model.removeprefix("azureml:").split(":")
    place = f"models/{name}/versions/{version}"
    before = azure.workspace.kept.pop(place)["properties"]
    deployed.stand()
    after = azure.workspace.kept[place]["properties"]
    assert deployed.state() == "ready"
    assert after["modelUri"] == before["modelUri"]
    assert after["tags"] == before["tags"] | {"tunegate_job": deployed.quick.id}


def test_a_model_whose_files_are_gone_too_is_not_deployed(azure: Azure, deployed: Deployed) -> None:
    name, version = deployed.model.removeprefix("azureml:").split(":")
    del azure.workspace.kept[f"models/{name}/versions/{version}"]
    azure.workspace.delete(azure.job)
    deployed.stand()
    deployed.remove()
    assert deployed.one.error is not None
    assert (deployed.one.error.code, name in deployed.one.error.detail) == ("remote_gone", True)
    assert azure.workspace.endpoints.made == []


def test_what_does_not_come_up_is_removed_before_it_is_said_to_have_failed(azure: Azure, deployed: Deployed) -> None:
    azure.workspace.endpoints.container = lambda _: Canned()
    deployed.stand()
    assert deployed.state() == "deleting"
    deployed.remove()
    assert deployed.state() == "failed"
    assert deployed.one.error is not None
    assert deployed.one.error.code == "deployment_failed"
    assert azure.workspace.endpoints.kept == {}


def test_a_model_that_answers_nonsense_fails_its_smoke_test(azure: Azure, deployed: Deployed) -> None:
    azure.workspace.endpoints.container = lambda _: Canned(b'{"said": "nonsense"}')
    standing = Standing(deployed.quick.store, deployed.id)
    while standing.turn():
        assert deployed.one.state != "ready"
    deployed.remove()
    assert deployed.one.error is not None
    assert deployed.one.error.code == "smoke_failed"
    assert "nonsense" not in deployed.one.error.detail
    assert azure.workspace.endpoints.kept == {}


def test_a_deployment_ends_when_its_time_is_over(azure: Azure, deployed: Deployed) -> None:
    deployed.stand()
    over = now()
    deployed.quick.store.deployments.update(deployed.id, lambda one: msgspec.structs.replace(one, expires_at=over))
    assert not Standing(deployed.quick.store, deployed.id).turn()
    deployed.remove()
    assert deployed.state() == "deleted"
    assert azure.workspace.endpoints.kept == {}


def test_one_that_was_removed_there_is_said_to_be_gone(azure: Azure, deployed: Deployed) -> None:
    deployed.stand()
    azure.workspace.endpoints.kept.clear()
    assert not Standing(deployed.quick.store, deployed.id).turn()
    assert deployed.state() == "failed"
    assert deployed.one.error is not None
    assert deployed.one.error.code == "remote_gone"


def test_an_endpoint_of_somebody_else_is_never_touched(azure: Azure, deployed: Deployed) -> None:
    endpoints = azure.workspace.endpoints
    theirs = {"authMode": "Key", "provisioningState": "Succeeded", "traffic": {}, "properties": {}}
    endpoints.kept[deployed.name] = azure.workspace.stored(f"onlineEndpoints/{deployed.name}", theirs)
    endpoints.kept[deployed.name] |= {"location": "eastus", "tags": {"owner": "somebody"}}
    deployed.stand()
    assert deployed.state() == "deleting"
    deployed.remove()
    assert deployed.state() == "failed"
    assert deployed.one.error is not None
    assert deployed.one.error.code == "remote_taken"
    assert deployed.name in endpoints.kept
    assert endpoints.made == []


def test_while_azure_does_not_answer_the_state_is_unknown(azure: Azure, deployed: Deployed) -> None:
    deployed.stand()
    azure.fail(r"GET management.*/onlineEndpoints/", 503, times=1000)
    standing = Standing(deployed.quick.store, deployed.id)
    for _ in range(3):
        assert standing.turn()
    assert deployed.state() == "unknown"
    azure.faults.clear()
    assert standing.turn()
    assert deployed.state() == "ready"
