"""tunegate demo: the whole path on the shipped example, over HTTP, against a real service started for it."""

from __future__ import annotations

import shutil
import time
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import click

from service.cli.demo_service import running_service
from service.cli.demo_steps import (
    base_model,
    example_folder,
    show_answers,
    show_decision,
    show_estimates,
    show_findings,
    show_manifest,
)
from service.cli.output import say
from service.cli.train import progress_line
from service.client.connection import Connection
from service.client.fetching import fetch_whole
from service.errors import TuneGateError

MODEL = "fernhill-base"
CATALOGUE_MODEL = "phi-3-mini-4k"
CATALOGUE_GPUS = ("RTX-4090-24GB", "A100-80GB")


@click.command("demo")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), default=Path("demo-output"), show_default=True, metavar="DIR",
    help="Where the artifact, the base model and the service's data go.",
)  # fmt: skip
@click.option(
    "--processes", type=click.IntRange(1, 8), default=1, show_default=True, metavar="N",
    help="Train with N processes: the advisor is told, and answers with ZeRO.",
)  # fmt: skip
def command(out: Path, processes: int) -> int:
    """From a question to a verified ONNX artifact, on this machine, in a few minutes."""
    started = time.monotonic()
    out = out.absolute()
    home, artifact = out / "home", out / "artifact"
    for stale in (home, artifact):
        shutil.rmtree(stale, ignore_errors=True)
    model = base_model(out)
    (home / "models").mkdir(parents=True)
    shutil.copytree(model, home / "models" / MODEL)
    with running_service(home) as client:
        _title("The real service runs on a free port, with SQLite and a folder behind it")
        run = Demo(client, processes=processes)
        run.ask()
        run.upload()
        run.estimate()
        run.decide()
        job = run.train()
        run.fetch(job, artifact)
    show_answers(model, artifact)
    say(f"\nDone in {time.monotonic() - started:.0f} s. The artifact is in {artifact}.")
    return 0


class Demo:
    """The steps in order; each keeps the ids that the next rests on."""

    def __init__(self, client: Connection, *, processes: int) -> None:
        self._client = client
        self._processes = processes
        self._example = example_folder("library-desk")
        self._facts = _facts(example_folder("scenarios") / "library-desk.toml")
        if processes > 1:
            self._facts["scenario"] = [*self._facts["scenario"], "data-parallel"]
        self._recipe = tomllib.loads((self._example / "plan.toml").read_text())
        self._ids: dict[str, str] = {}
        self._estimates: list[str] = []

    def ask(self) -> None:
        """Facts alone: the advisor asks instead of guessing."""
        _title("a. We ask for advice with what we know")
        show_decision(self._client.post("/v1/decisions", {"facts": self._facts}))

    def upload(self) -> None:
        """The clean dataset passes; the flawed copy is kept, shown and blocked."""
        _title("b. We upload the dataset, its validation part and a flawed copy")
        for name in ("train", "validation", "flawed"):
            stored = self._client.upload("/v1/datasets", self._example / f"{name}.jsonl", target="local")
            self._ids[name] = stored["id"]
            show_findings(name, stored)
        say("  A plan on the flawed copy:")
        blocked = self._client.post(
            "/v1/plans",
            {
                "dataset_id": self._ids["flawed"],
                "validation_dataset_id": self._ids["validation"],
                "model": MODEL,
                "technique": "lora",
            },
        )
        for blocker in blocked["blockers"]:
            say(f"    BLOCKED {blocker['code']}: {blocker['detail']}")
        try:
            self._client.post("/v1/jobs", {"plan_id": blocked["id"]})
        except TuneGateError as refused:
            say(f"    launching it is refused: {refused.status} {refused.code}")

    def estimate(self) -> None:
        """Memory per technique: the example model here, a catalogue model on two GPUs."""
        _title("c. We estimate the memory of every technique")
        local = {"model": MODEL, "gpu": "cpu", "dataset_id": self._ids["train"]}
        self._estimates = show_estimates(f"{MODEL} on this machine", self._client.post("/v1/estimates", local))
        if self._processes > 1:
            sharded = local | {"techniques": ["full"], "gpus": self._processes, "zero": {"stage": 2}}
            title = f"{MODEL} in {self._processes} processes under ZeRO-2, each"
            self._estimates += show_estimates(title, self._client.post("/v1/estimates", sharded))
        for gpu in CATALOGUE_GPUS:
            there = self._client.post("/v1/estimates", {"model": CATALOGUE_MODEL, "gpu": gpu})
            show_estimates(f"{CATALOGUE_MODEL} on {gpu}", there)

    def decide(self) -> None:
        """Facts, dataset and estimates: now there is an answer, with its reasons."""
        _title("d. We decide again with what was measured")
        body = {"facts": self._facts, "dataset_id": self._ids["train"], "estimate_ids": self._estimates}
        decision = self._client.post("/v1/decisions", body)
        show_decision(decision)
        self._ids["decision"] = decision["id"]

    def train(self) -> str:
        """Plan, launch and follow a real fine-tune; the untuned model is measured first."""
        _title("e. We plan, launch and follow the fine-tune")
        body = {
            "decision_id": self._ids["decision"],
            "dataset_id": self._ids["train"],
            "validation_dataset_id": self._ids["validation"],
            "model": MODEL,
            "hyperparameters": self._recipe["hyperparameters"],
            "evaluation": self._recipe["evaluation"] | {"checks": [_style(self._example)]},
        }
        if self._processes > 1:
            # the same rows per step, shared out
            share = max(1, self._recipe["hyperparameters"]["micro_batch"] // self._processes)
            body |= {"processes": self._processes, "hyperparameters": body["hyperparameters"] | {"micro_batch": share}}
        plan = self._client.post("/v1/plans", body)
        how = plan["technique"] + (f" under {plan['sharding']}" if plan["sharding"] != "none" else "")
        say(f"  plan {plan['id'][:12]}: {how} on {plan['target']}, {len(plan['blockers'])} blockers")
        job = self._client.post("/v1/jobs", {"plan_id": plan["id"]}, headers={"Idempotency-Key": plan["id"]})
        say(f"  job {job['id']}")
        for event in self._client.events(f"/v1/jobs/{job['id']}/events"):
            line = progress_line(event.event, event.data)
            if line:
                say(f"  {line}")
        ended = self._client.get(f"/v1/jobs/{job['id']}")
        if ended["state"] != "succeeded":
            error = ended["error"] or {"code": "job_failed", "detail": ended["state"], "remedy": ""}
            raise TuneGateError("job_failed", f"{error['code']}: {error['detail']}", remedy=error["remedy"])
        return str(job["id"])

    def fetch(self, job: str, artifact: Path) -> None:
        """Download the artifact as a zip and check every hash of its manifest."""
        _title("f. We download the artifact and check it")
        archive = artifact.with_suffix(".zip")
        artifact.parent.mkdir(parents=True, exist_ok=True)
        fetch_whole(self._client, f"/v1/jobs/{job}/artifact", archive)
        with zipfile.ZipFile(archive) as members:
            members.extractall(artifact)
        archive.unlink()
        show_manifest(artifact)


def _facts(path: Path) -> dict[str, Any]:
    content = tomllib.loads(path.read_text())
    facts = content.get("facts", content)
    assert isinstance(facts, dict)
    return facts


def _style(example: Path) -> dict[str, str]:
    content = tomllib.loads((example / "style.toml").read_text())
    return {"name": "house_style", "pattern": content["pattern"]}


def _title(text: str) -> None:
    say(f"\n{text}")
