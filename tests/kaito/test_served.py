"""The whole way through a served tunegate: plan, Workspace, watch, adapter, ONNX; and what breaks in between."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import onnxruntime
import pytest
from tiny_model import make_tiny

from tests.kaito.cluster import Cluster
from tests.kaito.desk import PRESET, REPOSITORY, Desk, Kaito
from tests.kaito.registry import Registry

Start = Callable[..., Desk]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model under the name of the preset."""
    folder = tmp_path_factory.mktemp("bases") / PRESET
    make_tiny(folder)
    return folder


@pytest.fixture
def kaito(cluster: Cluster, registry: tuple[Registry, str], base: Path, tmp_path: Path) -> Kaito:
    return Kaito(cluster, registry[0], base, tmp_path)


@pytest.fixture
def start(kaito: Kaito, registry: tuple[Registry, str], base: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts the service, and again after it was killed; what runs at the end is stopped."""
    made: list[Desk] = []
    (tmp_path / "home" / "models").mkdir(parents=True)
    (tmp_path / "home" / "models" / PRESET).symlink_to(base)
    settings = {
        "TUNEGATE_KAITO_INSTANCE_TYPE": "Standard_NC24ads_A100_v4", "TUNEGATE_KAITO_NAMESPACE": "tuning",
        "TUNEGATE_KAITO_INPUT_URL": "https://rows.quokkas.org/{sha256}.jsonl",
        "TUNEGATE_KAITO_OUTPUT_IMAGE": f"{registry[1]}/{REPOSITORY}", "TUNEGATE_KAITO_OUTPUT_PUSH_SECRET": "push",
        "TUNEGATE_KAITO_POLL_SECONDS": "0.2", "TUNEGATE_PRIVACY": "off",
    }  # fmt: skip

    def begin(**more: str) -> Desk:
        made.append(Desk(tmp_path / "home", **(settings | more)))
        return made[-1]

    yield begin
    if made and made[-1].process.poll() is None:
        made[-1].stop()


def test_an_adapter_comes_back_and_is_exported_here(start: Start, kaito: Kaito, tmp_path: Path) -> None:
    service = start(TUNEGATE_KAITO_ONNX="here")
    identifier = service.launch("one", outputs={"onnx": ["fp32"]})
    name = service.named(identifier)
    kaito.cluster.status(name, "Pending", ResourceReady=("False", "waiting"))
    service.until(identifier, lambda job: job["state"] == "preparing")
    kaito.cluster.status(name, "Running", ResourceReady=("True", "ready"))
    service.until(identifier, lambda job: job["state"] == "running")
    kaito.succeed(name)
    job = service.ended(identifier)
    assert job["state"] == "succeeded", (job["error"], service.log.read_text()[-3000:])
    assert job["cost"] > 0
    assert job["remote"]["result"]["kind"] == "peft-adapter"
    assert job["remote"]["result"]["onnx"] == {"reason": None, "available": True}
    assert kaito.cluster.workspaces() == []
    zipped = zipfile.ZipFile(io.BytesIO(service.http.get(f"/v1/jobs/{identifier}/artifact").content))
    manifest = json.loads(zipped.read("manifest.json"))
    for file in manifest["files"]:
        assert hashlib.sha256(zipped.read(file["path"])).hexdigest() == file["sha256"]
    [model] = manifest["onnx"]
    assert model["verified"]
    assert model["parity"]["greedy_tokens_equal"] == model["parity"]["greedy_tokens_compared"] > 0
    zipped.extractall(tmp_path / "out")
    onnxruntime.InferenceSession(tmp_path / "out" / model["path"])
