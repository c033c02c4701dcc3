"""A run folder closes with a manifest that is true, and notices every later change."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import msgspec
import pytest

from service.artifacts.bundle import finish_run, finished_run, require_space, require_usable, verify_run
from service.artifacts.listing import sha256_of
from service.artifacts.zipped import zip_stream
from service.errors import TuneGateError
from service.records.identity import record_id
from trainers.contract import DatasetRef, Hyperparameters, OnnxResult, ParityResult, Result, TrainPlan

PLAN = TrainPlan(
    id="p" * 64,
    decision="d" * 64,
    lint_report="l" * 64,
    estimate=None,
    target="local",
    model="somewhere/base",
    model_fingerprint="f" * 64,
    technique="lora",
    sharding="none",
    dataset=DatasetRef(path="train.jsonl", sha256="s" * 64),
    validation=None,
    hyperparameters=Hyperparameters(base_learning_rate=1e-3, learning_rate=1e-3),
)
PARITY = ParityResult(
    max_abs_logit_diff=1e-6, relative_logit_diff=1e-7, greedy_tokens_compared=128, greedy_tokens_equal=128
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder as the trainer leaves it."""
    out = tmp_path / "run"
    for name in ("adapter/adapter_model.safetensors", "onnx/fp32/model.onnx", "onnx/fp32/tokenizer.json"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(name.encode())
    (out / "plan.json").write_bytes(msgspec.json.encode(PLAN))
    (out / ".work").mkdir()
    (out / ".work" / "plan.json").write_text("this host's paths")
    onnx = OnnxResult(path="onnx/fp32/model.onnx", route="genai-builder", precision="fp32", opset=22, parity=PARITY)
    result = Result(status="succeeded", plan=PLAN.id, onnx=[onnx])
    (out / "result.json").write_bytes(msgspec.json.encode(result))
    return out


def test_every_file_is_listed_with_its_hash_and_kind(run: Path) -> None:
    manifest = finish_run(run, plan=PLAN, job=None)
    listed = {file.path: file for file in manifest.files}
    on_disk = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert set(listed) == on_disk - {"manifest.json"}
    assert all(file.sha256 == sha256_of(run / path) for path, file in listed.items())
    assert {listed[path].kind for path in listed} == {"adapter", "onnx", "tokenizer", "record", "card"}
    assert manifest.chain.plan == PLAN.id
    assert manifest.chain.job is None


def test_the_manifest_id_is_over_its_content(run: Path) -> None:
    manifest = finish_run(run, plan=PLAN, job=None)
    assert manifest.id == record_id(json.loads((run / "manifest.json").read_text()))


def test_a_changed_a_missing_and_a_longer_file_are_all_named(run: Path) -> None:
    finish_run(run, plan=PLAN, job=None)
    model = run / "onnx/fp32/model.onnx"
    model.write_bytes(b"x" * model.stat().st_size)
    (run / "adapter/adapter_model.safetensors").unlink()
    (run / "README.md").write_text("longer" * 1000)
    with pytest.raises(TuneGateError) as raised:
        verify_run(run)
    assert raised.value.code == "artifact_corrupt"
    assert {error.where for error in raised.value.errors} == {
        "onnx/fp32/model.onnx",
        "adapter/adapter_model.safetensors",
        "README.md",
    }


@pytest.mark.parametrize("status", ["failed", "stopped"])
def test_a_run_without_success_gets_no_manifest(run: Path, status: str) -> None:
    (run / "result.json").write_text(json.dumps({"status": status, "plan": PLAN.id}))
    with pytest.raises(TuneGateError) as raised:
        finish_run(run, plan=PLAN, job=None)
    assert raised.value.code == "artifact_not_ready"
    assert not (run / "manifest.json").exists()


def test_the_zip_holds_exactly_the_artifact(run: Path) -> None:
    finish_run(run, plan=PLAN, job=None)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(zip_stream(run))))
    assert archive.testzip() is None
    names = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert set(archive.namelist()) == names
    assert all(archive.read(name) == (run / name).read_bytes() for name in names)


def test_a_folder_with_other_files_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(TuneGateError) as raised:
        require_usable(tmp_path, plan_id="p" * 64)
    assert raised.value.code == "output_exists"
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_a_try_that_was_cut_off_in_its_first_record_is_no_other_run(tmp_path: Path) -> None:
    (tmp_path / ".plan.json.1x2y").write_bytes(b'{"id"')
    require_usable(tmp_path, plan_id=PLAN.id)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(TuneGateError, match="already holds files"):
        require_usable(tmp_path, plan_id=PLAN.id)


def test_an_unfinished_run_goes_on_with_its_own_plan_only(run: Path) -> None:
    require_usable(run, plan_id=PLAN.id)
    with pytest.raises(TuneGateError) as raised:
        require_usable(run, plan_id="q" * 64)
    assert (raised.value.code, raised.value.exit_code) == ("plan_mismatch", 2)
    assert finished_run(run, plan_id=PLAN.id) is None


def test_a_finished_run_is_answered_with_its_manifest_and_never_closed_twice(run: Path) -> None:
    manifest = finish_run(run, plan=PLAN, job=None)
    (run / ".work").mkdir()  # as a kill just after the manifest leaves it
    (run / "result.json").write_text("{}")
    assert finish_run(run, plan=PLAN, job=None) == manifest
    assert not (run / ".work").exists()
    assert finished_run(run, plan_id=PLAN.id) == manifest
    assert finished_run(run, plan_id="q" * 64) is None
    for plan_id in (PLAN.id, "q" * 64):
        with pytest.raises(TuneGateError) as raised:
            require_usable(run, plan_id=plan_id)
        assert raised.value.code == "output_exists"
    (run / "adapter/adapter_model.safetensors").write_bytes(b"other")
    with pytest.raises(TuneGateError) as raised:
        finished_run(run, plan_id=PLAN.id)
    assert raised.value.code == "artifact_corrupt"


def test_too_little_space_is_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(TuneGateError) as raised:
        require_space(tmp_path / "new" / "run", needed_bytes=2**60)
    assert (raised.value.code, raised.value.exit_code) == ("disk_full", 3)
    assert not (tmp_path / "new").exists()
