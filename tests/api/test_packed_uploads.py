"""Packed bodies: the same report as for what they hold, within the same limits."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest
import zstandard
from pyarrow import parquet

ROWS = (Path(__file__).resolve().parents[2] / "examples" / "library-desk" / "train.jsonl").read_bytes()
MIB = 2**20


def packings() -> dict[str, bytes]:
    two = ROWS[:5_000], ROWS[5_000:]
    compressor = zstandard.ZstdCompressor()
    return {
        "gzip": gzip.compress(ROWS), "zstd": compressor.compress(ROWS),
        "gzip members": gzip.compress(two[0]) + gzip.compress(two[1]) + b"\0" * 512,
        "zstd frames": compressor.compress(two[0]) + compressor.compress(two[1]),
    }  # fmt: skip


@pytest.mark.parametrize("name", packings())
def test_packed_bodies_are_those_they_hold(server: Any, name: str) -> None:
    body, coding = packings()[name], name.split(maxsplit=1)[0]
    want = server.lint(ROWS).json()
    assert server.lint(body).json() == want
    assert server.lint(body, headers={"Content-Encoding": coding}).json() == want
    stored = server.lint(body, route="datasets").json()
    assert (stored["bytes"], stored["report"]) == (len(ROWS), want)
    assert (server.home / "storage" / "default" / "datasets" / f"{stored['id']}.jsonl").read_bytes() == ROWS
    both = server.lint(gzip.compress(body), headers={"Content-Encoding": "gzip"})
    assert both.json() == want
    server.refused(server.lint(gzip.compress(body)), 422, "invalid_input")


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_damaged_packing_is_refused_and_nothing_is_kept(server: Any, coding: str) -> None:
    body = packings()[coding]
    headers = {"Content-Encoding": coding}
    for damaged in (body[:-9], body[: len(body) // 2], body + b"more", body[:40] + b"\xff\xff\xff\xff" + body[44:]):
        for options in ({}, {"headers": headers}):
            answer = server.lint(damaged, route="datasets", **options)
            assert coding in server.refused(answer, 422, "invalid_input")["detail"]
    server.refused(server.lint(ROWS, headers=headers), 422, "invalid_input")
    assert server.waiting == []


def test_a_bomb_ends_at_the_limit(server: Any) -> None:
    zeros = bytes(8 * MIB)
    compressor = zlib.compressobj(9, wbits=31)
    gzipped = b"".join(compressor.compress(zeros) for _ in range(40)) + compressor.flush()
    frames = zstandard.ZstdCompressor().compress(zeros) * 40
    for bomb in (gzipped, frames, gzip.compress(gzipped)):
        headers = {"Content-Encoding": "gzip"} if bomb is not frames else None
        body = server.refused(server.lint(bomb, headers=headers), 413, "too_large")
        assert "unpacked" in body["detail"]
        assert str(server.limit) in body["detail"]
    assert server.waiting == []


def stored_parquet(folder: Path, table: pa.Table) -> bytes:
    path = folder / "data.parquet"
    parquet.write_table(table, path, compression="zstd", write_statistics=False)
    return path.read_bytes()


def test_parquet_is_not_stored_because_no_trainer_reads_it(server: Any, tmp_path: Path) -> None:
    body = stored_parquet(tmp_path, pa.Table.from_pylist([{"messages": []}]))
    assert server.lint(body).status_code == 200
    refused = server.refused(server.lint(body, route="datasets"), 422, "invalid_input")
    assert "Parquet is not taken here" in refused["detail"]
    assert "tunegate convert" in refused["remedy"]
    assert server.waiting == []


@pytest.mark.parametrize(
    "body", [b"PAR1" + bytes(64) + b"PAR1", b"PAR1", b"PAR1" * 999], ids=["zeros", "mark", "marks"]
)
def test_what_only_begins_like_parquet_is_refused(server: Any, body: bytes) -> None:
    assert "damaged, or no Parquet" in server.refused(server.lint(body), 422, "unreadable_path")["detail"]
    assert server.waiting == []


def test_a_kilobyte_of_parquet_fills_no_memory(server: Any, tmp_path: Path) -> None:
    """One long text and a million small numbers that say: that one again."""
    process, kept = psutil.Process(server.process.pid), server.lint(ROWS).json()
    for length, times in ((MIB, 1_000_000), (8 * MIB, 1_000)):
        again = pa.DictionaryArray.from_arrays(pa.array([0] * times, pa.int32()), pa.array(["x" * length]))
        body = stored_parquet(tmp_path, pa.table({"text": again}))
        assert len(body) < 4096
        before = process.memory_info().rss
        refused = server.refused(server.lint(body), 413, "too_large")
        assert "rows of more than" in refused["errors"][0]["seen"]
        assert process.memory_info().rss - before < 128 * MIB
    assert server.lint(ROWS).json() == kept
    assert server.waiting == []
    assert process.children() == []


def test_reading_parquet_ends_when_the_client_leaves(server: Any, tmp_path: Path) -> None:
    answer = "word " * 200
    rows = [
        {"messages": [{"role": "user", "content": f"{n}?"}, {"role": "bot", "content": answer}]} for n in range(50_000)
    ]
    body = stored_parquet(tmp_path, pa.Table.from_pylist(rows))
    process = psutil.Process(server.process.pid)
    with server.dial("/v1/lint?target=local&privacy=off HTTP/1.1", b"Content-Length: %d\r\n\r\n" % len(body), body):
        server.until(process.children)
    server.until(lambda: server.waiting == [] and process.children() == [], seconds=5)
