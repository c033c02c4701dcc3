"""A tuned model is deployed by the command line, answers as OpenAI's service does, and is removed with all it cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from conftest import Azure, Service
from endpoints import KEY


class Trained(NamedTuple):
    """A service with a job that came back from the loopback Azure."""

    azure: Azure
    service: Service
    job: str

    def tunegate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"TUNEGATE_URL": self.service.url}
        return subprocess.run(
            [sys.executable, "-m", "service", *arguments], env=environment, capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[Trained]:
    place = tmp_path_factory.mktemp("deploy")
    (place / "azure").mkdir()
    (place / "home" / "models").mkdir(parents=True)
    (place / "home" / "models" / "base").symlink_to(model)
    azure = Azure(place / "azure")
    service = Service(place / "home", azure)
    try:
        identifier = service.launch()
        job = service.ended(identifier)
        assert job["state"] == "succeeded", (job, service.log.read_text()[-3000:])
        yield Trained(azure, service, identifier)
    finally:
        service.stop()
        azure.close()


def test_the_model_of_a_job_is_registered_with_the_chain_of_ids(trained: Trained) -> None:
    job = trained.service.job(trained.job)
    named = job["remote"]["model"]
    _, name, version = named.split(":")
    kept = trained.azure.workspace.kept[f"models/{name}/versions/{version}"]["properties"]
    manifest = trained.service.http.get(f"/v1/jobs/{trained.job}/manifest").json()
    chain = {key: value for key, value in manifest["chain"].items() if value}
    assert {key: kept["tags"][f"tunegate_{key}"] for key in chain} == chain
    assert kept["tags"]["tunegate_manifest"] == manifest["id"]
    assert kept["modelUri"].endswith(f"/paths/tunegate/{trained.azure.job}/files/")


def test_nothing_is_made_before_its_costs_were_agreed_to(trained: Trained) -> None:
    shown = trained.tunegate("deploy", trained.job, "--max-instances", "3", "--ttl", "2", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "3.673 to 11.019 USD an hour, at most 22.038 USD until it is removed" in shown.stdout
    assert "1 to 3 x Standard_NC24ads_A100_v4" in shown.stdout
    refused = trained.tunegate("deploy", trained.job)
    assert refused.returncode == 2
    assert "Nobody agreed" in refused.stderr
    assert trained.azure.workspace.endpoints.made == []


def test_what_cannot_be_deployed_is_refused_with_everything_that_is_wrong(trained: Trained) -> None:
    options = {"min_instances": "0", "instance_type": "big", "instances": 3}
    answer = trained.service.http.post("/v1/deployments/plan", json={"job_id": trained.job, "options": options})
    assert answer.status_code == 422
    assert [one["where"] for one in answer.json()["errors"]] == ["options.instances"]
    del options["instances"]
    answer = trained.service.http.post("/v1/deployments/plan", json={"job_id": trained.job, "options": options})
    assert {one["where"] for one in answer.json()["errors"]} == {"options.instance_type", "options.min_instances"}


def test_a_model_is_deployed_answers_and_is_removed(trained: Trained) -> None:
    endpoints = trained.azure.workspace.endpoints
    made = trained.tunegate("deploy", trained.job, "--max-instances", "2", "--yes", "--format", "json")
    assert made.returncode == 0, (made.stderr, trained.service.log.read_text()[-3000:])
    one = json.loads(made.stdout)
    name = one["plan"]["name"]
    assert one["state"] == "ready"
    assert one["smoke"]["seen"].startswith("a chat completion of ")
    assert [moment["state"] for moment in one["timeline"]] == ["planned", "creating", "smoke_testing", "ready"]
    assert endpoints.made == [name, f"{name}/tuned"]
    assert endpoints.kept[name]["properties"]["traffic"] == {"tuned": 100}
    assert endpoints.rules[f"tuned-{name}"]["properties"]["profiles"][0]["capacity"]["maximum"] == "2"
    assert _asked(trained, one["url"])["object"] == "chat.completion"
    # the same request while it stands is the same deployment
    again = trained.service.post("/v1/deployments", {"job_id": trained.job, "options": {"max_instances": 2}})
    assert again["id"] == one["id"]
    listed = trained.tunegate("deployments")
    assert one["id"] in listed.stdout
    gone = trained.tunegate("undeploy", one["id"], "--format", "json")
    assert gone.returncode == 0, gone.stderr
    ended = json.loads(gone.stdout)
    assert ended["state"] == "deleted"
    assert ended["cost"] > 0
    assert endpoints.kept == {}
    assert endpoints.rules == {}
    assert trained.azure.unhandled == []
    assert trained.azure.workspace.wrong == []
    kept = b"".join(path.read_bytes() for path in trained.service.home.glob("*.sqlite*"))
    assert KEY.encode() not in kept
    assert KEY not in trained.service.log.read_text()
    assert [entry["action"] for entry in _audit(trained)][-2:] == ["deployment.created", "deployment.deleted"]


def _audit(trained: Trained) -> list[Any]:
    found: list[Any] = trained.service.http.get("/v1/audit", params={"limit": 500}).json()["items"]
    return found


def _asked(trained: Trained, url: str) -> Any:
    """As any client of the endpoint asks it."""
    proxy, authority = trained.azure.environment["HTTPS_PROXY"], trained.azure.environment["SSL_CERT_FILE"]
    with httpx.Client(proxy=proxy, verify=authority, trust_env=False, timeout=120) as client:
        body = {"messages": [{"role": "user", "content": "When do you open?"}], "max_tokens": 4}
        answer = client.post(url, json=body, headers={"Authorization": f"Bearer {KEY}"})
    assert answer.status_code == 200, answer.text
    return answer.json()
