"""Bodies that are no usable JSON: a problem that says why, never an internal error."""

from __future__ import annotations

import json
from collections.abc import Iterator
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
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    home = tmp_path_factory.mktemp("home")
    with TestClient(build_app(settings=load_settings({"TUNEGATE_HOME": str(home)}))) as running:
        yield running


def refused(client: Client, route: str, body: bytes) -> dict[str, Any]:
    answer = client.post(f"/v1/{route}", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["code"] == "invalid_input"
    return found


@pytest.mark.parametrize("route", ["estimates", "decisions", "plans", "jobs"])
def test_endless_nesting_and_broken_text_are_the_callers_mistakes(client: Client, route: str) -> None:
    for depth in (101, 950, 20_000):
        assert "100 levels" in refused(client, route, b'{"model":' * depth + b"1" + b"}" * depth)["detail"]
    assert "UTF-8" in refused(client, route, b'{"model": "\xff"}')["detail"]
    # as deep as it may be: another thing is wrong with it
    assert "levels" not in refused(client, route, b"[" * 100 + b"]" * 100)["detail"]


def test_a_config_may_hold_objects_in_objects(client: Client) -> None:
    nested: Any = 1
    for _ in range(90):
        nested = {"deeper": nested}
    asked = {"model": CONFIG | {"text_config": nested}, "techniques": ["lora"], "seq_len": 16}
    assert client.post("/v1/estimates", content=json.dumps(asked)).status_code == 201


def test_every_field_of_an_estimate_that_cannot_be_read_is_named_at_once(client: Client) -> None:
    asked = {
        "model": "smollm2-135m", "seq_len": "x", "techniqes": ["a"], "zero": {"stage": "3", "st": 1}, "gpus": 0,
        "attention": "flsh",
    }  # fmt: skip
    found = refused(client, "estimates", json.dumps(asked).encode())
    errors = {one["where"]: one for one in found["errors"]}
    assert set(errors) == {"seq_len", "techniqes", "zero.stage", "zero.st", "gpus", "attention"}
    assert errors["techniqes"]["remedy"] == "Did you mean 'techniques'?"
    assert errors["attention"]["remedy"] == "Did you mean 'flash'?"
    assert errors["seq_len"]["allowed"] == "a whole number"
    assert [one["where"] for one in refused(client, "estimates", b"[]")["errors"]] == ["inputs"]
    assert "truncated" in refused(client, "estimates", b"{")["detail"]
