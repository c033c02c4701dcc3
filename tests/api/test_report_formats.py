"""A stored dataset's report, in the form that the client accepts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from service.app import build_app
from service.settings import load_settings

FLAWED = Path(__file__).resolve().parents[2] / "examples" / "library-desk" / "flawed.jsonl"
Client = TestClient[Litestar]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    home = tmp_path_factory.mktemp("home")
    with TestClient(build_app(settings=load_settings({"TUNEGATE_HOME": str(home)}))) as running:
        yield running


@pytest.fixture(scope="module")
def report(client: Client) -> str:
    """The address of a report with errors."""
    answer = client.post("/v1/datasets", params={"target": "local"}, content=FLAWED.read_bytes())
    return f"/v1/datasets/{answer.json()['id']}/report"


def test_a_script_gets_the_record(client: Client, report: str) -> None:
    answer = client.get(report)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["verdict"] == "fail"


def test_a_browser_gets_a_page(client: Client, report: str) -> None:
    answer = client.get(report, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["vary"] == "Accept"
    assert "<h1>Not ready for local: 11 errors</h1>" in answer.text


def test_code_scanning_gets_sarif_whose_links_lead_to_the_rules(client: Client, report: str) -> None:
    answer = client.get(report, headers={"Accept": "application/sarif+json"})
    (run,) = answer.json()["runs"]
    for rule in run["tool"]["driver"]["rules"][:3]:
        page = client.get(rule["helpUri"], headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert rule["id"] in page.text
