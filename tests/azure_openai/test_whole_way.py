"""A plan goes to Azure OpenAI by the real client from a served service, and its hosted model comes back as an id."""

from __future__ import annotations

import json
from collections.abc import Callable

from loopback import SECRET

from tests.azure_openai.conftest import DESK, OpenAi, Service
from tests.azure_openai.service import KEY


def test_a_job_goes_to_azure_and_a_hosted_model_comes_back(openai: OpenAi, start: Callable[..., Service]) -> None:
    service = start()
    identifier = service.launch(max_cost=5)
    job = service.ended(identifier)
    assert job["state"] == "succeeded", (job, service.log.read_text()[-3000:])
    made = openai.job
    assert {name: value for name, value in job["remote"].items() if value is not None} == {
        "target": "azure-openai", "name": made["id"], "status": "succeeded",
    }  # fmt: skip
    assert job["hosted"]["model"] == made["fine_tuned_model"]
    assert [one["step"] for one in job["hosted"]["checkpoints"]] == [4, 8]
    assert job["hosted"]["metrics"]["train_loss"] == 0.2
    assert job["hosted"]["trained_tokens"] == 60_000
    # 60,000 billed tokens at 2 USD per million
    assert job["cost"] == 0.12
    assert job["progress"] == {"step": 10, "total": 10, "loss": 0.2}
    assert openai.account.wrong == []
    assert openai.unhandled == []
    # the very bytes, once each
    sent = sorted(one["bytes"] for one in openai.account.files.values() if one["purpose"] == "fine-tune")
    assert sent == sorted((DESK / f"{name}.jsonl").stat().st_size for name in ("train", "validation"))
    weights_stay(service, identifier)
    said_nothing_private(openai, service)


def weights_stay(service: Service, identifier: str) -> None:
    for path in ("artifact", "manifest", "artifact/onnx/fp32/model.onnx"):
        answer = service.http.get(f"/v1/jobs/{identifier}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "weights_not_exportable")
    listed = service.http.get(f"/v1/jobs/{identifier}/artifacts").json()
    assert listed["weights"] == "not_exportable"
    assert [one["kind"] for one in listed["items"]] == ["hosted_model", "checkpoint", "checkpoint", "metrics"]
    job = service.job(identifier)
    plan = service.http.get(f"/v1/plans/{job['plan']}").json()
    assert listed["chain"]["plan"] == plan["id"]
    assert listed["chain"]["lint_report"] == plan["lint_report"]
    assert listed["chain"]["job"] == identifier


def said_nothing_private(openai: OpenAi, service: Service) -> None:
    """No key and no row in what was logged or kept; no row in a request but the uploads; nothing of this machine."""
    words = [json.loads(line)["messages"][-1]["content"] for line in (DESK / "train.jsonl").open()][:8]
    log = service.log.read_text()
    kept = b"".join(path.read_bytes() for path in service.home.glob("*.sqlite*"))
    for secret in (SECRET, KEY, *words):
        assert secret not in log
        assert secret.encode() not in kept
    for asked in openai.requests:
        if not (asked.method == "POST" and asked.path.endswith("/files")):
            assert not any(word.encode() in asked.body for word in words)
        assert str(service.home).encode() not in asked.body
        assert not [name for name in asked.headers if name.startswith(("x-stainless-o", "x-stainless-a", "openai-"))]
