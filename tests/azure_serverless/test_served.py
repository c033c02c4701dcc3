"""A served service whose job outlives a kill while it is made; what the project keeps is told, nothing is fetched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from following import Following
from loopback import SECRET

from tests.azure_serverless.conftest import DESK, MODEL, WHERE
from tests.azure_serverless.project import Serverless


def test_a_job_survives_a_kill_while_it_is_made_and_hands_back_a_name(azure: Serverless, tmp_path: Path) -> None:
    settings = WHERE | azure.environment | {"TUNEGATE_PRIVACY": "off", "MSAL_LOGGING": "off"}
    checked = subprocess.run(
        [sys.executable, "-m", "service", "targets", "check", "azure-serverless"],
        env=os.environ | settings | {"TUNEGATE_HOME": str(tmp_path / "none")}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, (checked.stdout, checked.stderr)
    assert "azureml://registries/azureml/models/Phi-4-mini-instruct" in checked.stdout
    (tmp_path / "home").mkdir()
    service = Following(tmp_path / "home", **settings)
    rows = (DESK / "train.jsonl").read_bytes()
    query = {"target": "azure-serverless", "privacy": "off"}
    stored = service.http.post("/v1/datasets", params=query, content=rows).json()["id"]
    body = {
        "dataset_id": stored, "model": MODEL, "target": "azure-serverless", "outputs": {"onnx": []},
        "overrides": [{"code": "no_baseline_evaluation", "reason": "a test"}],
    }  # fmt: skip
    wanted = service.http.post("/v1/plans", json=body | {"outputs": {"onnx": ["fp32"]}})
    assert (wanted.status_code, wanted.json()["code"]) == (422, "target_cannot_produce_onnx")
    plan = service.post("/v1/plans", body)
    azure.fail(r"^PUT .*/jobs/", "held")
    azure.project.hold = True
    identifier = service.launched(plan, "one")
    service.until(identifier, lambda _: bool(azure.project.started))
    assert service.job(identifier)["remote"] is None
    service.kill()
    azure.let_go.set()
    service = Following(tmp_path / "home", **settings)
    try:
        service.until(identifier, lambda job: job["state"] == "running")
        azure.project.let_go.set()
        job = service.ended(identifier)
        assert job["state"] == "succeeded", (job, service.log.read_text()[-3000:])
        [name] = azure.project.started
        assert (job["remote"]["name"], job["cost"]) == (name, None)
        model = f"azureml:tunegate-{name.removeprefix('tg-')}:1"
        assert job["hosted"]["model"] == model
        listed = service.http.get(f"/v1/jobs/{identifier}/artifacts").json()
        assert (listed["weights"], listed["items"]) == ("not_exportable", [{"kind": "hosted_model", "id": model}])
        none = service.http.get(f"/v1/jobs/{identifier}/artifact")
        assert (none.status_code, none.json()["code"]) == (404, "weights_not_exportable")
        refused = service.http.post("/v1/deployments", json={"job_id": identifier})
        assert (refused.status_code, refused.json()["code"]) == (422, "target_cannot")
        assert azure.unhandled == []
        assert azure.project.wrong == []
        row = rows.splitlines()[0][30:80]
        logged = service.log.read_bytes()
        assert SECRET.encode() not in logged
        assert row not in logged
    finally:
        service.stop()
