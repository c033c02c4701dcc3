"""Addresses, sources and retention as the environment names them; what could be read in two ways is refused."""

from __future__ import annotations

import pytest

from service.errors import TuneGateError
from service.settings import load_settings
from service.storage.opening import require_safe_endpoints
from service.storage_settings import Retention, address_of


@pytest.mark.parametrize(
    "url",
    [
        "az://kept", "az://kept/a/b", "s3://kept-here/a", "abfss://kept@account1.dfs.core.windows.net/a",
        "abfss://kept@account1.blob.core.usgovcloudapi.net",
    ],
)  # fmt: skip
def test_an_address_is_what_obstore_reads(url: str) -> None:
    address = address_of(url)
    assert address is not None
    assert address.url == url


@pytest.mark.parametrize(
    "url",
    [
        "", "kept", "https://account.blob.core.windows.net/kept", "az://", "az:///a", "az://Kept/a", "az://kept/../other",
        "az://kept/a/../b", "az://kept/a//b", "az://kept/%2e%2e/b", "az://kept/a?sv=1&sig=x", "az://kept/a#b",
        "az://user:password@kept/a", "s3://key:secret@bucket", "abfss://kept@quokkas.org/a", "abfss://kept/a",
        "abfss://kept@account1.dfs.core.windows.net.quokkas.org/a", "s3://bu\\cket", "s3://bucket/a b", "file://host/a",
        "file:///a/../b", "s3://bucket\n", "gs://bucket",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_not_repeated(url: str) -> None:
    assert address_of(url) is None
    with pytest.raises(TuneGateError) as raised:
        load_settings({"TUNEGATE_STORAGE_URL": url or "x", "TUNEGATE_DATASET_SOURCES": url or "x"})
    names = [one.where for one in raised.value.errors]
    assert names[0] == "TUNEGATE_STORAGE_URL"
    # a list is parted by spaces
    assert any(name.startswith("TUNEGATE_DATASET_SOURCES: entry") for name in names) or url.endswith("\n")
    said = " ".join(f"{one.seen} {one.allowed} {one.remedy}" for one in raised.value.errors)
    assert len(url) < 8 or url not in said


def test_sources_may_not_meet_the_services_own_storage() -> None:
    for storage, source in (
        ("az://kept/a", "az://kept/a/b"), ("az://kept/a/b", "az://kept/a"), ("az://kept", "az://kept"),
        ("az://kept/a", "abfss://kept@account1.dfs.core.windows.net/a"), ("s3://kept/a", "s3://kept"),
    ):  # fmt: skip
        with pytest.raises(TuneGateError) as raised:
            load_settings({"TUNEGATE_STORAGE_URL": storage, "TUNEGATE_DATASET_SOURCES": source})
        assert [one.where for one in raised.value.errors] == ["TUNEGATE_DATASET_SOURCES: entry 1"]
    listed = "az://kept/ab desk=s3://kept"
    found = load_settings({"TUNEGATE_STORAGE_URL": "az://kept/a", "TUNEGATE_DATASET_SOURCES": listed}).storage.sources
    assert [(one.address.url, one.project) for one in found] == [("az://kept/ab", None), ("s3://kept", "desk")]


def test_days_are_for_all_kinds_or_for_one() -> None:
    assert load_settings({}).storage.retention == Retention()
    found = load_settings({"TUNEGATE_RETENTION_DAYS": "30", "TUNEGATE_RETENTION_JOBS_DAYS": "7"})
    assert found.storage.retention == Retention(datasets=30, jobs=7, evaluations=30, syntheses=30)
    with pytest.raises(TuneGateError) as raised:
        load_settings({"TUNEGATE_RETENTION_DAYS": "0", "TUNEGATE_CACHE_BYTES": "much"})
    assert [one.where for one in raised.value.errors] == ["TUNEGATE_RETENTION_DAYS", "TUNEGATE_CACHE_BYTES"]


def test_an_endpoint_without_tls_is_one_of_this_machine() -> None:
    address = address_of("s3://kept")
    assert address is not None
    assert require_safe_endpoints(address, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    assert not require_safe_endpoints(address, {"AWS_ENDPOINT_URL": "https://s3.quokkas.org"})
    for wrong in ("http://s3.quokkas.org", "HTTP://10.0.0.1", "http://127.0.0.1.quokkas.org", "http://[::ffff:a00:1]"):
        with pytest.raises(TuneGateError) as raised:
            require_safe_endpoints(address, {"AWS_ENDPOINT": wrong, "AWS_ALLOW_HTTP": "true"})
        assert [one.where for one in raised.value.errors] == ["AWS_ENDPOINT"]
