"""A loopback Azure, a service that is led to it by variables alone, and a model small enough to be trained there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from blobs import Blobs
from following import Following
from images import Images
from login import login
from loopback import Loopback
from quick import Quick
from workspace import CLUSTER, SIZE, Workspace

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
IMAGE = f"registry.azurecr.io/tunegate@sha256:{'a' * 64}"
WHERE = {
    "TUNEGATE_AZURE_ML_SUBSCRIPTION_ID": "11111111-2222-3333-4444-555555555555",
    "TUNEGATE_AZURE_ML_RESOURCE_GROUP": "rg", "TUNEGATE_AZURE_ML_WORKSPACE": "space",
    "TUNEGATE_AZURE_ML_COMPUTE": CLUSTER, "TUNEGATE_AZURE_ML_INSTANCE_TYPE": SIZE, "TUNEGATE_AZURE_ML_IMAGE": IMAGE,
    "TUNEGATE_AZURE_ML_SERVING_IMAGE": f"registry.azurecr.io/tunegate-model@sha256:{'b' * 64}",
    "TUNEGATE_AZURE_ML_POLL_SECONDS": "0.5", "TUNEGATE_AZURE_ML_PYTHON": sys.executable,
}  # fmt: skip


class Azure(Loopback):
    """The loopback Azure with what lies in it."""

    def __init__(self, folder: Path) -> None:
        self.blobs = Blobs()
        self.workspace = Workspace(self.blobs)
        self.images = Images()
        hosts = {
            "login.microsoftonline.com": login, ".blob.core.windows.net": self.blobs,
            "management.azure.com": self.workspace, ".inference.ml.azure.com": self.workspace.endpoints.answer,
            ".azurecr.io": self.images.azure, ".quokkas.org": self.images.other, ".docker.io": self.images.other,
        }  # fmt: skip
        super().__init__(folder, hosts)

    def close(self) -> None:
        """With every process that answers."""
        self.workspace.endpoints.close()
        super().close()

    @property
    def job(self) -> str:
        """The name of the only job that was started."""
        [name] = self.workspace.started
        return name


class Service(Following):
    """A service whose jobs go to the loopback Azure."""

    def __init__(self, home: Path, azure: Azure, **settings: str) -> None:
        super().__init__(home, **(WHERE | azure.environment | {"MSAL_LOGGING": "off"} | settings))

    def plan(self, **more: Any) -> Any:
        stored = []
        for name in ("train", "validation"):
            rows = b"\n".join((DESK / f"{name}.jsonl").read_bytes().splitlines()[:8]) + b"\n"
            query = {"target": "local", "privacy": "off"}
            stored.append(self.http.post("/v1/datasets", params=query, content=rows).json()["id"])
        body = {
            "dataset_id": stored[0], "validation_dataset_id": stored[1], "model": "base", "technique": "lora",
            "target": "azure-ml", "hyperparameters": {"batch_size": 2, "n_epochs": 1},
            "compute": {"base_dtype": "fp32", "autocast": "none", "checkpointing": False},
            "evaluation": {"max_rows": 4, "max_new_tokens": 4},
        }  # fmt: skip
        return self.post("/v1/plans", body | more)

    def launch(self, key: str = "one", **more: Any) -> str:
        plan = self.plan(**more)
        return self.launched(plan, key)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models") / "base"
    maker = [sys.executable, str(DESK / "make_base_model.py"), str(place), "--steps", "2"]
    subprocess.run(maker, check=True, capture_output=True)
    return place


class Trained:
    """A service with a job that came back from the loopback Azure."""

    def __init__(self, home: Path, azure: Azure) -> None:
        self.home, self.azure = home, azure
        self.service = self.again()
        self.job = self.service.launch()

    def again(self) -> Service:
        return Service(self.home, self.azure)

    def deployment(self, identifier: str) -> Any:
        return self.service.http.get(f"/v1/deployments/{identifier}").json()

    def until(self, happened: Callable[[], object], seconds: float = 300) -> None:
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, self.service.log.read_text()[-3000:]
            time.sleep(0.2)

    def tunegate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"TUNEGATE_URL": self.service.url}
        return subprocess.run(
            [sys.executable, "-m", "service", *arguments], env=environment, capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[Trained]:
    """Trained once for all who look at what came of it."""
    place = tmp_path_factory.mktemp("trained")
    (place / "azure").mkdir()
    (place / "home" / "models").mkdir(parents=True)
    (place / "home" / "models" / "base").symlink_to(model)
    azure = Azure(place / "azure")
    one = Trained(place / "home", azure)
    try:
        one.service.ended(one.job)
        yield one
        one.service.stop()
    finally:
        if one.service.process.poll() is None:
            one.service.kill()
        azure.close()


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Azure]:
    (tmp_path / "azure").mkdir()
    running = Azure(tmp_path / "azure")
    yield running
    running.close()


@pytest.fixture
def home(tmp_path: Path, model: Path) -> Path:
    place = tmp_path / "home"
    (place / "models").mkdir(parents=True)
    (place / "models" / "base").symlink_to(model)
    return place


@pytest.fixture
def start(home: Path, azure: Azure) -> Iterator[Callable[..., Service]]:
    """Starts the service, and again after it was killed; what runs at the end is stopped."""
    made: list[Service] = []

    def begin(**settings: str) -> Service:
        made.append(Service(home, azure, **settings))
        return made[-1]

    yield begin
    if made and made[-1].process.poll() is None:
        made[-1].stop()


@pytest.fixture
def led_there(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Targets in this process are asked at the loopback Azure, which knew all that it was asked."""
    for name, value in azure.environment.items():
        monkeypatch.setenv(name, value)
    yield
    assert azure.unhandled == []
    assert azure.workspace.wrong == []


@pytest.fixture
def quick(tmp_path: Path) -> Quick:
    """A job that is followed in this process."""
    return Quick(tmp_path / "quick")
