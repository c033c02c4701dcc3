"""Metrics to MLflow, where MLFLOW_TRACKING_URI says that somebody wants them; never a reason for a run to fail."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from trainers.contract import TrainPlan
from trainers.outfiles import WORK, write_atomically

_RUN = Path(WORK) / "mlflow-run.json"
_BATCH_SECONDS = 10.0  # one request per step would cost more than a short step
_BATCH_METRICS = 900  # the server takes at most 1000 in one request (MLflow REST API, log-batch)


class Tracker(Protocol):
    """Takes numbers, and closes once."""

    def metrics(self, step: int, **values: float) -> None:
        """Note values of a step."""

    def close(self, status: str) -> None:
        """Send what is left and end the run as FINISHED, KILLED or FAILED."""


class Untracked:
    """Nobody asked."""

    def metrics(self, step: int, **values: float) -> None:
        """Forget them."""

    def close(self, status: str) -> None:
        """Nothing to end."""


def open_tracker(plan: TrainPlan, out: Path, say: Callable[[str], None]) -> Tracker:
    """The tracker of a run; a missing package or a silent server is one log record, not a failure."""
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return Untracked()
    # its own defaults wait for minutes on a server that is gone
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    try:
        return _Mlflow(plan, out, say)
    except ImportError:
        say("MLFLOW_TRACKING_URI is set, but mlflow is not installed (pip install mlflow-skinny): nothing is sent")
    except Exception as error:  # noqa: BLE001 - whatever the server does, the run goes on
        say(f"MLflow cannot be reached ({type(error).__name__}): nothing is sent")
    return Untracked()


class _Mlflow:
    """One MLflow run per run folder, reopened when the run goes on."""

    def __init__(self, plan: TrainPlan, out: Path, say: Callable[[str], None]) -> None:
        from mlflow.tracking import MlflowClient

        self._say = say
        self._client = MlflowClient()
        self._waiting: list[tuple[str, float, int, int]] = []
        self._sent = time.monotonic()
        self._off = False
        self._run_id = os.environ.get("MLFLOW_RUN_ID") or _earlier_run(out)
        if self._run_id is None:
            self._run_id = self._create(plan)
            write_atomically(out / _RUN, msgspec.json.encode({"run_id": self._run_id}))
        else:
            self._client.update_run(self._run_id, status="RUNNING")

    def metrics(self, step: int, **values: float) -> None:
        """Noted now, sent in batches."""
        now = int(time.time() * 1000)
        self._waiting += [(name, value, now, step) for name, value in values.items()]
        if time.monotonic() - self._sent >= _BATCH_SECONDS or len(self._waiting) >= _BATCH_METRICS:
            self._send()

    def close(self, status: str) -> None:
        """Send what is left and say how it ended."""
        self._send()
        self._guarded(lambda: self._client.set_terminated(self._run_id, status))

    def _create(self, plan: TrainPlan) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "tunegate")
        experiment = self._client.get_experiment_by_name(name)
        experiment_id = experiment.experiment_id if experiment else self._client.create_experiment(name)
        tags = {"tunegate.plan": plan.id, "tunegate.dataset_sha256": plan.dataset.sha256}
        run = self._client.create_run(experiment_id, tags=tags)
        settings: dict[str, Any] = msgspec.to_builtins(plan.hyperparameters)
        for key, value in {"technique": plan.technique, "sharding": plan.sharding, **settings}.items():
            self._client.log_param(run.info.run_id, key, value)
        return str(run.info.run_id)

    def _send(self) -> None:
        from mlflow.entities import Metric

        waiting, self._waiting = self._waiting, []
        self._sent = time.monotonic()
        if waiting:
            self._guarded(lambda: self._client.log_batch(self._run_id, metrics=[Metric(*one) for one in waiting]))

    def _guarded(self, call: Callable[[], object]) -> None:
        if self._off:
            return
        try:
            call()
        except Exception as error:  # noqa: BLE001 - a tracking server must not end a run
            self._off = True
            self._say(f"MLflow does not answer ({type(error).__name__}): no more is sent")


def _earlier_run(out: Path) -> str | None:
    try:
        run: str = msgspec.json.decode((out / _RUN).read_bytes())["run_id"]
    except (FileNotFoundError, KeyError, msgspec.DecodeError):
        return None
    return run
