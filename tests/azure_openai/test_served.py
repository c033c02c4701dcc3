"""A served service driven by the command line: killed while it submits, paused, shown, deployed and removed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from loopback import SECRET

from tests.azure_openai.conftest import OpenAi, Service


def tunegate(service: Service, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TUNEGATE_URL": service.url} | more
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments], env=environment, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip


def test_a_job_survives_a_kill_while_it_is_made_is_paused_and_goes_on(
    openai: OpenAi, start: Callable[..., Service]
) -> None:
    service = start()
    openai.account.hold, openai.account.made = "running", service.kill
    identifier = service.launch()
    service.process.wait(60)
    service = start()
    service.until(identifier, lambda job: job["state"] == "running")
    assert len(openai.account.jobs) == 1
    early = service.http.get(f"/v1/jobs/{identifier}/manifest")
    assert (early.status_code, early.json()["code"]) == (409, "artifact_not_ready")
    wrong = tunegate(service, "jobs", "resume", identifier)
    assert (wrong.returncode, "job_state" in wrong.stderr or "Only a paused job" in wrong.stderr) == (1, True)
    paused = tunegate(service, "jobs", "pause", identifier)
    assert paused.returncode == 0, paused.stderr
    service.until(identifier, lambda job: job["state"] == "paused")
    assert openai.job["status"] == "paused"
    again = service.http.post(f"/v1/jobs/{identifier}/pause")
    assert (again.status_code, again.json()["code"]) == (409, "job_state")
    openai.account.hold = None
    assert tunegate(service, "jobs", "resume", identifier).returncode == 0
    job = service.ended(identifier)
    assert job["state"] == "succeeded", (job, service.log.read_text()[-3000:])
    assert len(openai.account.jobs) == 1
    shown = tunegate(service, "jobs", "show", identifier)
    assert shown.returncode == 0, shown.stderr
    for line in (
        f"hosted model {openai.job['fine_tuned_model']}",
        "train_loss 0.2",
        "checkpoint of step 8",
        "0.1200 USD",
    ):
        assert line in shown.stdout
    late = service.http.post(f"/v1/jobs/{identifier}/pause")
    assert (late.status_code, late.json()["code"]) == (409, "job_finished")
    fetched = tunegate(service, "jobs", "artifact", identifier, "-o", str(service.home / "none.zip"))
    assert fetched.returncode == 1
    assert not (service.home / "none.zip").exists()
    deeds = [one["action"] for one in service.http.get("/v1/audit", params={"limit": 500}).json()["items"]]
    assert [one for one in deeds if one.startswith("job.")] == [
        "job.launched",
        "job.overrode",
        "job.paused",
        "job.resumed",
    ]
    assert openai.unhandled == []
    assert openai.account.wrong == []


def test_a_tuned_model_is_deployed_answers_and_is_removed(openai: OpenAi, start: Callable[..., Service]) -> None:
    # an identity, which the resource manager takes alone
    keyed = {"AZURE_OPENAI_API_KEY": ""} | openai.environment
    where = {"TUNEGATE_AZURE_OPENAI_SUBSCRIPTION_ID": "11111111-2222-3333-4444-555555555555",
             "TUNEGATE_AZURE_OPENAI_RESOURCE_GROUP": "rg"}  # fmt: skip
    service = start(**keyed, **where)
    identifier = service.launch()
    assert service.ended(identifier)["state"] == "succeeded", service.log.read_text()[-3000:]
    shown = tunegate(service, "deploy", identifier, "--option", "tier=standard", "--ttl", "2", "--dry-run")
    assert "1.7 USD an hour, at most 3.4 USD until it is removed" in shown.stdout, (shown.stdout, shown.stderr)
    assert openai.manager.made == []
    refused = tunegate(service, "deploy", identifier, "--ttl", "30", "--option", "capacity=0", "--dry-run")
    assert refused.returncode == 2
    assert "ttl_hours" in refused.stderr
    assert "options.capacity" in refused.stderr
    made = tunegate(service, "deploy", identifier, "--yes", "--format", "json")
    assert made.returncode == 0, (made.stderr, service.log.read_text()[-3000:])
    one: dict[str, Any] = json.loads(made.stdout)
    assert one["state"] == "ready"
    assert one["plan"]["usd_per_hour"] == 0
    assert one["smoke"]["seen"] == "a chat completion of 4 tokens"
    [name] = openai.manager.made
    assert openai.manager.kept[name]["sku"] == {"name": "DeveloperTier", "capacity": 50}
    again = service.post("/v1/deployments", {"job_id": identifier})
    assert again["id"] == one["id"]
    assert tunegate(service, "undeploy", one["id"]).returncode == 0
    assert openai.manager.kept == {}
    assert openai.manager.wrong == []
    assert openai.unhandled == []
    assert SECRET not in service.log.read_text()
    assert "words that nobody reads" not in service.log.read_text()


def test_what_a_target_needs_is_checked_with_a_remedy_each(openai: OpenAi) -> None:
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("TUNEGATE_", "AZURE_"))}
    settings |= {"TUNEGATE_AZURE_OPENAI_ENDPOINT": "https://desk.openai.azure.com",
                 "TUNEGATE_AZURE_OPENAI_TRAINING_TYPE": "GlobalStandard"} | openai.keyed  # fmt: skip

    def checked(**more: str) -> tuple[int, dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, "-m", "service", "targets", "check", "azure-openai", "--format", "json"],
            env=settings | more, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        return done.returncode, {one["name"]: one for one in json.loads(done.stdout)["checks"]}

    code, found = checked()
    assert (code, {name: one["verdict"] for name, one in found.items()}) == (
        0,
        {"network": "unknown", "credential": "ok", "jobs": "ok", "files": "ok", "models": "ok", "tunable": "ok"},
    )
    assert "gpt-4.1-2025-04-14" in found["models"]["seen"]
    code, found = checked(AZURE_OPENAI_API_KEY="another")
    assert (code, found["jobs"]["verdict"]) == (1, "failed")
    assert "role" in found["jobs"]["remedy"]
    # past the proxy, where nobody is
    code, found = checked(HTTPS_PROXY="", https_proxy="", TUNEGATE_AZURE_OPENAI_ENDPOINT="http://127.0.0.1:9")
    assert (code, found["network"]["verdict"], found["jobs"]["verdict"]) == (1, "failed", "unknown")
    assert "ConnectionRefusedError" in found["network"]["seen"]
