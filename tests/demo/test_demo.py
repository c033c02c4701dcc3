"""The demo as a newcomer runs it: the whole path once, then killed and interrupted in the middle."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest


def start(out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "service", "demo", "-o", str(out)]
    # a test run in the background ignores SIGINT, and a child would inherit that
    heed = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, preexec_fn=heed)


def left_running(out: Path) -> list[int]:
    """Processes that belong to this demo, by their command line or environment."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ", "status"]):
        words = " ".join(process.info["cmdline"] or []) + str((process.info["environ"] or {}).get("TUNEGATE_HOME"))
        if str(out) in words and process.pid != os.getpid() and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


def until_gone(out: Path) -> list[int]:
    deadline = time.monotonic() + 120
    while left_running(out) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left_running(out)


def until_said(process: subprocess.Popen[str], pattern: str) -> str:
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if re.search(pattern, line):
            return said
    raise AssertionError(said)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "demo-output"


@pytest.fixture(scope="module")
def finished(out: Path) -> tuple[str, Path]:
    process = start(out)
    _, said = process.communicate(timeout=900)
    assert process.returncode == 0, said
    return said, out / "artifact"


def read(artifact: Path, name: str) -> Any:
    return json.loads((artifact / name).read_text())


def test_every_step_is_shown(finished: tuple[str, Path]) -> None:
    said, _ = finished
    for step in ("no answer yet", "verdict pass", "verdict fail", "BLOCKED lint_errors", "409 plan_blocked"):
        assert step in said
    for step in ("technique = lora", "target = local", "== baseline", "== export", "128 of 128", "after (artifact"):
        assert step in said
    assert re.search(r"step \d+/\d+ +loss \d", said)


def test_the_house_style_is_learned(finished: tuple[str, Path]) -> None:
    evaluation = read(finished[1], "manifest.json")["evaluation"]
    assert evaluation["before"]["checks"]["house_style"] < 0.2
    assert evaluation["after"]["checks"]["house_style"] >= 0.8
    assert evaluation["after"]["validation_loss"] < evaluation["before"]["validation_loss"]


def test_the_gate_passes_with_every_difference_shown(finished: tuple[str, Path]) -> None:
    said, artifact = finished
    held = read(artifact, "manifest.json")["evaluation"]["comparison"]
    job = read(artifact, "job.json")
    assert (held["gate"], job["gate"], job["gate_why"]) == ("passed", "passed", held["why"])
    assert held["why"].startswith("The candidate is better: row_loss -")
    verdicts = {one["measure"]: one["verdict"] for one in held["differences"]}
    assert (verdicts["row_loss"], verdicts["check house_style"]) == ("better", "better")
    assert f"gate passed: {held['why']}" in said
    assert held["why"] in (artifact / "README.md").read_text()


def test_the_chain_of_ids_holds(finished: tuple[str, Path]) -> None:
    _, artifact = finished
    chain = read(artifact, "manifest.json")["chain"]
    for record in ("decision", "lint-report", "estimate", "plan", "job"):
        assert read(artifact, f"{record}.json")["id"] == chain[record.replace("-", "_")]
    plan = read(artifact, "plan.json")
    assert (plan["decision"], plan["lint_report"], plan["estimate"]) == tuple(
        chain[name] for name in ("decision", "lint_report", "estimate")
    )


def test_every_file_matches_the_manifest_and_none_is_unlisted(finished: tuple[str, Path]) -> None:
    _, artifact = finished
    listed = {file["path"]: file for file in read(artifact, "manifest.json")["files"]}
    present = {path.relative_to(artifact).as_posix() for path in artifact.rglob("*") if path.is_file()}
    assert present == {*listed, "manifest.json"}
    for path, file in listed.items():
        assert hashlib.sha256((artifact / path).read_bytes()).hexdigest() == file["sha256"]
        assert (artifact / path).stat().st_size == file["bytes"]


ALONE = """
import json, sys
import numpy as np, onnxruntime, tokenizers
folder = sys.argv[1]
session = onnxruntime.InferenceSession(folder + "/model.onnx")
config = json.load(open(folder + "/genai_config.json"))["model"]
tokenizer = tokenizers.Tokenizer.from_file(folder + "/tokenizer.json")
turns = [("system", sys.argv[2]), ("user", "Can I renew a novel?")]
prompt = "".join("<|" + role + "|>\\n" + text + "<|end|>\\n" for role, text in turns) + "<|assistant|>\\n"
ids = tokenizer.encode(prompt).ids
past = {i.name: np.zeros((1, i.shape[1], 0, config["decoder"]["head_size"]), np.float32)
        for i in session.get_inputs() if i.name.startswith("past")}
names, answer, new = [o.name for o in session.get_outputs()], [], ids
while len(answer) < 96:
    feed = {"input_ids": np.array([new], np.int64), "attention_mask": np.ones((1, len(ids) + len(answer)), np.int64)}
    values = dict(zip(names, session.run(None, feed | past)))
    token = int(values["logits"][0, -1].argmax())
    if token == config["eos_token_id"]:
        break
    answer.append(token)
    new, past = [token], {name: values[name.replace("past_key_values", "present")] for name in past}
assert not [name for name in sys.modules if name.split(".")[0] in {"torch", "transformers", "trainers", "service"}]
print(tokenizer.decode(answer))
"""


def test_the_onnx_file_answers_without_any_of_our_code(finished: tuple[str, Path]) -> None:
    _, artifact = finished
    system = "You are the information desk of Fernhill Library. Answer every question in the house style."
    command = [sys.executable, "-c", ALONE, str(artifact / "onnx" / "fp32"), system]
    done = subprocess.run(command, capture_output=True, text=True, cwd=artifact)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Fernhill Library desk.\nAnswer: ")


def test_no_training_text_is_in_the_service_log(finished: tuple[str, Path], out: Path) -> None:
    log = (out / "home" / "service.log").read_text()
    assert "Fernhill Library desk" not in log


def test_nothing_is_left_running(finished: tuple[str, Path], out: Path) -> None:
    assert until_gone(out) == []


def test_ctrl_c_leaves_nothing_running(finished: tuple[str, Path], out: Path) -> None:
    process = start(out)
    until_said(process, r"step 2/")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=90)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert until_gone(out) == []


def test_a_killed_service_ends_the_demo_with_exit_1(finished: tuple[str, Path], out: Path) -> None:
    process = start(out)
    until_said(process, r"step 2/")
    (service,) = [p for p in psutil.Process(process.pid).children() if "serve" in p.cmdline()]
    service.kill()
    _, said = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "Traceback" not in said
    assert until_gone(out) == []


def test_a_killed_demo_takes_its_service_and_trainer_along(finished: tuple[str, Path], out: Path) -> None:
    process = start(out)
    until_said(process, r"step 2/")
    process.kill()
    process.communicate(timeout=120)
    assert until_gone(out) == []
