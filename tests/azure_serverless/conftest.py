"""A loopback Azure with a hub project, and a plan for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from service.launch.targets.azure_serverless.plan import launch_plan
from service.launch.targets.azure_serverless.settings import AzureServerlessSettings
from service.launch.targets.target import LaunchPlan, LaunchRequest
from tests.azure_serverless.project import Serverless
from trainers.contract import DatasetRef, Hyperparameters, TrainPlan

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
MODEL = "azureml://registries/azureml/models/Phi-4-mini-instruct/versions/1"
WHERE = {
    "TUNEGATE_AZURE_SERVERLESS_SUBSCRIPTION_ID": "11111111-2222-3333-4444-555555555555",
    "TUNEGATE_AZURE_SERVERLESS_RESOURCE_GROUP": "rg", "TUNEGATE_AZURE_SERVERLESS_WORKSPACE": "space",
    "TUNEGATE_AZURE_SERVERLESS_REGION": "eastus", "TUNEGATE_AZURE_SERVERLESS_POLL_SECONDS": "0.3",
}  # fmt: skip
OPEN = AzureServerlessSettings(
    subscription_id="11111111-2222-3333-4444-555555555555", resource_group="rg", workspace="space", region="eastus",
    poll_seconds=0.2,
)  # fmt: skip
PLAN = TrainPlan(
    id="p" * 64, decision=None, lint_report=None, estimate=None, target="azure-serverless", model=MODEL,
    model_fingerprint=None, technique="provider-managed", sharding="none", validation=None,
    dataset=DatasetRef(sha256="d" * 64), cost={"usd_per_million_tokens": None, "reason": "no_price: none"},
    hyperparameters=Hyperparameters(
        base_learning_rate=0, learning_rate=2e-5, batch_size=0, micro_batch=0, learning_rate_multiplier=0, n_epochs=2,
        seed=0,
    ),
)  # fmt: skip


def launched(
    dataset: Path, *, where: AzureServerlessSettings = OPEN, key: str = "job-1", validation: Path | None = None
) -> LaunchPlan:
    held_out = DatasetRef(sha256="e" * 64) if validation is not None else None
    request = LaunchRequest(
        plan=msgspec.structs.replace(PLAN, validation=held_out), key=key, trainer_version="1.0", dataset=dataset,
        validation=validation, model=None,
    )  # fmt: skip
    return launch_plan(request, where, warnings=[])


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Serverless]:
    (tmp_path / "azure").mkdir()
    running = Serverless(tmp_path / "azure")
    yield running
    running.close()
