"""tunegate export on a real run folder: other precisions, what is missing or changed, and the card's own code."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from service.cli.app import run

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
MARKER = "quokka"
Export = Callable[..., tuple[int, Any]]


def write_rows(path: Path, numbers: range) -> Path:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"What about the {MARKER} {n}?"},
                {"role": "assistant", "content": f"The {MARKER} {n} is here."},
            ]
        }
        for n in numbers
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a tiny Phi-3, its data, and a finished run on them."""
    here = tmp_path_factory.mktemp("export")
    make_model(here / "base")
    (here / "base" / "README.md").write_text("---\nlanguage: en\nlicense: apache-2.0\n---\n# base\n")
    train, held_out = write_rows(here / "train.jsonl", range(20)), write_rows(here / "held-out.jsonl", range(40, 48))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNEGATE_HOME", str(here / "home"))
        patch.setenv("OMP_NUM_THREADS", "1")
        arguments = ["--model", str(here / "base"), "--data", str(train), "--validation", str(held_out)]
        fast = ["--technique", "lora", "--epochs", "1", "--max-new-tokens", "4"]
        lifted = ["--override", "lint_errors=tiny", "--override", "pii_findings=tiny"]
        assert run(["train", *arguments, *fast, *lifted, "-o", str(here / "run")]) == 0
        yield here


def make_model(folder: Path) -> None:
    """A random Phi-3 with the example's tokenizer, made in a process of its own to keep this one small.

    One large weight in every block of 32 leaves int4 too few steps for the others; int8 has enough.
    """
    code = f"""
import sys; sys.path.insert(0, {str(DESK)!r})
import make_base_model as maker
maker.VOCABULARY = 330
tokenizer = maker.train_tokenizer(["What about the {MARKER}? The {MARKER} is here."] * 9)
import torch; torch.manual_seed(0)
from transformers import Phi3Config, Phi3ForCausalLM
config = Phi3Config(
    vocab_size=len(tokenizer), hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=256, original_max_position_embeddings=256,
    pad_token_id=tokenizer.pad_token_id, bos_token_id=None, eos_token_id=tokenizer.eos_token_id,
)
model = Phi3ForCausalLM(config)
for name, weight in model.named_parameters():
    if weight.ndim == 2 and "embed" not in name:
        weight.data[:, ::32] *= 10
model.save_pretrained({str(folder)!r})
tokenizer.save_pretrained({str(folder)!r})
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.fixture
def export(place: Path, capsys: pytest.CaptureFixture[str]) -> Export:
    """(exit code, problem) of an export that is refused."""

    def call(folder: Path, out: Path, *arguments: str) -> tuple[int, Any]:
        code = run(["export", str(folder), "-o", str(out), *arguments, "--format", "json"])
        return code, json.loads(capsys.readouterr().err)

    return call


@pytest.fixture(scope="module")
def exported(place: Path) -> tuple[Path, Any]:
    """The run once more, as int8, with everything moved away from where the plan says."""
    moved = place / "moved"
    moved.mkdir()
    shutil.copytree(place / "base", moved / "elsewhere")
    shutil.copy(place / "held-out.jsonl", moved / "rows.jsonl")
    out, record = place / "again", place / "manifest-of-export.json"
    where = ["--model", str(moved / "elsewhere"), "--data", str(moved / "rows.jsonl")]
    code = run(
        ["export", str(place / "run"), "--precision", "int8", *where, "-o", str(out),
         "--format", "json", "--output", str(record)]
    )  # fmt: skip
    assert code == 0
    return out, json.loads(record.read_text())


def test_another_precision_is_built_from_the_run_and_proven(place: Path, exported: tuple[Path, Any]) -> None:
    out, manifest = exported
    source = json.loads((place / "run" / "manifest.json").read_text())
    assert manifest == json.loads((out / "manifest.json").read_text())
    assert [one["precision"] for one in manifest["onnx"]] == ["int8"]
    assert manifest["onnx"][0]["quality"]["split"] == "validation"
    assert manifest["onnx"][0]["latency"]["threads"] == 1
    assert manifest["made_from"] == source["id"]
    assert manifest["chain"] == source["chain"]
    assert manifest["evaluation"] == source["evaluation"]
    assert manifest["base_model"]["fingerprint"] == source["base_model"]["fingerprint"]
    listed = {one["path"] for one in manifest["files"]}
    assert listed == {
        path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file() and path.name != "manifest.json"
    }
    assert "adapter/adapter_model.safetensors" in listed
    assert not any("elsewhere" in path.read_text(errors="replace") for path in out.rglob("*.json"))
    assert MARKER not in (out / "README.md").read_text() + (out / "progress.jsonl").read_text()


def test_a_precision_that_misses_its_limits_is_left_out_and_the_exit_code_says_so(place: Path, tmp_path: Path) -> None:
    record = tmp_path / "manifest.json"
    told = ["--format", "json", "--output", str(record)]
    assert run(["export", str(place / "run"), "--precision", "int4", "-o", str(tmp_path / "out"), *told]) == 1
    manifest = json.loads(record.read_text())
    (left,) = manifest["onnx_left_out"]
    assert (left["precision"], left["next"]) == ("int4", "int8")
    assert "relative logit difference" in left["why"], left
    # nothing was left to hand over, so the next precision was built in its place
    assert [one["precision"] for one in manifest["onnx"]] == ["int8"]
    assert [path.name for path in (tmp_path / "out" / "onnx").iterdir()] == ["int8"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_it_leaves_neither_files_nor_processes(place: Path, tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-m", "service", "export", str(place / "run"), "-o", str(tmp_path / "out")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    progress = tmp_path / f".out.{process.pid}" / "progress.jsonl"
    deadline = time.monotonic() + 120
    while not progress.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    started = psutil.Process(process.pid).children(recursive=True)
    assert started
    process.send_signal(number)
    _, said = process.communicate(timeout=150)
    assert process.returncode == 130
    assert "interrupted" in said or "Stopped" in said
    _, alive = psutil.wait_procs(started, timeout=60)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
    assert list(tmp_path.iterdir()) == []


def test_a_used_output_is_left_alone(place: Path, exported: tuple[Path, Any], export: Export) -> None:
    before = {path: path.stat().st_mtime_ns for path in exported[0].rglob("*")}
    code, problem = export(place / "run", exported[0])
    assert (code, problem["code"]) == (2, "output_exists")
    assert {path: path.stat().st_mtime_ns for path in exported[0].rglob("*")} == before


def test_a_folder_that_is_no_finished_run_is_refused(place: Path, export: Export, tmp_path: Path) -> None:
    for folder in (place / "base", tmp_path / "nothing"):
        code, problem = export(folder, tmp_path / "out")
        assert (code, problem["code"]) == (1, "artifact_not_ready")
    assert list(tmp_path.iterdir()) == []


def test_everything_that_is_missing_or_changed_is_said_at_once(place: Path, export: Export, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(place / "base", changed)
    (changed / "generation_config.json").write_text("{}")
    where = ["--model", str(changed), "--data", str(place / "base" / "config.json")]
    code, problem = export(place / "run", tmp_path / "out", *where)
    assert (code, problem["code"]) == (2, "plan_mismatch")
    assert [one["where"] for one in problem["errors"]] == ["base model", "rows to prove on"]
    assert "--model FOLDER" in problem["errors"][0]["remedy"]
    assert not (tmp_path / "out").exists()


def test_a_run_folder_that_was_touched_is_refused(place: Path, export: Export, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(place / "run", copy)
    (copy / "adapter" / "adapter_config.json").write_text("{}")
    code, problem = export(copy, tmp_path / "out")
    assert (code, problem["code"]) == (1, "artifact_corrupt")
    assert problem["errors"][0]["where"] == "adapter/adapter_config.json"


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        (["--precision", "fp16"], "target_cannot", "fp16: provider cuda or dml"),
        (["--precision", "int4", "--precision", "fp32", "--provider", "dml"], "target_cannot", "fp32: provider cpu"),
        (["--precision", "int5", "--provider", "gpu"], "usage", "2 option(s)"),
    ],
)
def test_what_cannot_run_is_refused_before_any_work(
    arguments: list[str], kind: str, said: str, place: Path, export: Export, tmp_path: Path
) -> None:
    code, problem = export(place / "run", tmp_path / "out", *arguments)
    assert (code, problem["code"]) == (2, kind)
    assert said in problem["detail"]
    assert list(tmp_path.iterdir()) == []


def test_the_card_has_the_front_matter_of_the_hub(place: Path) -> None:
    _, matter, text = (place / "run" / "README.md").read_text().split("---\n", 2)
    values = yaml.safe_load(matter)
    assert values["license"] == "apache-2.0"
    assert values["base_model"] == "base"
    assert values["pipeline_tag"] == "text-generation"
    assert set(values["tags"]) >= {"onnx", "onnxruntime-genai", "lora"}
    assert values["datasets"][0].startswith("sha256:")
    assert str(place) not in text
    for section in ("Intended use", "Training data", "Evaluation", "ONNX files", "Load", "Chain of records"):
        assert f"\n## {section}\n" in text
    assert "| train rows | 20 |" in text


def test_the_card_s_code_runs_and_both_engines_answer_alike(place: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (place / "run" / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    answers = []
    for code in blocks:
        # as text they may differ by the end token, and by how half a character is shown
        tokens = "\nprint([int(token) for token in answer])"
        done = subprocess.run(
            [sys.executable, "-c", code + tokens], cwd=place / "run", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        answers.append(json.loads(done.stdout.splitlines()[-1]))
    end = json.loads((place / "run" / "onnx" / "fp32" / "genai_config.json").read_text())["model"]["eos_token_id"]
    assert answers[0]
    assert answers[0] == [token for token in answers[1] if token != end]
