"""/v1/estimates: JSON or a page, machines and sizes for named devices."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from service.app import build_app
from service.settings import load_settings

Client = TestClient[Litestar]
PAGE = {"Accept": "text/html,application/xhtml+xml;q=0.9"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    home = tmp_path_factory.mktemp("home")
    with TestClient(build_app(settings=load_settings({"TUNEGATE_HOME": str(home)}))) as running:
        yield running


def test_by_accept_an_estimate_is_json_or_a_page(client: Client) -> None:
    asked = {"model": "phi-3-mini-4k", "techniques": ["lora"]}
    made = client.post("/v1/estimates", json=asked)
    assert made.status_code == 201
    assert made.headers["content-type"].startswith("application/json")
    route = f"/v1/estimates/{made.json()['id']}"
    assert client.get(route).json() == made.json()
    for answer, status in (
        (client.post("/v1/estimates", json=asked, headers=PAGE), 201),
        (client.get(route, headers=PAGE), 200),
    ):
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["vary"] == "Accept"
        assert answer.text.startswith("<!doctype html>")
        assert made.json()["id"] in answer.text


def test_a_set_has_its_cheapest_technique_and_its_page(client: Client) -> None:
    asked = {"model": "phi-3-mini-4k", "gpu": ["T4-16GB", "A100-80GB"]}
    made = client.post("/v1/estimates", json=asked).json()
    technique, place = made["cheapest"]["technique"], made["cheapest"]["place"]
    chosen = next(one for one in made["estimates"] if one["technique"] == technique)
    assert place == chosen["smallest"]
    for one in made["estimates"]:
        assert [fit["gpu"] for fit in one["fits"]] == asked["gpu"]
        assert all(fit["max_seq_len"] is not None for fit in one["fits"])
        assert client.get(f"/v1/estimates/{one['id']}").json()["fits"] == one["fits"]
    page = client.post("/v1/estimates", json=asked, headers=PAGE).text
    assert f"phi-3-mini-4k: {technique} is the cheapest that fits" in page


def test_a_problem_stays_a_problem_for_a_browser(client: Client) -> None:
    answer = client.post("/v1/estimates", json={"model": "phi-3-mini"}, headers=PAGE)
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("application/problem+json")
