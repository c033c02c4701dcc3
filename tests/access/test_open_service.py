"""A service that asks for no key: it answers under its own names only, for a page may have any name lead to it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any

import pytest
from served import Served

from service.errors import TuneGateError
from service.settings import load_settings
from service.verbs.keys import create_key, key_store

_REBOUND = "rebound.quokkas.org"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("home")
    running = Served(home, TUNEGATE_HOSTS="Tunes.quokkas.org, [fd00::7]")
    yield running
    running.stop()


def asked(service: Served, *hosts: str, path: str = "/v1/jobs", head: str = "") -> tuple[int, Any]:
    """Status and body for a request with these Host headers, written by hand."""
    address, _, port = service.url.removeprefix("http://").rpartition(":")
    named = "".join(f"Host: {host}\r\n" for host in hosts)
    with socket.create_connection((address, int(port)), timeout=60) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\n{named}{head}Connection: close\r\n\r\n".encode())
        answer = HTTPResponse(connection)
        answer.begin()
        return answer.status, json.loads(answer.read() or b"null")


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:80", "127.0.0.1:8484", "127.8.8.8", "[::1]:9", "tunes.quokkas.org:443", "[fd00::7]"],
)
def test_its_own_names_are_answered(service: Served, host: str) -> None:
    assert asked(service, host)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        _REBOUND, f"{_REBOUND}:8484", f"localhost.{_REBOUND}", f"127.0.0.1.{_REBOUND}", "169.254.169.254",
        "tunes.quokkas.org.", "[::2]", "0.0.0.0", "",
    ],
)  # fmt: skip
def test_any_other_name_is_refused(service: Served, host: str) -> None:
    status, body = asked(service, host)
    assert (status, body["code"]) == (403, "host_refused")
    assert "TUNEGATE_HOSTS" in body["remedy"]
    assert _REBOUND not in body["detail"]


def test_one_good_name_does_not_make_up_for_another(service: Served) -> None:
    assert asked(service, "localhost", _REBOUND)[1]["code"] == "bad_host"


def test_a_page_under_a_name_of_its_own_acts_as_little_as_it_reads(service: Served) -> None:
    origin = f"Origin: http://{_REBOUND}:8484\r\n"
    assert asked(service, f"{_REBOUND}:8484", head=origin)[1]["code"] == "host_refused"
    assert asked(service, f"{_REBOUND}:8484", path="/mcp", head=origin)[1]["code"] == "host_refused"


def test_probes_ask_under_any_name_and_so_does_who_has_a_key(service: Served) -> None:
    assert asked(service, _REBOUND, path="/health/live")[0] == 200
    with key_store(load_settings({"TUNEGATE_HOME": str(service.home)})) as store:
        made = create_key(store, "a proxy's", project="default", scopes=("read",), expires="90d")
    assert asked(service, _REBOUND, head=f"X-API-Key: {made.secret}\r\n")[0] == 200
    assert asked(service, _REBOUND)[1]["code"] == "unauthorized"


def test_hosts_are_names_without_port_and_path() -> None:
    with pytest.raises(TuneGateError) as raised:
        load_settings({"TUNEGATE_HOSTS": "good.quokkas.org https://bad.quokkas.org bad.quokkas.org:1"})
    assert [one.where for one in raised.value.errors] == ["TUNEGATE_HOSTS: entry 2", "TUNEGATE_HOSTS: entry 3"]
