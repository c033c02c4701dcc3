"""Downloads over a line that breaks: from the real service, through a proxy that hangs up."""

from __future__ import annotations

import hashlib
import io
import os
import re
import socket
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from served import Served

from service.artifacts.bundle import read_manifest
from service.artifacts.listing import listed
from service.artifacts.zipped import zip_length, zip_stream
from service.client import Client
from service.client.retrying import Retries
from service.clock import now
from service.records.identity import record_id
from service.records.job import Job, Moment
from service.records.manifest import MANIFEST, Chain, Evaluation, Manifest
from service.settings import load_settings
from service.storage.storage import Storage
from service.verbs.keys import key_store

JOB = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
SIZE = 3_000_000
_CUT = 700_000


class Cutting:
    """Passes requests on to a service, and hangs up after so many bytes of an answer."""

    def __init__(self, url: str) -> None:
        self._to = ("127.0.0.1", int(url.rpartition(":")[2]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.ranges: list[str | None] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._to, timeout=60) as service:
            head = client.recv(1 << 16)
            found = re.search(rb"\r\nRange: ([^\r]+)", head, re.IGNORECASE)
            self.ranges.append(found[1].decode() if found else None)
            # its end is the end of the answer
            service.sendall(re.sub(rb"keep-alive", b"close", head, flags=re.IGNORECASE))
            left = _CUT
            while left and (piece := service.recv(min(left, 1 << 16))):
                client.sendall(piece)
                left -= len(piece)

    def stop(self) -> None:
        self._listener.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("home")
    running = Served(home)
    try:
        settings = load_settings({"TUNEGATE_HOME": str(home)})
        with key_store(settings) as store:
            store.of("default").add_job(
                Job(id=JOB, plan="0" * 64, state="queued", timeline=[Moment("queued", now())]), None
            )
            store.update_job(JOB, lambda job: msgspec.structs.replace(job, state="succeeded"))
        out = home / "runs" / JOB
        for name, size in {"onnx/fp32/model.onnx": SIZE, "README.md": 10, "adapter/größe.bin": 0}.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_bytes(os.urandom(size))
        chain, none = Chain(None, None, None, "f" * 64, JOB), Evaluation(None, None)
        manifest = Manifest(id="", chain=chain, files=listed(out), onnx=[], evaluation=none)
        manifest = msgspec.structs.replace(manifest, id=record_id(manifest))
        (out / MANIFEST).write_bytes(msgspec.json.encode(manifest))
        Storage(settings).of("default").keep_artifact(JOB)
        yield running
    finally:
        running.stop()


@pytest.fixture
def line(service: Served) -> Iterator[Cutting]:
    cutting = Cutting(service.url)
    yield cutting
    cutting.stop()


def test_zip_and_files_come_whole_over_a_line_that_breaks(service: Served, line: Cutting, tmp_path: Path) -> None:
    with Client(line.url, retries=Retries(tries=2, first=0.01)) as client:
        client.fetch_zip(JOB, tmp_path / "a.zip")
        cuts = [int(one.removeprefix("bytes=").rstrip("-")) for one in line.ranges if one]
        assert len(cuts) >= SIZE // _CUT
        assert cuts == sorted(set(cuts))
        assert (tmp_path / "a.zip").read_bytes() == b"".join(zip_stream(service.home / "runs" / JOB))
        assert zipfile.ZipFile(tmp_path / "a.zip").testzip() is None
        client.fetch_artifact(JOB, tmp_path / "artifact")
    for file in read_manifest(tmp_path / "artifact").files:
        assert hashlib.sha256((tmp_path / "artifact" / file.path).read_bytes()).hexdigest() == file.sha256


@pytest.mark.parametrize("path", ["artifact", "artifact/onnx/fp32/model.onnx", "artifact/manifest.json"])
def test_ranges_are_those_of_the_rfc(service: Served, path: str) -> None:
    get, url = service.http.get, f"/v1/jobs/{JOB}/{path}"
    whole = get(url)
    content, tag = whole.content, whole.headers["etag"]
    assert (whole.headers["accept-ranges"], int(whole.headers["content-length"])) == ("bytes", len(content))
    n = len(content)
    for asked, first, last in [
        ("bytes=0-0", 0, 0), ("bytes=5-", 5, n - 1), ("bytes=-7", n - 7, n - 1), (f"bytes=3-{n + 9}", 3, n - 1),
        (f"bytes=-{n + 9}", 0, n - 1), (f"bytes={n - 1}-", n - 1, n - 1),
    ]:  # fmt: skip
        part = get(url, headers={"Range": asked, "If-Range": tag})
        assert (part.status_code, part.headers["content-range"]) == (206, f"bytes {first}-{last}/{n}"), asked
        assert (part.content, part.headers["etag"]) == (content[first : last + 1], tag)
    for asked in (f"bytes={n}-", "bytes=-0"):
        beyond = get(url, headers={"Range": asked})
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{n}")
        assert beyond.json()["code"] == "range_not_satisfiable"
    # what is no range, more than one, and one of something else: all of it
    for headers in (
        {"Range": "bytes=a-b"}, {"Range": "lines=1-2"}, {"Range": "bytes=0-1,3-4"}, {"Range": "bytes=5-3"},
        {"Range": "bytes=-"},
        {"Range": "bytes=0-1", "If-Range": '"another"'}, {"Range": "bytes=0-1", "If-Range": f"W/{tag}"},
    ):  # fmt: skip
        answer = get(url, headers=headers)
        assert (answer.status_code, answer.content) == (200, content), headers
    assert get(url, headers={"If-None-Match": tag}).status_code == 304
    assert get(f"{url}x", headers={"Range": "bytes=0-1"}).status_code == 404


def test_the_tag_of_a_zip_changes_with_what_the_manifest_does_not_name(service: Served) -> None:
    url = f"/v1/jobs/{JOB}/artifact"
    before = service.http.get(url, headers={"Range": "bytes=0-0"}).headers["etag"]
    (service.home / "runs" / JOB / "trainer.json").write_text("{}")
    part = service.http.get(url, headers={"Range": "bytes=0-0", "If-Range": before})
    assert (part.status_code, part.headers["etag"] != before) == (200, True)


@pytest.mark.parametrize("limit", [10, 200, 4_000, 1 << 31])
def test_the_length_of_a_zip_is_known_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """Large files, offsets and directories have fields of their own: here those above a small limit."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", limit)
    for n, size in enumerate([0, 1, 9, 11, 150, 201, 3_999, 4_001, 20_000]):
        (tmp_path / f"{n}-ö").mkdir()
        (tmp_path / f"{n}-ö" / "file.bin").write_bytes(bytes(size))
    written = b"".join(zip_stream(tmp_path))
    assert zip_length(tmp_path) == len(written)
    assert len(zipfile.ZipFile(io.BytesIO(written)).infolist()) == 9
    assert b"".join(zip_stream(tmp_path, 777, 5_000)) == written[777:5_777]
