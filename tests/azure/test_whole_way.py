"""A plan for azure-ml goes out by Azure's own SDK, is trained there as a real process, and comes back as ONNX."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import onnxruntime
from conftest import DESK, Azure, Service, Trained
from loopback import SECRET
from workspace import KEY


def test_a_job_goes_to_azure_and_comes_back_as_a_verified_onnx(trained: Trained, tmp_path: Path) -> None:
    azure, service, identifier = trained.azure, trained.service, trained.job
    job = service.job(identifier)
    worker = azure.workspace.workers[azure.job]
    assert job["state"] == "succeeded", (job, worker.output[-3000:], service.log.read_text()[-3000:])
    assert job["remote"] == {
        "target": "azure-ml", "name": azure.job, "status": "Completed", "url": f"https://ml.azure.com/runs/{azure.job}",
        "model": f"azureml:tunegate-base:{azure.job.removeprefix('tg-')}",
        "result": None,
    }  # fmt: skip
    assert job["progress"]["step"] == 4
    assert job["cost"] > 0
    assert [moment["state"] for moment in job["timeline"]][-2:] == ["finalizing", "succeeded"]
    assert azure.unhandled == []
    assert azure.workspace.wrong == []
    zipped = zipfile.ZipFile(io.BytesIO(service.http.get(f"/v1/jobs/{identifier}/artifact").content))
    manifest = json.loads(zipped.read("manifest.json"))
    assert manifest["chain"]["job"] == identifier
    for file in manifest["files"]:
        assert hashlib.sha256(zipped.read(file["path"])).hexdigest() == file["sha256"]
    zipped.extractall(tmp_path)  # its weights lie beside it
    onnxruntime.InferenceSession(tmp_path / "onnx" / "fp32" / "model.onnx")
    said_nothing_private(azure, service)


def said_nothing_private(azure: Azure, service: Service) -> None:
    """No secret and no row in what was logged or recorded; no row in a request but the upload of the data."""
    words = [json.loads(line)["messages"][-1]["content"] for line in (DESK / "train.jsonl").open()][:8]
    log = service.log.read_text()
    kept = b"".join(path.read_bytes() for path in service.home.glob("*.sqlite*"))
    for secret in (SECRET, KEY, "loopback-signature", *words):
        assert secret not in log
        assert secret.encode() not in kept
    for asked in azure.requests:
        if not asked.host.endswith(".blob.core.windows.net"):
            assert not any(word.encode() in asked.body for word in words)
        assert str(service.home).encode() not in asked.body or asked.host.endswith(".blob.core.windows.net")
