"""A stream of events ends soon after its key is taken back, or would no longer be taken."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from served import Served

from service.records.access import NewKey
from service.settings import Settings, load_settings
from service.verbs.keys import create_key, key_store, revoke_key
from tests.access.conftest import new_job

_GUARD_SECONDS = 60


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Served]:
    running = Served(tmp_path)
    with key_store(settings_of(running)) as store:
        # one that nothing happens to
        store.of("default").add_job(new_job("still"), None)
    yield running
    running.stop()


def settings_of(service: Served) -> Settings:
    return load_settings({"TUNEGATE_HOME": str(service.home)})


def key(service: Served) -> NewKey:
    with key_store(settings_of(service)) as store:
        return create_key(store, "a follower's", project="default", scopes=("read",), expires="90d")


def revoke(service: Served, made: NewKey) -> None:
    with key_store(settings_of(service)) as store:
        revoke_key(store, made.key.id)


def followed(service: Served, secret: str | None, then: Callable[[], None]) -> bool:
    """Whether the stream ends after `then`, which happens once its first event has come."""
    begun, ended = threading.Event(), threading.Event()
    headers = {} if secret is None else {"X-API-Key": secret}

    def follow() -> None:
        with httpx.stream("GET", f"{service.url}/v1/jobs/still/events", headers=headers, timeout=None) as answer:
            assert answer.status_code == 200
            for _ in answer.iter_lines():
                begun.set()
        ended.set()

    threading.Thread(target=follow, daemon=True).start()
    assert begun.wait(_GUARD_SECONDS)
    assert not ended.is_set()
    then()
    return ended.wait(_GUARD_SECONDS)


def test_a_stream_ends_with_its_key_and_another_goes_on(service: Served) -> None:
    first, second = key(service), key(service)
    alone: list[bool] = []

    def one_by_one() -> None:
        alone.append(followed(service, first.secret, lambda: revoke(service, first)))
        revoke(service, second)

    assert followed(service, second.secret, one_by_one)
    assert alone == [True]


def test_a_stream_that_needed_no_key_ends_when_keys_are_asked_for(service: Served) -> None:
    def close() -> None:
        key(service)

    assert followed(service, None, close)
