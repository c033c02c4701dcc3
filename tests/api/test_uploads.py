"""Bodies sent to a real service process: large, too large, broken off, stalled, given up, side by side."""

from __future__ import annotations

import gzip
import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import psutil
import pytest

from service.cli.app import run

MIB = 2**20
CANARY = "zebra-upload-4402"


def row(number: int, *, words: int = 6) -> bytes:
    chance = random.Random(number)
    answer = " ".join(f"{chance.choice('abcdefgh')}{chance.randrange(999)}" for _ in range(words))
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": f"Question {number}?"},
        {"role": "assistant", "content": f"{answer}."},
    ]
    return json.dumps({"messages": messages}).encode() + b"\n"


ROWS = b"".join(row(number) for number in range(60))


def answered(connection: socket.socket) -> Any:
    """The body of the answer on a connection."""
    answer = HTTPResponse(connection)
    answer.begin()
    return json.loads(answer.read())


def large(megabytes: int) -> Iterator[bytes]:
    """At least so many MiB of unique rows of 13 kB each, made while they are sent."""
    filler = b" ".join(b"word%d" % number for number in range(1_500))
    for start in range(0, megabytes * 84, 84):
        yield b"".join(row(start + number)[:-5] + b" " + filler + b'."}]}\n' for number in range(84))


def test_a_large_body_is_linted_at_constant_memory(server: Any) -> None:
    server.lint(large(8))
    process, samples, done = psutil.Process(server.process.pid), [0], threading.Event()
    before = process.memory_info().rss

    def watch() -> None:
        while not done.wait(0.02):
            samples.append(process.memory_info().rss)

    watching = threading.Thread(target=watch)
    watching.start()
    answer = server.lint(large(200))
    done.set()
    watching.join()
    assert answer.status_code == 200, answer.text
    assert answer.json()["files"][0]["bytes"] > 200 * MIB
    assert max(samples) - before < 48 * MIB
    assert server.waiting == []


def test_a_body_gets_the_report_of_the_command_line(server: Any, tmp_path: Path) -> None:
    raw = ROWS + b'{"messages": []}\n{"a": 1, "a": 2}\n\xff\n' * 30
    (tmp_path / "data.jsonl").write_bytes(raw)
    for query in (
        {},
        {"select": "F,R0", "ignore": "F008", "max_findings": "7", "model": "phi-4", "method": "dpo", "tokens": "off"},
    ):
        flags = [part for name, value in query.items() for part in (f"--{name.replace('_', '-')}", value)]
        report = tmp_path / "report.json"
        command = ["lint", str(tmp_path / "data.jsonl"), "--target", "trl", "--format", "json"]
        assert run([*command, "--output", str(report), *flags]) == 1
        want = json.loads(report.read_text().replace(json.dumps(str(tmp_path / "data.jsonl")), '"-"'))
        assert server.lint(raw, **query | {"target": "trl"}).json() == want


@pytest.mark.parametrize("route", ["lint", "datasets"])
def test_too_large_is_told_before_the_body_is_read(server: Any, route: str) -> None:
    head = f"Content-Length: {server.limit + 1}\r\nExpect: 100-continue\r\n\r\n".encode()
    with server.dial(f"/v1/{route}?target=local HTTP/1.1", head) as connection:
        answer = answered(connection)
    assert answer["code"] == "too_large"
    assert answer["errors"] == [
        {
            "where": "body",
            "seen": f"has {server.limit + 1} bytes",
            "allowed": f"at most {server.limit} bytes",
            "remedy": None,
        }
    ]


def test_too_large_is_told_while_a_body_of_unknown_length_comes(server: Any) -> None:
    with server.dial("/v1/lint?target=local&privacy=off HTTP/1.1", b"Transfer-Encoding: chunked\r\n\r\n") as connection:
        for _ in range(server.limit // MIB + 1):
            connection.sendall(b"%x\r\n" % MIB + b"x" * MIB + b"\r\n")
        answer = answered(connection)
    assert (answer["status"], answer["code"]) == (413, "too_large")
    assert "TUNEGATE_MAX_BODY_BYTES" in answer["remedy"]
    server.until(lambda: server.waiting == [])
    chunks = (b"x" * MIB for _ in range(server.limit // MIB + 9))
    assert str(server.limit) in server.refused(server.lint(chunks), 413, "too_large")["detail"]


BROKEN_OFF = {
    "chunked": (b"Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n" % len(ROWS) + ROWS + b"\r\n40\r\n" + ROWS[:20]),
    "counted": (b"Content-Length: %d\r\n\r\n" % (len(ROWS) + 1), ROWS),
}


@pytest.mark.parametrize("name", BROKEN_OFF)
def test_a_body_that_breaks_off_leaves_nothing(server: Any, name: str) -> None:
    kept = set((server.home / "storage" / "default" / "datasets").glob("*"))
    with server.dial("/v1/datasets?target=kaito&privacy=off HTTP/1.1", *BROKEN_OFF[name]):
        server.until(lambda: server.waiting)
    server.until(lambda: server.waiting == [])
    assert set((server.home / "storage" / "default" / "datasets").glob("*")) == kept


def test_memory_of_bodies_that_break_off_is_given_back(server: Any) -> None:
    def cut() -> None:
        head = b"Content-Length: %d\r\n\r\n" % (200 * MIB)
        with server.dial("/v1/datasets?target=local&privacy=off HTTP/1.1", head) as connection:
            for _ in range(48):
                connection.sendall(ROWS * (MIB // len(ROWS)))
            server.until(lambda: server.waiting)
        server.until(lambda: server.waiting == [])

    cut()
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    for _ in range(4):
        cut()
    assert process.memory_info().rss - before < 48 * MIB


def test_a_client_that_stops_sending_is_let_go(serve: Any, tmp_path: Path) -> None:
    impatient = serve(tmp_path, TUNEGATE_BODY_IDLE_SECONDS="1")
    with impatient.dial("/v1/datasets?target=local&privacy=off HTTP/1.1", *BROKEN_OFF["chunked"]) as connection:
        answer = answered(connection)
    assert (answer["status"], answer["code"]) == (408, "body_stalled")
    assert impatient.waiting == []
    impatient.stop()


def test_linting_ends_when_the_client_leaves(server: Any) -> None:
    body = b'{"messages": [{"role": "User"}]}\n' * 3_000_000
    head = b"Content-Length: %d\r\n\r\n" % len(body)
    kept = set((server.home / "storage" / "default" / "datasets").glob("*"))
    with server.dial("/v1/datasets?target=local&privacy=off HTTP/1.1", head, body):
        server.until(lambda: [path.stat().st_size for path in server.waiting] == [len(body)], seconds=60)
    server.until(lambda: server.waiting == [], seconds=60)
    process = psutil.Process(server.process.pid)
    before = sum(process.cpu_times()[:2])
    time.sleep(0.5)
    assert sum(process.cpu_times()[:2]) - before < 0.25
    assert set((server.home / "storage" / "default" / "datasets").glob("*")) == kept


def test_uploads_side_by_side_do_not_mix(server: Any) -> None:
    bodies = [b"".join(row(number) for number in range(start, start + 2_000)) for start in (0, 10_000, 20_000)]
    want = [server.lint(body).json() for body in bodies]

    def slowly(body: bytes) -> Iterator[bytes]:
        for start in range(0, len(body), 50_000):
            yield body[start : start + 50_000]
            time.sleep(0.01)

    with ThreadPoolExecutor(len(bodies)) as pool:
        answers = list(pool.map(lambda body: server.lint(slowly(body), route="datasets"), bodies))
    assert [answer.status_code for answer in answers] == [201] * len(bodies), [answer.text for answer in answers]
    found = [answer.json()["report"] for answer in answers]
    assert found == want
    assert len({report["id"] for report in found}) == len(bodies)


def test_every_wrong_parameter_is_told_at_once_and_before_the_body(server: Any) -> None:
    query = {
        "target": "opnai", "method": "ppo", "select": "R0,R999", "ignore": "Z",
        "max_findings": "-1", "max_finding": "1", "tokens": "some",
    }  # fmt: skip
    body = server.refused(server.http.post("/v1/lint", params=query, content=ROWS), 422, "invalid_input")
    assert {one["where"]: one["remedy"] for one in body["errors"]} == {
        "max_finding": "Did you mean 'max_findings'?", "target": "Did you mean 'openai'?", "method": None,
        "tokens": None, "max_findings": None, "select": None, "ignore": None,
    }  # fmt: skip
    assert [one["where"] for one in server.refused(server.http.post("/v1/lint"), 422, "invalid_input")["errors"]] == [
        "target"
    ]
    twice = server.refused(server.http.post("/v1/lint?target=trl&target=kaito"), 422, "invalid_input")
    assert [(one["where"], one["seen"]) for one in twice["errors"]] == [("target", "given twice")]


def test_a_stored_dataset_is_linted_by_every_rule(server: Any) -> None:
    body = server.refused(server.lint(ROWS, route="datasets", ignore="R"), 422, "invalid_input")
    assert [one["where"] for one in body["errors"]] == ["ignore"]
    flawed = b'{"messages": []}\n' * 30
    few, all_ = (server.lint(flawed, route="datasets", max_findings=most).json() for most in (1, 0))
    assert len(few["report"]["findings"]) < len(all_["report"]["findings"])
    assert few["id"] != all_["id"]


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Content-Encoding": "br"}, "gzip"),
        ({"Content-Encoding": ""}, "gzip"),
        ({"Content-Encoding": "gzip, gzip"}, "gzip"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, "--data-binary"),
    ],
)
def test_bodies_that_are_not_the_lines_are_refused(server: Any, headers: dict[str, str], said: str) -> None:
    assert said in server.refused(server.lint(ROWS, headers=headers), 415, "unsupported_body")["remedy"]


def test_nothing_of_the_data_is_logged_or_repeated(server: Any) -> None:
    canary = CANARY.encode()
    rows = ROWS + b'{"messages": [{"role": "%s", "content": "%s"}]}\n{"%s": 1\n%s\n' % (canary, canary, canary, canary)
    answers = [
        server.lint(rows), server.lint(rows, route="datasets"), server.lint(gzip.compress(rows)[:-4]),
        server.lint(rows, headers={"Content-Encoding": "zstd"}),
        server.lint(rows, headers={"Content-Type": "multipart/form-data"}), server.lint(rows, target="x"),
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [200, 201, 422, 422, 415, 422]
    with server.dial("/v1/datasets?target=local&privacy=off HTTP/1.1", b"Content-Length: 99999\r\n\r\n", rows):
        server.until(lambda: server.waiting)
    server.until(lambda: server.waiting == [])
    told = [answer.text for answer in answers] + [server.http.get("/metrics").text, server.log.read_text()]
    assert [text for text in told if CANARY in text] == []
    assert not [path for path in server.home.rglob("*") if CANARY in path.name]


def test_what_a_killed_service_left_is_removed_at_the_next_start(serve: Any, tmp_path: Path) -> None:
    killed = serve(tmp_path)
    kept = tmp_path / "storage" / "default" / "datasets"
    with killed.dial("/v1/datasets?target=local&privacy=off HTTP/1.1", *BROKEN_OFF["chunked"]):
        killed.until(lambda: killed.waiting)
        assert killed.waiting[0].stat().st_mode & 0o077 == 0
        killed.process.kill()
        killed.process.wait()
    assert killed.waiting
    again = serve(tmp_path)
    assert (again.waiting, list(kept.glob("**/*"))) == ([], [])
    # what was sent whole is another dataset than what was cut, and the only one
    made = again.lint(ROWS, route="datasets").json()["id"]
    assert [path.stem for path in kept.iterdir()] == [made]
    again.stop()
