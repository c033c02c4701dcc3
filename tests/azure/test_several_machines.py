"""A job of two machines: they train together, the first alone writes what comes back, and a failure names its rank."""

from __future__ import annotations

import io
import json
import signal
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnxruntime
import psutil
import pytest
from conftest import Azure, Service
from nodes import Node
from worker import Worker

TWO = {"TUNEGATE_AZURE_ML_INSTANCE_COUNT": "2", "TUNEGATE_AZURE_ML_POLL_SECONDS": "5"}


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    running = Azure(tmp_path_factory.mktemp("azure"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model: Path, azure: Azure) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("home")
    (home / "models").mkdir()
    (home / "models" / "base").symlink_to(model)
    running = Service(home, azure, **TWO)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def job(azure: Azure, service: Service) -> Any:
    """Two machines, one process on each, under DeepSpeed."""
    plan = service.plan(sharding="zero2")
    identifier = service.launched(plan, "one")
    carried_out(started(service, azure, identifier))
    return service.ended(identifier)


def test_two_machines_train_one_model_that_comes_back(azure: Azure, service: Service, job: Any, tmp_path: Path) -> None:
    worker = azure.workspace.workers[azure.job]
    assert job["state"] == "succeeded", (job, worker.output[-3000:], service.log.read_text()[-3000:])
    assert azure.workspace.wrong == []
    zipped = zipfile.ZipFile(io.BytesIO(service.http.get(f"/v1/jobs/{job['id']}/artifact").content))
    training = json.loads(zipped.read("manifest.json"))["training"]
    assert (training["processes"], training["rows_per_step"], training["steps"]) == (2, 2, 4)
    zipped.extractall(tmp_path)  # its weights lie beside it
    onnxruntime.InferenceSession(tmp_path / "onnx" / "fp32" / "model.onnx")


def test_only_the_first_machine_writes_and_nothing_but_what_is_handed_over(azure: Azure, job: Any) -> None:
    del job
    first, second = azure.workspace.workers[azure.job].written
    assert {path.split("/")[0] for path in first} == {"progress", "files", "transfer.json"}
    assert not any("/.work/" in f"/{path}" for path in first)
    assert second == set()


def test_a_machine_that_loses_its_trainer_ends_the_job_by_name(azure: Azure, service: Service) -> None:
    plan = service.plan(hyperparameters={"batch_size": 2, "n_epochs": 50, "save_steps": 1})
    identifier = service.launched(plan, "two")
    worker = started(service, azure, identifier)
    deadline = time.monotonic() + 600
    while steps(worker) < 2:
        assert worker.is_alive(), worker.output[-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    # nobody could go on from what lies on machines that are gone
    assert not any(list(node.place.glob("tmp/tunegate-*/.work/checkpoints/*")) for node in worker.nodes)
    trainer(worker.nodes[1]).send_signal(signal.SIGKILL)
    carried_out(worker)
    job = service.ended(identifier)
    assert job["state"] == "failed", (job, worker.output[-3000:])
    said = "rank 1 of 2 on machine 1: The worker of phase group 'train' ended by signal SIGKILL"
    assert (job["error"]["code"], job["error"]["detail"][: len(said)]) == ("trainer_died", said)
    assert said in worker.output
    assert (
        "rank 0 of 2 on machine 0: train: the processes of this run do not reach each other any more" in worker.output
    )
    assert job["remote"]["status"] == "Failed"
    assert all(process.poll() is not None for node in worker.nodes for process in node.processes)


def started(service: Service, azure: Azure, identifier: str) -> Worker:
    """What carries a job out, once Azure has it."""
    job = service.until(identifier, lambda job: job["remote"])
    return azure.workspace.workers[job["remote"]["name"]]


def carried_out(worker: Worker) -> None:
    """Nobody is asked meanwhile: that takes as much as the training."""
    worker.join(1500)
    assert not worker.is_alive()


def trainer(node: Node) -> psutil.Process:
    """The process of a machine that trains."""
    found = psutil.Process(node.processes[0].pid).children(recursive=True)
    return next(one for one in found if "trainers.worker" in one.cmdline())


def steps(worker: Worker) -> int:
    """How many the first machine has reported in its own folder."""
    found = worker.nodes[0].place.glob("tmp/tunegate-*/progress.jsonl") if worker.nodes else ()
    return sum(path.read_text().count('"step":') for path in found)
