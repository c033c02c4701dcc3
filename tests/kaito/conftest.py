"""A cluster, a registry, and a launched plan that points to both; the real clients talk to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from service.data import rule_files
from service.launch.targets.kaito.client import Kaito
from service.launch.targets.kaito.cluster import cluster_of
from service.launch.targets.kaito.plan import Machine, launch_plan
from service.launch.targets.kaito.presets import presets
from service.launch.targets.kaito.settings import KaitoSettings
from service.launch.targets.target import LaunchPlan, LaunchRequest, RemoteStatus
from tests.kaito import registry as images
from tests.kaito.api_server import kubeconfig, served
from tests.kaito.cluster import Cluster
from trainers.contract import Adapter, Compute, DatasetRef, Hyperparameters, TrainPlan

PLAN = TrainPlan(
    id="p" * 64, decision=None, lint_report=None, estimate=None, target="kaito",
    model="microsoft/Phi-4-mini-instruct", model_fingerprint="f" * 64, technique="qlora", sharding="none",
    dataset=DatasetRef(sha256="d" * 64), validation=None,
    hyperparameters=Hyperparameters(
        base_learning_rate=2e-4, learning_rate=2e-4, batch_size=8, micro_batch=2, adapter=Adapter(r=8, alpha=16)
    ),
    compute=Compute(base_dtype="bf16", autocast="bf16", checkpointing=True),
)  # fmt: skip
WHERE = KaitoSettings(
    instance_type="Standard_NC24ads_A100_v4", namespace="tuning", input_url="https://rows.quokkas.org/{sha256}.jsonl",
    output_image="registry.quokkas.org/tuned/desk", output_push_secret="push", poll_seconds=0.2,
)  # fmt: skip
MACHINE = Machine(id="Standard_NC24ads_A100_v4", gpus=1, vcpu=24, usd_per_hour=3.673)


def launched(where: KaitoSettings = WHERE, *, plan: TrainPlan = PLAN, key: str = "job-1") -> LaunchPlan:
    request = LaunchRequest(
        plan=plan, key=key, trainer_version="1.0", dataset=Path("/rows.jsonl"), validation=None, model=None
    )
    return launch_plan(request, where, MACHINE, presets(rule_files()))


class Ground(NamedTuple):
    cluster: Cluster
    where: KaitoSettings

    def kaito(self, key: str = "job-1") -> tuple[Kaito, LaunchPlan]:
        plan = launched(self.where, key=key)
        return Kaito(plan), plan


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster that a kubeconfig of its own names."""
    made = Cluster()
    with served(made) as address:
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, address)))
        yield made


@pytest.fixture
def ground(cluster: Cluster) -> Ground:
    return Ground(cluster, WHERE)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[images.Registry, str]]:
    """A registry that docker login was done for, with its address."""
    made = images.Registry()
    with images.served(made) as address:
        monkeypatch.setenv("DOCKER_CONFIG", str(images.docker_login(tmp_path, address)))
        yield made, address


def until(found: Callable[[], bool], *, seconds: float = 90) -> None:
    """Poll until it is so."""
    ends = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < ends
        time.sleep(0.05)


def reaches(kaito: Kaito, plan: LaunchPlan, state: str) -> RemoteStatus:
    """The status once a look says this state."""
    ref = kaito._ref()
    seen: list[RemoteStatus] = []

    def there() -> bool:
        seen.append(kaito.poll(ref))
        return seen[-1].state == state

    until(there)
    return seen[-1]


__all__ = ["MACHINE", "PLAN", "WHERE", "Ground", "cluster_of", "launched", "msgspec", "reaches", "until"]
