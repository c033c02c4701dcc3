"""What comes back: the adapter's layer from a registry, verified, or an error that says what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from service.artifacts.bundle import RunInputs, finish_run, prepare_run
from service.errors import TuneGateError
from service.launch.targets.kaito.client import Kaito
from service.launch.targets.target import LaunchPlan
from tests.kaito.conftest import PLAN, WHERE, Ground, launched
from tests.kaito.registry import Registry, layer

CONFIG = json.dumps({"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["o_proj"]}).encode()
HEADER = json.dumps({"base.o_proj.lora_A.weight": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}}).encode()
WEIGHTS = len(HEADER).to_bytes(8, "little") + HEADER + bytes(8)
FILES = {"data/adapter_config.json": CONFIG, "data/adapter_model.safetensors": WEIGHTS}


class Launched(NamedTuple):
    kaito: Kaito
    plan: LaunchPlan
    registry: Registry
    ground: Ground

    def push(self, files: dict[str, bytes], preset: str = "phi-4-mini-instruct") -> str:
        return self.registry.push(f"tuned/desk:{self.plan.name}", layer(files), preset=preset)

    def fetch(self, out: Path) -> None:
        ref = self.kaito.submit(self.plan)
        self.kaito.fetch(ref, out, tick=lambda: None)


@pytest.fixture
def job(ground: Ground, registry: tuple[Registry, str]) -> Launched:
    made, address = registry
    plan = launched(msgspec.structs.replace(WHERE, output_image=f"{address}/tuned/desk"))
    return Launched(Kaito(plan), plan, made, ground)


def test_the_adapter_comes_back_whole_and_the_nodes_are_given_back(job: Launched, tmp_path: Path) -> None:
    job.push(FILES)
    model = tmp_path / "model"
    model.mkdir()
    out = tmp_path / "run"
    inputs = RunInputs(
        plan=PLAN, decision=None, report=None, estimate=None, dataset=tmp_path / "rows", validation=None, model=model
    )
    prepare_run(out, inputs)
    job.fetch(out)
    manifest = finish_run(out, plan=PLAN, job=None)
    assert (out / "adapter" / "adapter_model.safetensors").read_bytes() == WEIGHTS
    assert {one.path for one in manifest.files} >= {"adapter/adapter_config.json", "adapter/adapter_model.safetensors"}
    assert manifest.onnx == []
    assert job.ground.cluster.workspaces() == []
    assert not list(out.rglob("layer"))


def test_the_layer_is_listed_with_its_hash(job: Launched) -> None:
    digest = job.push(FILES)
    (found,) = job.kaito.artifacts(job.kaito.submit(job.plan))
    assert f"sha256:{found.sha256}" == digest


@pytest.mark.parametrize(("files", "preset"), [
    (FILES | {"../escape": b"x"}, "phi-4-mini-instruct"), (FILES | {"data/pickle.bin": b"x"}, "phi-4-mini-instruct"),
    ({"data/adapter_config.json": CONFIG}, "phi-4-mini-instruct"), (FILES, "phi-4"),
    (FILES | {"data/adapter_config.json": b"{}"}, "phi-4-mini-instruct"),
    (FILES | {"data/adapter_config.json": CONFIG.replace(b'"r": 8', b'"r": 9')}, "phi-4-mini-instruct"),
    (FILES | {"data/adapter_model.safetensors": WEIGHTS[:-4]}, "phi-4-mini-instruct"),
])  # fmt: skip
def test_a_poisoned_or_foreign_image_is_refused_and_the_workspace_stays(
    job: Launched, tmp_path: Path, files: dict[str, bytes], preset: str
) -> None:
    job.push(files, preset)
    with pytest.raises(TuneGateError) as caught:
        job.fetch(tmp_path / "run")
    assert caught.value.code == "artifact_corrupt"
    assert not (tmp_path / "run" / "result.json").exists()
    assert len(job.ground.cluster.workspaces()) == 1


def test_a_layer_that_is_not_what_its_digest_says_is_refused(job: Launched, tmp_path: Path) -> None:
    digest = job.push(FILES)
    content = job.registry.blobs[digest]
    job.registry.blobs[digest] = content[:-1] + bytes([content[-1] ^ 1])
    with pytest.raises(TuneGateError) as caught:
        job.fetch(tmp_path / "run")
    assert caught.value.code == "artifact_corrupt"


def test_what_may_pass_is_told_from_what_will_not(
    job: Launched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def code() -> tuple[str, str]:
        with pytest.raises(TuneGateError) as caught:
            job.fetch(tmp_path / "run")
        return caught.value.code, caught.value.remedy

    assert code()[0] == "remote_gone"
    job.push(FILES)
    job.registry.failing = 1
    assert code()[0] == "target_unreachable"
    job.fetch(tmp_path / "run")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "nowhere"))
    refused = code()
    assert refused[0] == "target_refused"
    assert "docker login 127.0.0.1" in refused[1]
