"""Where a list or a stream goes on: only from a number that we gave out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from service.app import build_app
from service.settings import load_settings

Client = TestClient[Litestar]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    settings = load_settings({"TUNEGATE_HOME": str(tmp_path_factory.mktemp("home"))})
    with TestClient(build_app(settings=settings)) as running:
        yield running


@pytest.mark.parametrize("given", ["9" * 20, "9" * 19, str(2**63), "-1", "1.5", "one", "\u0663"])
@pytest.mark.parametrize("kind", ["jobs", "evaluations"])
def test_a_cursor_of_others_is_unusable(client: Client, kind: str, given: str) -> None:
    answer = client.get(f"/v1/{kind}", params={"cursor": given})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


@pytest.mark.parametrize("given", ["9" * 20, "9" * 19, "-1", "one"])
def test_so_is_the_last_event_of_another_stream(client: Client, given: str) -> None:
    answer = client.get("/v1/jobs/none/events", headers={"Last-Event-ID": given})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


@pytest.mark.parametrize("given", ["", "0", "9" * 18])
def test_any_number_of_ours_is_a_place_in_the_list(client: Client, given: str) -> None:
    assert client.get("/v1/jobs", params={"cursor": given}).json() == {"items": [], "next": None}
    answer = client.get("/v1/jobs/none/events", headers={"Last-Event-ID": given})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_id")
