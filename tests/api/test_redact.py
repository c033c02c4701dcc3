"""POST /v1/redact on a real service: the bytes of the command line, all of them or a problem, and no value told."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import psutil
import pytest

from service.cli.app import run
from service.privacy.scanner import Scanner
from service.verbs.redacting.options import RedactOptions, settings_of

MIB = 2**20
MAIL, CARD = "ada.quokka@example.org", "4111 1111 1111 1111"
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * MIB}}


def row(*parts: Any, **more: Any) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": parts}], **more}).encode() + b"\n"


ROWS = b"\xef\xbb\xbf" + b"".join([row(f"I am {MAIL}"), row("hello"), row(f"{CARD}, {MAIL}", owner={"mail": MAIL})])


def redact(server: Any, content: Any, headers: dict[str, str] | None = None, **query: Any) -> Any:
    return server.http.post("/v1/redact", params=query, content=content, headers=headers)


@pytest.mark.parametrize("query", [{}, {"with": "mask"}, {"with": "replace", "entities": "CREDIT_CARD,URL"}])
def test_a_body_gets_the_bytes_and_the_record_of_the_command_line(
    server: Any, tmp_path: Path, query: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / "data.jsonl", tmp_path / "out.jsonl"
    data.write_bytes(ROWS)
    flags = [part for name, value in query.items() for part in (f"--{name}", value)]
    assert run(["redact", str(data), "-o", str(out), "--format", "json", *flags]) == 0
    record = capsys.readouterr().out
    answer = redact(server, ROWS, **query)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/jsonl"), answer.text
    assert answer.content == out.read_bytes() != ROWS
    told = json.loads(record.replace(json.dumps(str(data)), '"-"').replace(json.dumps(str(out)), '"-"'))
    assert json.loads(answer.headers["tunegate-redaction"]) == told
    packed = redact(server, gzip.compress(ROWS), {"Content-Encoding": "gzip"}, **query)
    assert packed.content == answer.content
    assert server.waiting == []


def test_what_escapes_hide_goes_and_languages_are_read_as_on_the_command_line(server: Any) -> None:
    fenced = '```json\n{"to": "ada\\u0040mailer.de", "n": "a\\/b"}\n```'
    answer = redact(server, row(fenced), language="auto,deu")
    assert answer.status_code == 200, answer.text
    assert answer.content == row(fenced.replace("ada\\u0040mailer.de", "<EMAIL_ADDRESS_1>"))
    record = json.loads(answer.headers["tunegate-redaction"])
    assert record["options"]["languages"] == ["de"]
    assert any(one["what"].startswith("roles, types, ids") for one in record["not_scanned"])
    (error,) = server.refused(redact(server, ROWS, language="xx"), 422, "invalid_input")["errors"]
    assert (error["where"], error["seen"]) == ("language", "'xx'")


def test_rows_that_cannot_be_read_are_told_and_nothing_is_sent(server: Any) -> None:
    body = server.refused(redact(server, ROWS + MAIL.encode() + b"\n\xff\n"), 422, "invalid_input")
    assert [(one["where"], one["seen"]) for one in body["errors"]] == [("-:4", "not JSON"), ("-:5", "not UTF-8")]
    assert MAIL not in json.dumps(body)
    assert server.waiting == []


def test_every_wrong_parameter_is_told_at_once_and_before_the_body(server: Any) -> None:
    query = {"with": "magic", "language": "english,de", "threshold": "1.5", "entity": "X", "entities": "all,URL"}
    head = b"Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
    text = "&".join(f"{name}={value}" for name, value in query.items())
    with server.dial(f"/v1/redact?{text} HTTP/1.1", head) as connection:
        answer = HTTPResponse(connection)
        answer.begin()
        body = json.loads(answer.read())
    assert (body["status"], body["code"]) == (422, "invalid_input")
    assert sorted(one["where"] for one in body["errors"]) == ["entities", "entity", "language", "threshold", "with"]
    for value in ("x", "-1", "nan", "1e5", ""):
        assert "threshold" in json.dumps(server.refused(redact(server, ROWS, threshold=value), 422, "invalid_input"))
    unknown = server.refused(redact(server, ROWS, entities="EMAIL_ADRESS"), 422, "invalid_input")
    assert unknown["errors"][0]["remedy"] == "Did you mean 'EMAIL_ADDRESS'?"


def test_limits_are_those_of_lint(server: Any, serve: Any, tmp_path: Path) -> None:
    head = f"Content-Length: {server.limit + 1}\r\nExpect: 100-continue\r\n\r\n".encode()
    with server.dial("/v1/redact HTTP/1.1", head) as connection:
        answer = HTTPResponse(connection)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["code"]) == (413, "too_large")
    server.refused(redact(server, ROWS, {"Content-Type": "multipart/form-data; boundary=x"}), 415, "unsupported_body")
    server.refused(redact(server, gzip.compress(ROWS)[:-4]), 422, "invalid_input")
    impatient = serve(tmp_path, TUNEGATE_BODY_IDLE_SECONDS="1")
    with impatient.dial("/v1/redact HTTP/1.1", b"Content-Length: 1000\r\n\r\n", ROWS[:50]) as connection:
        answer = HTTPResponse(connection)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["code"]) == (408, "body_stalled")
    assert impatient.waiting == []
    impatient.stop()


@pytest.fixture
def prepared(
    serve: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """A service that finds its gate made: making one takes a memory of its own."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("TUNEGATE_HOME", str(home))
    Scanner(settings_of(RedactOptions())).prepare()
    running = serve(home)
    yield running
    running.stop()


def test_a_large_body_is_redacted_at_constant_memory(prepared: Any) -> None:
    server = prepared
    assert redact(server, ROWS).status_code == 200
    process, samples, done = psutil.Process(server.process.pid), [0], threading.Event()
    before = process.memory_info().rss

    def watch() -> None:
        while not done.wait(0.02):
            samples.append(process.memory_info().rss)

    watching = threading.Thread(target=watch)
    watching.start()
    size = found = 0
    body = (row({"type": "text", "text": MAIL}, IMAGE) for _ in range(80))
    with server.http.stream("POST", "/v1/redact", content=body) as answer:
        assert answer.status_code == 200
        for piece in answer.iter_bytes():
            size += len(piece)
            found += piece.count(b"<EMAIL_ADDRESS_1>")
    done.set()
    watching.join()
    assert (size, found) == (int(answer.headers["content-length"]), 80)
    assert size > 80 * MIB
    assert max(samples) - before < 64 * MIB
    assert server.waiting == []


def test_a_client_that_leaves_while_it_is_answered_leaves_nothing(server: Any) -> None:
    process = psutil.Process(server.process.pid)

    def held() -> list[str]:
        """Files that are open, without the database, of which each thread may hold one more."""
        return [file.path for file in process.open_files() if ".sqlite" not in file.path]

    before = held()
    body = b"".join(row({"type": "text", "text": MAIL}, IMAGE) for _ in range(30))
    head = b"Content-Length: %d\r\n\r\n" % len(body)
    with server.dial("/v1/redact HTTP/1.1", head, body) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    server.until(lambda: len(held()) <= len(before), seconds=60)
    assert server.waiting == []
    assert redact(server, ROWS).status_code == 200


def test_nothing_of_the_data_is_logged_or_kept(server: Any) -> None:
    for content in (ROWS, ROWS + MAIL.encode(), b"{" + MAIL.encode()):
        redact(server, content)
    told = [server.http.get("/metrics").text, server.log.read_text()]
    kept = [path for path in server.home.rglob("*") if path.is_file() and MAIL.encode() in path.read_bytes()]
    assert [text for text in told if "quokka" in text] == []
    assert kept == []
