"""Rows, models and an empty folder to work in."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from postgres_server import FOUND
from scripted_endpoint import Endpoint, Said, Write, chat, right
from service_process import BEFORE_KILL, Service

collect_ignore = [] if FOUND else ["test_monitors_on_postgres.py"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write() -> Write:
    """Rows as JSONL, or a text as it is, under a name."""

    def write_it(name: str, content: str | Sequence[Any]) -> Path:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else "".join(json.dumps(one) + "\n" for one in content)
        path.write_text(text)
        return path

    return write_it


@pytest.fixture
def questions(write: Write) -> Path:
    """Twenty rows that `scripted_endpoint.right` answers."""
    return write("rows.jsonl", [chat(f"question {n}", f"answer {n}") for n in range(20)])


@pytest.fixture
def model(write: Write) -> Callable[..., str]:
    """A TOML file of an endpoint that is asked again at once."""

    def make(url: str, *lines: str, name: str = "m") -> str:
        content = [f'name = "{name}"', f'endpoint = "{url}"', "backoff_s = 0.001", *lines]
        return str(write(f"{name}.toml", "\n".join(content) + "\n"))

    return make


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with Endpoint(right) as running:
        yield running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, endpoint: Endpoint) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("home"), endpoint)
    yield running
    running.process.terminate()
    running.process.wait(60)


@pytest.fixture
def slow(endpoint: Endpoint) -> Iterator[Callable[[], None]]:
    """Some answers, then none until the endpoint is let go on by what this gives."""
    endpoint.bodies.clear()
    go_on = threading.Event()

    def rule(body: dict[str, Any], number: int) -> Said:
        if len(endpoint.bodies) > BEFORE_KILL:
            go_on.wait(60)
        return right(body, number)

    endpoint.rule = rule
    yield go_on.set
    go_on.set()
    endpoint.rule = right
