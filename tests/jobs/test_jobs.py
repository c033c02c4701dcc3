"""Jobs of a real service process: followed, cancelled, killed, restarted."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from served import Served

from service.jobs.resuming import MOST_STARTS_IN_VAIN

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
MAKER = [sys.executable, str(DESK / "make_base_model.py")]
LONG = {"n_epochs": 50}


class Service(Served):
    """A service whose jobs are launched, followed and looked at."""

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        answer = self.http.post(path, json=body, **options)
        assert answer.is_success, answer.text
        return answer.json()

    def job(self, identifier: str) -> Any:
        return self.http.get(f"/v1/jobs/{identifier}").json()

    def launch(self, **hyperparameters: Any) -> str:
        """A job on eight training rows."""
        data = b"\n".join((DESK / "train.jsonl").read_bytes().splitlines()[:8]) + b"\n"
        dataset = self.http.post("/v1/datasets", params={"target": "local"}, content=data).json()
        held = b"\n".join((DESK / "validation.jsonl").read_bytes().splitlines()[:8]) + b"\n"
        validation = self.http.post("/v1/datasets", params={"target": "local"}, content=held).json()
        body = {
            "dataset_id": dataset["id"], "validation_dataset_id": validation["id"], "model": "base",
            "technique": "lora", "hyperparameters": {"batch_size": 2, "n_epochs": 1} | hyperparameters,
            "evaluation": {"max_rows": 8, "max_new_tokens": 4},
        }  # fmt: skip
        return str(self.post("/v1/jobs", {"plan_id": self.post("/v1/plans", body)["id"]})["id"])

    def until(self, identifier: str, *states: str, steps: int = 0, seconds: float = 150) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job = self.job(identifier)
            if job["state"] in states and job["progress"]["step"] >= steps:
                return job
            assert job["state"] not in {"failed", "succeeded", "cancelled"}, job
            time.sleep(0.1)
        raise AssertionError(self.job(identifier))

    def events(self, identifier: str, after: int = 0) -> list[tuple[int, str, Any]]:
        found, fields = [], {}
        headers = {"Last-Event-ID": str(after)}
        with self.http.stream("GET", f"/v1/jobs/{identifier}/events", headers=headers, timeout=200) as answer:
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                fields[name] = value
                if not line and "data" in fields:
                    found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
                    fields = {}
        return found

    def trainer_pid(self, identifier: str) -> int:
        """The trainer that was started last, which may have ended since."""
        record = self.home / "runs" / identifier / ".work" / "trainer-process.json"
        return int(json.loads(record.read_text())["pid"])

    def trainer(self, identifier: str) -> psutil.Process:
        return psutil.Process(self.trainer_pid(identifier))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    subprocess.run([*MAKER, str(home / "models" / "base"), "--steps", "2"], check=True, capture_output=True)
    return home


@pytest.fixture(scope="module")
def service(home: Path) -> Iterator[Service]:
    running = Service(home, "--stop-jobs")
    yield running
    running.stop()


def gone(process: psutil.Process) -> bool:
    psutil.wait_procs([process], timeout=60)
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_job_runs_to_a_verified_artifact(service: Service) -> None:
    job = service.launch()
    assert service.http.get(f"/v1/jobs/{job}/artifact").status_code == 409
    events = service.events(job)
    assert [n for n, _, _ in events] == list(range(1, len(events) + 1))
    assert events[-1][1:] == ("end", {"state": "succeeded"})
    assert [data["step"] for _, event, data in events if event == "step"] == [1, 2, 3, 4]
    assert service.events(job, after=5) == events[5:]
    ended = service.job(job)
    assert [moment["state"] for moment in ended["timeline"]] == [
        "queued", "preparing", "running", "finalizing", "succeeded",
    ]  # fmt: skip
    assert (ended["gate"], ended["progress"]["step"], ended["progress"]["total"]) == ("passed", 4, 4)
    manifest = service.http.get(f"/v1/jobs/{job}/manifest").json()
    held = manifest["evaluation"]["comparison"]
    assert (held["gate"], held["why"]) == ("passed", ended["gate_why"])
    assert f"gate passed: {held['why']}" in service.http.get(f"/v1/jobs/{job}/logs").text
    archive = zipfile.ZipFile(io.BytesIO(service.http.get(f"/v1/jobs/{job}/artifact").content))
    for file in manifest["files"]:
        assert hashlib.sha256(archive.read(file["path"])).hexdigest() == file["sha256"]
    assert (manifest["chain"]["job"], manifest["chain"]["plan"]) == (job, ended["plan"])
    assert service.http.get(f"/v1/jobs/{job}/artifact/onnx/fp32/model.onnx").is_success
    for path in ("..%2f..%2ftunegate.sqlite", ".work/plan.json", "nothing"):
        assert service.http.get(f"/v1/jobs/{job}/artifact/{path}").status_code == 404
    assert "loss" in service.http.get(f"/v1/jobs/{job}/logs").text
    assert service.http.post(f"/v1/jobs/{job}/cancel").json()["code"] == "job_finished"
    _shown_with_its_choices(service, job)
    _gone_on_from(service, job, manifest)


def _gone_on_from(service: Service, job: str, manifest: Any) -> None:
    """A plan names a finished job, takes over what that one decided, and a job of it trains on."""
    stored = service.http.get(f"/v1/plans/{manifest['chain']['plan']}").json()
    body = {
        "dataset_id": stored["dataset"]["id"], "validation_dataset_id": stored["validation"]["id"],
        "outputs": {"onnx": []}, "evaluation": {"max_rows": 8, "max_new_tokens": 4},
        "hyperparameters": {"n_epochs": 1, "seed": 1},
    }  # fmt: skip
    refused = service.http.post("/v1/plans", json=body | {"starts_from": job, "technique": "dora"})
    assert (refused.status_code, refused.json()["errors"][0]["where"]) == (422, "technique")
    assert service.http.post("/v1/plans", json=body | {"starts_from": "nothing"}).status_code == 404
    assert service.http.post("/v1/plans", json=body).json()["errors"][0]["where"] == "model"
    plan = service.post("/v1/plans", body | {"starts_from": job})
    assert (plan["starts_from"]["job"], plan["starts_from"]["manifest"]) == (job, manifest["id"])
    assert (plan["technique"], plan["model"]) == ("lora", "base")
    second = service.post("/v1/jobs", {"plan_id": plan["id"]})["id"]
    service.until(second, "succeeded")
    made = service.http.get(f"/v1/jobs/{second}/manifest").json()
    assert made["chain"]["starts_from"] == manifest["id"]
    before, left = made["evaluation"]["before"], manifest["evaluation"]["after"]
    assert before["validation_loss"] == pytest.approx(left["validation_loss"], abs=1e-4)


def _shown_with_its_choices(service: Service, job: str) -> None:
    """`jobs show` says what the plan chose by itself, and why; as JSON it is the job alone."""
    command = [sys.executable, "-m", "service", "jobs", "show", job]
    environment = os.environ | {"TUNEGATE_URL": service.url}
    shown = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    plan = service.http.get(f"/v1/plans/{service.job(job)['plan']}").json()
    assert f"seed {plan['hyperparameters']['seed']}: generated" in shown
    for choice in plan["choices"]:
        assert f"{choice['name']} " in shown
        assert choice["why"] in shown
    assert "n_epochs" not in shown
    record = subprocess.run([*command, "--format", "json"], env=environment, check=True, capture_output=True).stdout
    assert json.loads(record) == service.job(job)


def test_the_same_key_is_the_same_job(service: Service) -> None:
    first = service.launch(**LONG)
    body = {"plan_id": service.job(first)["plan"]}
    one, two = (service.post("/v1/jobs", body, headers={"Idempotency-Key": "k1"})["id"] for _ in range(2))
    assert one == two != first
    for job in (first, one):
        service.post(f"/v1/jobs/{job}/cancel")
        service.until(job, "cancelled")


def test_cancelling_ends_the_whole_process_tree(service: Service) -> None:
    job = service.launch(**LONG)
    service.until(job, "running", steps=1)
    trainer = service.trainer(job)
    workers = trainer.children(recursive=True)
    assert service.post(f"/v1/jobs/{job}/cancel")["state"] == "cancelling"
    service.until(job, "cancelled")
    assert all(gone(process) for process in (trainer, *workers))


def kill_trainer(service: Service, job: str) -> int:
    pid: int = (trainer := service.trainer(job)).pid
    trainer.kill()
    return pid


def test_a_killed_trainer_goes_on_from_its_checkpoint(service: Service) -> None:
    job = service.launch(n_epochs=10, save_steps=3)
    service.until(job, "running", steps=5)
    kill_trainer(service, job)
    events = service.events(job)
    assert events[-1][1:] == ("end", {"state": "succeeded"})
    assert [data["step"] for _, event, data in events if event == "step"] == list(range(1, 41))
    said = " ".join(data.get("message") or "" for _, event, data in events if event == "log")
    assert "the trainer died and is started again" in said
    assert "resumed at step" in said
    assert service.http.get(f"/v1/jobs/{job}/manifest").json()["training"]["steps"] == 40


def test_a_trainer_that_dies_again_and_again_at_the_same_place_ends_the_job_as_failed(service: Service) -> None:
    job = service.launch(**LONG)
    service.until(job, "running", steps=1)
    killed = kill_trainer(service, job)
    for _ in range(MOST_STARTS_IN_VAIN):
        deadline = time.monotonic() + 60
        while service.trainer_pid(job) == killed:
            assert time.monotonic() < deadline, service.job(job)
            time.sleep(0.02)
        killed = kill_trainer(service, job)
    error = service.until(job, "failed")["error"]
    assert error["code"] == "trainer_died"
    assert error["remedy"]


def test_the_command_line_follows_the_service(service: Service) -> None:
    environment = os.environ | {"TUNEGATE_URL": service.url}

    def tunegate(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "service", "jobs", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    listed = json.loads(tunegate("list", "--format", "json").stdout)["items"]
    (done,) = [job for job in listed if job["state"] == "succeeded"][:1]
    assert tunegate("watch", done["id"]).returncode == 0
    assert "succeeded" in tunegate("show", done["id"]).stdout
    assert tunegate("cancel", done["id"]).returncode == 1
    assert tunegate("show", "0" * 8).returncode == 2
    environment["TUNEGATE_URL"] = "http://127.0.0.1:9"
    unreachable = tunegate("list")
    assert unreachable.returncode == 3
    assert "does not answer" in unreachable.stderr


def test_a_second_service_and_a_used_port_are_refused(service: Service, tmp_path: Path) -> None:
    def serve(home: Path, *flags: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "service", "serve", *flags]
        return subprocess.run(command, env=os.environ | {"TUNEGATE_HOME": str(home)}, capture_output=True, text=True)

    locked = serve(service.home, "--port", "0")
    assert (locked.returncode, "Traceback" in locked.stderr) == (3, False)
    assert "Another service holds" in locked.stderr
    used = serve(tmp_path, "--port", service.url.rpartition(":")[2])
    assert (used.returncode, "in use" in used.stderr) == (3, True)
    assert serve(tmp_path, "--host", "0.0.0.0").returncode == 2


def test_a_restarted_service_adopts_the_living_trainer(home: Path, tmp_path: Path) -> None:
    own = tmp_path / "home"
    (own / "models").mkdir(parents=True)
    (own / "models" / "base").symlink_to(home / "models" / "base")
    first = Service(own)
    job = first.launch(n_epochs=40)
    first.until(job, "running", steps=1)
    trainer = first.trainer(job)
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    assert trainer.is_running()
    second = Service(own, "--stop-jobs")
    try:
        assert second.trainer(job).pid == trainer.pid
        events = second.events(job)
        assert [data["step"] for _, event, data in events if event == "step"] == list(range(1, 161))
        assert second.job(job)["state"] == "succeeded"
        running = second.launch(**LONG)
        second.until(running, "running", steps=1)
        left = second.trainer(running)
    finally:
        second.stop()
    assert gone(left)
