"""A loopback Azure OpenAI, a service that is led to it by variables alone, and a job followed in this process."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from following import Following
from login import login
from loopback import Loopback

from service.jobs import remote
from service.jobs.states import enter
from service.launch.targets.azure_openai.account import account_of
from service.launch.targets.azure_openai.plan import launch_plan
from service.launch.targets.azure_openai.settings import AzureOpenAiSettings
from service.launch.targets.target import LaunchPlan, LaunchRequest
from service.records.job import Job
from service.store.database import migrate, open_engine
from service.store.store import Store
from tests.azure_openai.manager import Manager
from tests.azure_openai.service import HOST, KEY, Account
from trainers.contract import DatasetRef, Hyperparameters, TrainPlan

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
ROW = "a row that nobody but the upload may see"
WHERE = {
    "TUNEGATE_AZURE_OPENAI_ENDPOINT": f"https://{HOST}", "TUNEGATE_AZURE_OPENAI_TRAINING_TYPE": "GlobalStandard",
    "TUNEGATE_AZURE_OPENAI_POLL_SECONDS": "0.3",
}  # fmt: skip
OPEN = AzureOpenAiSettings(endpoint=f"https://{HOST}", training_type="GlobalStandard", poll_seconds=0.2)
PLAN = TrainPlan(
    id="p" * 64, decision=None, lint_report=None, estimate=None, target="azure-openai", model="gpt-4.1",
    model_fingerprint=None, technique="provider-managed", sharding="none", validation=None,
    dataset=DatasetRef(sha256="d" * 64),
    hyperparameters=Hyperparameters(
        base_learning_rate=0, learning_rate=0, batch_size=0, micro_batch=0, learning_rate_multiplier=0, n_epochs=2,
        seed=7,
    ),
)  # fmt: skip


def launched(
    dataset: Path, *, where: AzureOpenAiSettings = OPEN, plan: TrainPlan = PLAN, key: str = "job-1",
    price: float | None = 2.0, max_usd: float | None = None, validation: Path | None = None,
) -> LaunchPlan:  # fmt: skip
    cost = {"usd_per_million_tokens": price, "tokens": 30_000, "max_usd": max_usd}
    if validation is not None:
        plan = msgspec.structs.replace(plan, validation=DatasetRef(sha256="e" * 64))
    request = LaunchRequest(
        plan=msgspec.structs.replace(plan, cost=cost), key=key, trainer_version="1.0", dataset=dataset,
        validation=validation, model=None,
    )  # fmt: skip
    return launch_plan(request, where, model="gpt-4.1-2025-04-14", warnings=[])


class OpenAi(Loopback):
    """The loopback Azure with one account in it."""

    # Azure ML's SDK looks, in threads of its own, at endpoints that tests of azure-ml made
    strangers = ("/Microsoft.MachineLearningServices/",)

    def __init__(self, folder: Path) -> None:
        self.account = Account()
        self.manager = Manager(self.account)
        hosts = {"login.microsoftonline.com": login, HOST: self.account, "management.azure.com": self.manager}
        super().__init__(folder, hosts)

    @property
    def job(self) -> dict[str, Any]:
        """The only job that was made."""
        [job] = self.account.jobs.values()
        return job

    @property
    def keyed(self) -> dict[str, str]:
        """Led here, with a key in place of an identity."""
        return {name: value for name, value in self.environment.items() if not name.startswith("AZURE_")} | {
            "AZURE_OPENAI_API_KEY": KEY
        }


class Service(Following):
    """A service whose jobs go to the loopback Azure OpenAI."""

    def __init__(self, home: Path, openai: OpenAi, **settings: str) -> None:
        super().__init__(home, **(WHERE | openai.keyed | {"MSAL_LOGGING": "off"} | settings))

    def store(self, name: str, **query: str) -> str:
        rows = (DESK / f"{name}.jsonl").read_bytes()
        asked = {"target": "azure-openai", "privacy": "off"} | query
        answer = self.http.post("/v1/datasets", params=asked, content=rows)
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    def plan(self, **more: Any) -> Any:
        body = {
            "dataset_id": self.store("train"), "validation_dataset_id": self.store("validation"), "model": "gpt-4.1",
            "target": "azure-openai", "outputs": {"onnx": []},
            "overrides": [{"code": "no_baseline_evaluation", "reason": "a test"}],
        }  # fmt: skip
        return self.post("/v1/plans", body | more)

    def launch(self, key: str = "one", **more: Any) -> str:
        plan = self.plan(**more)
        assert plan["blockers"] == []
        return self.launched(plan, key)


class Quick:
    """A store with one job, launched as the service launches it and followed in this process."""

    def __init__(self, folder: Path, **given: Any) -> None:
        self.folder, self.out = folder, folder / "run"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "train.jsonl").write_text(f'{{"messages":[{{"role":"user","content":"{ROW}"}}]}}\n')
        engine = open_engine(f"sqlite:///{folder / 'tunegate.sqlite'}")
        migrate(engine)
        self.store, self.id = Store(engine), str(uuid.uuid4())
        self.plan = launched(folder / "train.jsonl", key=self.id, **given)
        self.store.add_job(Job(id=self.id, plan=PLAN.id, state="queued"), None, launch=msgspec.json.encode(self.plan))
        enter(self.store, self.id, "preparing")
        account_of.cache_clear()

    def follow(self) -> bool:
        """As the pipeline does."""
        return asyncio.run(remote.follow(self.store, self.id, dict))

    def in_background(self) -> threading.Thread:
        thread = threading.Thread(target=self.follow, daemon=True)
        thread.start()
        return thread

    def fetch(self) -> None:
        remote.fetch(self.store, self.id, self.out)

    @property
    def job(self) -> Job:
        return self.store.job(self.id)

    @property
    def said(self) -> list[Any]:
        return [event.data for event in self.store.events(self.id, after=0)]


def until(happened: Callable[[], object], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def openai(tmp_path: Path) -> Iterator[OpenAi]:
    (tmp_path / "azure").mkdir()
    running = OpenAi(tmp_path / "azure")
    yield running
    running.close()


@pytest.fixture
def start(tmp_path: Path, openai: OpenAi) -> Iterator[Callable[..., Service]]:
    """Starts the service, and again after it was killed; what runs at the end is stopped."""
    made: list[Service] = []
    (tmp_path / "home").mkdir()

    def begin(**settings: str) -> Service:
        made.append(Service(tmp_path / "home", openai, **settings))
        return made[-1]

    yield begin
    if made and made[-1].process.poll() is None:
        made[-1].stop()
