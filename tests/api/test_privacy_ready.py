"""A service makes its privacy scan ready from its start on; a request that comes meanwhile waits for the same work."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Scanning

ASKED = {"role": "user", "content": "Write to ana.ruiz@quokkas.org or 020 7946 0123."}
BODY = json.dumps({"messages": [ASKED, {"role": "assistant", "content": "Done."}]}).encode() + b"\n"
READY = re.compile(r"\"The privacy scan is ready, after \d+\.\d seconds\.\"")


def kept(home: Path) -> dict[str, int]:
    folder = home / "cache" / "privacy"
    return {path.name: path.stat().st_ino for path in folder.glob("*") if path.suffix not in {".lock", ""}}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def test_requests_before_the_scan_is_ready_wait_for_it_and_say_the_same_as_later_ones(home: Path) -> None:
    running = Scanning(home)
    try:
        with ThreadPoolExecutor(2) as pool:
            early = [answer.json() for answer in pool.map(lambda _: running.lint(BODY, privacy="patterns"), range(2))]
        running.until(lambda: READY.search(running.log.read_text()), 120)
        made = kept(home)
        late = running.lint(BODY, privacy="patterns").json()
        running.http.post("/v1/redact", content=BODY).raise_for_status()
    finally:
        running.stop()
    assert early == [late, late]
    assert late["counts"]["P001"] == 1
    # one plan, and the databases of ASCII and of Unicode, without and with digits
    assert {name.partition(".")[2] for name in made} == {
        "classes", "ascii", "ascii-digits", "plan", "unicode", "unicode-digits",
    }  # fmt: skip
    assert kept(home) == made
    assert len(READY.findall(running.log.read_text())) == 1


def test_a_service_that_looks_for_nothing_prepares_nothing(serve: Any, tmp_path: Path) -> None:
    settings = tmp_path / "service.toml"
    settings.write_text('[privacy]\nmode = "off"\n')
    running = serve(tmp_path, TUNEGATE_PRIVACY_SETTINGS=str(settings))
    try:
        assert running.lint(BODY).status_code == 200
        time.sleep(1)
    finally:
        running.stop()
    assert kept(tmp_path) == {}
    assert "privacy" not in running.log.read_text()


def test_settings_that_cannot_be_used_are_told_once_and_to_whoever_asks(serve: Any, tmp_path: Path) -> None:
    settings = tmp_path / "service.toml"
    settings.write_text('[privacy]\nregions = ["XX"]\n')
    running = serve(tmp_path, TUNEGATE_PRIVACY_SETTINGS=str(settings))
    try:
        running.until(lambda: "privacy.regions 'XX'" in running.log.read_text(), 60)
        refused = running.lint(BODY)
        assert refused.status_code == 422
        assert [one["where"] for one in refused.json()["errors"]] == ["service.toml: privacy.regions"]
    finally:
        running.stop()
    assert running.log.read_text().count("'XX'") == 1
    assert "Traceback" not in running.log.read_text()


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_a_service_stops_while_the_scan_is_made_ready(tmp_path: Path, seconds: float) -> None:
    running = Scanning(tmp_path)
    time.sleep(seconds)
    running.stop()  # with exit code 0
    assert "Traceback" not in running.log.read_text()
