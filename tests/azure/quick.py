"""A job that is followed in this process, by the modules that the service runs, and whose run is over at once."""

from __future__ import annotations

import asyncio
import shutil
import sys
import threading
import uuid
from pathlib import Path
from typing import Any

import msgspec
import onnx
from onnx import TensorProto, helper
from workspace import CLUSTER, SIZE

from service.jobs import remote
from service.jobs.states import enter
from service.launch.targets.azure_ml.plan import Machine, launch_plan
from service.launch.targets.azure_ml.settings import AzureMlSettings
from service.launch.targets.registry import azure_ml
from service.launch.targets.target import LaunchPlan, LaunchRequest
from service.records.job import Job
from service.store.database import migrate, open_engine
from service.store.store import Store
from trainers.contract import DatasetRef, Hyperparameters, TrainPlan

ROW = "a row that nobody but the storage may see"


class Quick:
    """A store with one job, launched as the service launches it."""

    def __init__(self, folder: Path, *, usd_per_hour: float | None = 3.6, max_usd: float | None = None) -> None:
        self.folder, self.out = folder, folder / "run"
        for name in ("job", "base"):
            (folder / name).mkdir(parents=True)
        python = quick_python(folder / "job")
        (folder / "train.jsonl").write_text(f'{{"messages":[{{"role":"user","content":"{ROW}"}}]}}\n')
        (folder / "base" / "config.json").write_text("{}")
        engine = open_engine(f"sqlite:///{folder / 'tunegate.sqlite'}")
        migrate(engine)
        self.store, self.id = Store(engine), str(uuid.uuid4())
        self.plan = self._plan(python, usd_per_hour, max_usd)
        job = Job(id=self.id, plan=PLAN.id, state="queued")
        self.store.add_job(job, None, launch=msgspec.json.encode(self.plan))
        enter(self.store, self.id, "preparing")
        azure_ml.cache_clear()

    def hold(self) -> None:
        """The job goes on until `let_go`."""
        (self.folder / "job" / "hold").touch()

    def let_go(self) -> None:
        (self.folder / "job" / "hold").unlink()

    def follow(self) -> bool:
        """As the pipeline does."""
        return asyncio.run(remote.follow(self.store, self.id, dict))

    def in_background(self) -> threading.Thread:
        thread = threading.Thread(target=self.follow, daemon=True)
        thread.start()
        return thread

    def fetch(self) -> None:
        remote.fetch(self.store, self.id, self.out)

    def cancel(self) -> None:
        asyncio.run(remote.cancel(self.store, self.id))

    @property
    def job(self) -> Job:
        return self.store.job(self.id)

    @property
    def said(self) -> list[Any]:
        return [event.data for event in self.store.events(self.id, after=0)]

    def _plan(self, python: Path, usd_per_hour: float | None, max_usd: float | None) -> LaunchPlan:
        where = AzureMlSettings(
            subscription_id="11111111-2222-3333-4444-555555555555", resource_group="rg", workspace="space",
            compute=CLUSTER, instance_type=SIZE, image=f"registry.azurecr.io/tunegate@sha256:{'a' * 64}",
            poll_seconds=0.1, python=str(python),
        )  # fmt: skip
        plan = PLAN if max_usd is None else msgspec.structs.replace(PLAN, cost={"max_usd": max_usd})
        request = LaunchRequest(
            plan=plan, key=self.id, trainer_version="test", dataset=self.folder / "train.jsonl", validation=None,
            model=self.folder / "base",
        )  # fmt: skip
        return launch_plan(
            request, where, Machine(id=SIZE, gpus=1, vcpu=24, usd_per_hour=usd_per_hour), model_is_hub_name=False
        )


PLAN = TrainPlan(
    id="p" * 64, decision=None, lint_report=None, estimate=None, target="azure-ml", model="base",
    model_fingerprint="f" * 64, technique="lora", sharding="none", validation=None,
    dataset=DatasetRef(path="train.jsonl", sha256="d" * 64),
    hyperparameters=Hyperparameters(base_learning_rate=1e-3, learning_rate=1e-3),
)  # fmt: skip


def quick_python(folder: Path) -> Path:
    """What stands for a job's Python, in a folder with the run that it is."""
    _model(folder / "model.onnx")
    python = folder / "python"
    shutil.copy(Path(__file__).with_name("quick_run.py"), folder / "quick_run.py")
    python.write_text(f'#!/bin/sh\nexec {sys.executable} {folder / "quick_run.py"} "$@"\n')
    python.chmod(0o755)
    return python


def _model(path: Path) -> None:
    shape = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "small", shape[:1], shape[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(made, path)
