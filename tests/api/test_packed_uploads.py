"""Packed bodies: the same report as for what they hold, within the same limits."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import pytest
import zstandard

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
    assert (server.home / "datasets" / f"{stored['id']}.jsonl").read_bytes() == ROWS
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


def test_parquet_is_refused(server: Any) -> None:
    for route in ("lint", "datasets"):
        body = server.refused(server.lint(b"PAR1" + bytes(64) + b"PAR1", route=route), 422, "invalid_input")
        assert "Parquet is not taken here" in body["detail"]
    assert server.waiting == []
