#!/usr/bin/env python3
"""Stands in the place of the job's Python where a test is about the way there and back: a run that is over at once.

It waits while a file `hold` lies beside it, and leaves what a run leaves, with a small real ONNX in it.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main(argv: list[str]) -> int:
    if argv[:2] == ["-m", "zipfile"]:
        Path(argv[4]).mkdir(exist_ok=True)
        return 0
    plan, mount = json.loads(Path(argv[2]).read_text()), Path(argv[3])
    lines = [{"n": 1, "event": "phase", "at": "2026-11-22T00:00:00Z", "phase": "train"},
             {"n": 2, "event": "step", "at": "2026-11-22T00:00:01Z", "step": 1, "total": 1, "loss": 0.5}]  # fmt: skip
    said = "".join(json.dumps(line) + "\n" for line in lines).encode()
    # as a real run, it has nothing to say at first
    time.sleep(1)
    _write(mount / "progress" / "00000001.jsonl", said)
    deadline = time.monotonic() + 600
    while (HERE / "hold").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    files = {"progress.jsonl": said, "onnx/fp32/model.onnx": (HERE / "model.onnx").read_bytes()}
    failed = (HERE / "fail").exists()
    error = {"code": "job_failed", "detail": "train: out of memory.", "remedy": "A smaller micro_batch."}
    result = {"status": "failed" if failed else "succeeded", "plan": plan["id"], "error": error if failed else None}
    files["result.json"] = json.dumps(result).encode()
    for name, body in files.items():
        _write(mount / "files" / name, body)
    listed = [{"path": name, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
              for name, body in files.items()]  # fmt: skip
    transfer = {"schema": "tunegate.transfer/1", "plan": plan["id"], "files": listed}
    _write(mount / "transfer.json", json.dumps(transfer).encode())
    return 1 if failed else 0


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


sys.exit(main(sys.argv[1:]))
