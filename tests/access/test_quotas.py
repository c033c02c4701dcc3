"""Quotas under races: of twenty that come at once as many pass as may, whatever the database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from postgres_server import FOUND, postgres_server
from served import Served
from unweighted import add_base

from service.errors import TuneGateError
from service.records.dataset import Dataset
from service.records.evaluation_job import EvaluationJob
from service.store.database import migrate, open_engine
from service.store.store import Store
from tests.access.conftest import DESK, new_job

_AT_ONCE, _MOST, _SIZE = 20, 3, 1000
_TRAIN = (DESK / "train.jsonl").read_bytes()


@pytest.fixture(params=["sqlite", "postgres"] if FOUND else ["sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'tunegate.sqlite'}"
        return
    with postgres_server() as running:
        running.create("quotas")
        yield running.address("quotas", "+psycopg")


def at_once(url: str, add: Callable[[Store, int], object]) -> list[str]:
    """What became of each: `added`, or the code of its problem; every store has connections of its own."""
    engines = [open_engine(url) for _ in range(4)]
    migrate(engines[0])
    together = threading.Barrier(_AT_ONCE)

    def one(number: int) -> str:
        together.wait(60)
        try:
            add(Store(engines[number % len(engines)], "desk"), number)
        except TuneGateError as error:
            return error.code
        return "added"

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(one, range(_AT_ONCE)))
    for engine in engines:
        engine.dispose()
    return sorted(found)


def test_no_more_jobs_are_added_than_may_be_open(url: str) -> None:
    found = at_once(url, lambda store, number: store.add_job(new_job(f"job-{number}"), None, most_open=_MOST))
    assert found == ["added"] * _MOST + ["quota_exceeded"] * (_AT_ONCE - _MOST)


def test_without_a_quota_all_are_added_each_with_a_number_of_its_own(url: str) -> None:
    assert at_once(url, lambda store, number: store.add_job(new_job(f"job-{number}"), None)) == ["added"] * _AT_ONCE


def new_evaluation(identifier: str) -> EvaluationJob:
    return EvaluationJob(id=identifier, request="0" * 64, state="queued", timeline=[])


def test_no_more_evaluations_are_added_than_may_be_open(url: str) -> None:
    def add(store: Store, number: int) -> object:
        return store.evaluations.add(new_evaluation(f"evaluation-{number}"), None, most_open=_MOST)

    assert at_once(url, add) == ["added"] * _MOST + ["quota_exceeded"] * (_AT_ONCE - _MOST)


def test_no_more_bytes_are_kept_than_may_be(url: str, report: object) -> None:
    def add(store: Store, number: int) -> object:
        made = Dataset(id=f"{number}", sha256="0" * 64, bytes=_SIZE, rows=1, report=report)  # type: ignore[arg-type]
        return store.put("dataset", made.id, made, most_bytes=_MOST * _SIZE)

    assert at_once(url, add) == ["added"] * _MOST + ["quota_exceeded"] * (_AT_ONCE - _MOST)


def test_a_job_that_was_launched_before_is_given_again_whatever_the_quota(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'tunegate.sqlite'}")
    migrate(engine)
    store = Store(engine, "desk")
    store.add_job(new_job("first"), "key", most_open=1)
    again, new = store.add_job(new_job("second"), "key", most_open=1)
    assert (again.id, new) == ("first", False)
    with pytest.raises(TuneGateError):
        store.add_job(new_job("third"), "other", most_open=1)
    assert store.open_jobs() == ["first"]
    engine.dispose()


@pytest.fixture
def report(tmp_path: Path) -> object:
    from service.data import rule_files
    from service.verbs.lint import LintInput, LintRequest, lint

    path = tmp_path / "train.jsonl"
    path.write_bytes(_TRAIN)
    return lint(LintRequest(inputs=[LintInput(path, "-")], target="local"), rules=rule_files())


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Served]:
    add_base(tmp_path)
    size = str(_MOST * len(_TRAIN))
    running = Served(tmp_path, TUNEGATE_PROJECT_BYTES=size)
    yield running
    running.stop()


def test_uploads_at_once_keep_no_more_than_the_project_may(service: Served) -> None:
    def upload(number: int) -> int:
        body = _TRAIN.replace(b"library", b"librar%c" % (ord("a") + number))
        assert body != _TRAIN
        assert len(body) == len(_TRAIN)
        answer = service.http.post("/v1/datasets", params={"target": "local", "privacy": "off"}, content=body)
        return answer.status_code

    with ThreadPoolExecutor(10) as pool:
        statuses = sorted(pool.map(upload, range(10)))
    assert statuses == [201] * _MOST + [429] * 7
    kept = [path for path in service.home.rglob("*") if path.is_file() and path.stat().st_size == len(_TRAIN)]
    assert len(kept) == _MOST
