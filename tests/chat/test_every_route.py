"""Every route by schemathesis with all its checks: ids that are nowhere, and ids of what this service made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Service

API = Path(__file__).resolve().parents[1] / "api"
COMMAND = [
    sys.executable, "-m", "schemathesis.cli", "--config-file", "CONFIG", "run", "--checks", "all", "--seed", "3",
    "--generation-deterministic", "--max-examples", "6", "--request-timeout", "300",
    "--max-response-time", "120", "--no-color", "URL",
]  # fmt: skip
FACTS = {"gap.kind": "behaviour", "eval.exists": True, "data.rows": 500}


def made(service: Service) -> dict[str, str]:
    """Operation -> id: one of everything, and a dataset of its own to be deleted."""
    body = b'{"messages":[{"role":"user","content":"Is it open?"},{"role":"assistant","content":"%s."}]}\n'
    keep, gone = (
        service.post("/v1/datasets", params={"target": "local", "privacy": "off"}, content=body % one)["id"]
        for one in (b"Yes", b"No")
    )
    plan = service.post("/v1/plans", json={"dataset_id": keep, "model": "base", "technique": "full"})["id"]
    estimate = service.post("/v1/estimates", json={"model": "phi-4", "techniques": ["lora"]})["id"]
    decision = service.post("/v1/decisions", json={"facts": FACTS})["id"]
    return {
        "/v1/datasets/{identifier}": keep, "/v1/datasets/{identifier}/report": keep,
        "DELETE /v1/datasets/{identifier}": gone, "/v1/plans/{identifier}": plan,
        "/v1/estimates/{identifier}": estimate, "/v1/decisions/{identifier}": decision,
        "/v1/rules/ids/{identifier}": "R001",
    } | {
        f"/v1/jobs/{{identifier}}{below}": service.job
        for below in ("", "/artifact", "/events", "/logs", "/manifest", "/models", "/cancel", "/chat/completions")
    }  # fmt: skip


@pytest.mark.parametrize("ids", ["of what was made", "nowhere"])
def test_schemathesis_finds_nothing(own_service: Service, tmp_path: Path, ids: str) -> None:
    service = own_service
    config = (API / "schemathesis.toml").read_text()
    for name, identifier in (made(service) if ids != "nowhere" else {}).items():
        method, _, path = name.rpartition(" ")
        methods = [method] if method else ["GET", "POST"]
        config += f"\n[[operations]]\ninclude-path = {json.dumps(path)}\ninclude-method = {json.dumps(methods)}\n"
        config += f'parameters = {{ "path.identifier" = {json.dumps(identifier)} }}\n'
    (tmp_path / "schemathesis.toml").write_text(config)
    parts = {"CONFIG": str(tmp_path / "schemathesis.toml"), "URL": f"{service.url}/schema/openapi.json"}
    environment: dict[str, Any] = os.environ | {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(API)}
    command = [parts.get(one, one) for one in COMMAND]
    if ids != "nowhere":  # where every id is given there is nothing to follow
        command += ["--phases", "examples,coverage,fuzzing"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-1_000:]
    assert " passed" in done.stdout
    assert "Traceback" not in service.log.read_text()
