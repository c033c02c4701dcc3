"""What a request may name as its model: never a file of the machine that answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from service.app import build_app
from service.settings import load_settings

Client = TestClient[Litestar]
CONFIG = {
    "model_type": "llama", "vocab_size": 200, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
    "num_attention_heads": 4,
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    for folder in (home / "models" / "mine", home / "outside"):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(CONFIG))
    return home


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[Client]:
    with TestClient(build_app(settings=load_settings({"TUNEGATE_HOME": str(home)}))) as running:
        yield running


def asked(client: Client, model: Any) -> tuple[int, dict[str, Any]]:
    answer = client.post("/v1/estimates", json={"model": model, "techniques": ["lora"], "seq_len": 16})
    return answer.status_code, answer.json()


def test_a_path_that_is_there_answers_as_one_that_is_not(client: Client, home: Path) -> None:
    there = [str(home / "outside"), str(home / "outside" / "config.json"), "/etc/shadow", "/root", "~", ".", "../.."]
    there += [f"{home}/runs/../outside", "tests/api", "/dev/zero"]
    for name in [*there, str(home / "nowhere"), "~nobody-of-that-name", "a\0b", ""]:
        status, problem = asked(client, name)
        assert (status, problem["code"]) == (422, "unreadable_model")
        assert problem["detail"] == (
            f"{name!r} is no catalogue id, no folder under the models folder and paths are not read over HTTP."
        )


@pytest.mark.parametrize("model", ["mine", "smollm2-135m", CONFIG])
def test_a_name_under_the_models_folder_a_catalogue_id_and_a_config_are_models(client: Client, model: Any) -> None:
    assert asked(client, model)[0] == 201


def test_a_plan_takes_no_path_either(client: Client, home: Path) -> None:
    row = {"messages": [{"role": "user", "content": "Kumusta?"}, {"role": "assistant", "content": "Mabuti."}]}
    stored = client.post("/v1/datasets", params={"target": "local"}, content=json.dumps(row).encode() + b"\n").json()
    body = {"dataset_id": stored["id"], "model": str(home / "outside"), "technique": "lora"}
    answer = client.post("/v1/plans", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "unreadable_model")
    assert "paths are not read over HTTP" in answer.text
    for folder in (home / "outside", home / "nowhere"):
        answer = client.post("/v1/plans", json=body | {"model": "mine", "starts_from": str(folder)})
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_id")
