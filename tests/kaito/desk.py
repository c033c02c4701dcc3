"""A served tunegate that is led to the cluster and the registry by variables alone, and KAITO's part in between."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from served import Served

from tests.kaito import api_server
from tests.kaito import registry as images
from tests.kaito.cluster import Cluster
from tests.kaito.registry import Registry, layer

PRESET = "phi-4-mini-instruct"
ENDED = {"succeeded", "failed", "cancelled"}
# what KAITO's trainer leaves: save_pretrained of a base with LoRA in it, by the Workspace's own configuration
_TUNE = """
import json, sys, torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM
base, wanted, out = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
torch.manual_seed(5)
model = get_peft_model(AutoModelForCausalLM.from_pretrained(base, local_files_only=True), LoraConfig(**wanted))
for name, value in model.named_parameters():
    if "lora_B" in name:
        torch.nn.init.normal_(value, std=0.02)
model.save_pretrained(out)
"""


class Kaito:
    """The controller, its trainer and its pusher over one cluster and one registry."""

    def __init__(self, cluster: Cluster, registry: Registry, base: Path, folder: Path) -> None:
        self.cluster, self.registry = cluster, registry
        self._base, self._folder = base, folder
        self._made: dict[str, dict[str, bytes]] = {}

    def push(self, name: str) -> str:
        """The adapter that the Workspace asks for, as an image at its output; the layer's digest."""
        workspace = self.cluster.objects["workspaces", "tuning", name]
        config = self.cluster.objects["configmaps", "tuning", workspace["tuning"]["config"]]
        wanted = json.loads(config["data"]["training_config.yaml"])["training_config"]["LoraConfig"]
        files = self._adapter(json.dumps(wanted | {"task_type": "CAUSAL_LM"}))
        image = workspace["tuning"]["output"]["image"].partition("/")[2]
        return self.registry.push(image, layer(files), preset=workspace["tuning"]["preset"]["name"])

    def succeed(self, name: str) -> str:
        """Trained and pushed; the layer's digest."""
        digest = self.push(name)
        self.cluster.status(name, "Succeeded", WorkspaceSucceeded=("True", "tuningSucceeded"))
        return digest

    def _adapter(self, wanted: str) -> dict[str, bytes]:
        if wanted not in self._made:
            out = self._folder / f"adapter-{len(self._made)}"
            command = [sys.executable, "-c", _TUNE, str(self._base), wanted, str(out)]
            subprocess.run(command, check=True, capture_output=True)
            names = ("adapter_config.json", "adapter_model.safetensors")
            self._made[wanted] = {f"data/{name}": (out / name).read_bytes() for name in names}
        return self._made[wanted]


class Place(NamedTuple):
    """One cluster, one registry, and the data folder of services that know both by their settings."""

    kaito: Kaito
    home: Path
    settings: dict[str, str]

    @property
    def cluster(self) -> Cluster:
        return self.kaito.cluster


@contextmanager
def place(folder: Path, base: Path) -> Iterator[Place]:
    """Both run while the block does."""
    cluster, registry, home = Cluster(), images.Registry(), folder / "home"
    (home / "models").mkdir(parents=True)
    (home / "models" / PRESET).symlink_to(base)
    with api_server.served(cluster) as address, images.served(registry) as host:
        settings = {
            "KUBECONFIG": str(api_server.kubeconfig(folder, address)),
            "DOCKER_CONFIG": str(images.docker_login(folder, host)),
            "TUNEGATE_KAITO_INSTANCE_TYPE": "Standard_NC24ads_A100_v4", "TUNEGATE_KAITO_NAMESPACE": "tuning",
            "TUNEGATE_KAITO_INPUT_URL": "https://rows.quokkas.org/{sha256}.jsonl",
            "TUNEGATE_KAITO_OUTPUT_IMAGE": f"{host}/tuned/desk", "TUNEGATE_KAITO_OUTPUT_PUSH_SECRET": "push",
            "TUNEGATE_KAITO_POLL_SECONDS": "0.2",
        }  # fmt: skip
        yield Place(Kaito(cluster, registry, base, folder), home, settings)
        cluster.let_go.set()


class Desk(Served):
    """A service with the base model among its models."""

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        answer = self.http.post(path, json=body, **options)
        assert answer.is_success, answer.text
        return answer.json()

    def plan(self, **more: Any) -> Any:
        dataset = self.http.post("/v1/datasets", params={"target": "kaito", "privacy": "off"}, content=rows()).json()
        body = {
            "dataset_id": dataset["id"], "model": PRESET, "technique": "lora", "target": "kaito",
            "hyperparameters": {"batch_size": 2, "n_epochs": 1}, "outputs": {"onnx": []},
            "overrides": [{"code": "no_baseline_evaluation", "reason": "measured elsewhere"}],
        }  # fmt: skip
        return self.post("/v1/plans", body | more)

    def launch(self, key: str, **more: Any) -> str:
        plan = self.plan(**more)
        return str(self.post("/v1/jobs", {"plan_id": plan["id"]}, headers={"Idempotency-Key": key})["id"])

    def job(self, identifier: str) -> Any:
        return self.http.get(f"/v1/jobs/{identifier}").json()

    def until(self, identifier: str, happened: Callable[[Any], object], *, seconds: float = 300) -> Any:
        """The job once it is so; one that ended otherwise is told at once."""
        deadline = time.monotonic() + seconds
        while not happened(job := self.job(identifier)):
            assert time.monotonic() < deadline, (job, self.log.read_text()[-3000:])
            assert job["state"] not in ENDED, (job, self.log.read_text()[-3000:])
            time.sleep(0.1)
        return job

    def named(self, identifier: str) -> str:
        """The name of the job's Workspace, once it is made and noted."""
        return str(self.until(identifier, lambda job: job["remote"])["remote"]["name"])

    def ended(self, identifier: str) -> Any:
        return self.until(identifier, lambda job: job["state"] in ENDED)

    def kill(self) -> None:
        """Without a word, as the machine might."""
        self.http.close()
        self.process.kill()
        self.process.wait(60)


def rows() -> bytes:
    """A few rows that fit a tiny model, and one that is longer than its context, which KAITO's trainer cuts."""
    asked = ("opens on Sundays", "lends maps", "has a reading room", "keeps newspapers", "copies pages", "has lockers")
    talks = [
        [{"role": "user", "content": f"Is it so that it {one}?"}, {"role": "assistant", "content": f"Yes, it {one}."}]
        for one in asked
    ]
    longest = " and ".join(f"it {one}" for one in asked * 9)
    talks.append([{"role": "user", "content": "What else?"}, {"role": "assistant", "content": f"Well, {longest}."}])
    return "".join(json.dumps({"messages": talk}) + "\n" for talk in talks).encode()
