"""Plans over HTTP need data that was linted with their own method."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from unweighted import add_base

from service.app import build_app
from service.settings import load_settings

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient[Litestar]]:
    home = tmp_path_factory.mktemp("home")
    add_base(home)
    with TestClient(build_app(settings=load_settings({"TUNEGATE_HOME": str(home)}))) as running:
        yield running


def stored(client: TestClient[Litestar], name: str, **query: str) -> Any:
    query = {"target": "local"} | query
    return client.post("/v1/datasets", params=query, content=(DESK / name).read_bytes()).json()["id"]


def test_a_plan_of_preferences_is_made_on_data_of_that_method_alone(client: TestClient[Litestar]) -> None:
    pairs, unseen = (stored(client, f"preferences{part}.jsonl", method="dpo") for part in ("", "-validation"))
    body = {"model": "base", "technique": "lora", "method": "dpo", "dataset_id": pairs, "validation_dataset_id": unseen}
    made = client.post("/v1/plans", json=body)
    assert made.status_code == 201, made.text
    plan = made.json()
    assert (plan["method"], plan["blockers"]) == ("dpo", [])
    assert plan["hyperparameters"]["dpo"] == {"beta": 0.1, "label_smoothing": 0.0, "sft_weight": 0.0}

    chats = stored(client, "validation.jsonl")
    wrong = client.post("/v1/plans", json=body | {"dataset_id": chats, "validation_dataset_id": chats}).json()
    assert [(one["where"], one["seen"]) for one in wrong["errors"]] == [
        ("dataset_id", "linted with method sft"), ("validation_dataset_id", "linted with method sft"),
    ]  # fmt: skip
    assert wrong["errors"][0]["remedy"] == "Store it again with ?method=dpo."
    other = client.post("/v1/plans", json=body | {"method": "sft", "validation_dataset_id": None}).json()
    assert [(one["where"], one["seen"]) for one in other["errors"]] == [("dataset_id", "linted with method dpo")]
