"""A run whose disk is full by its end still says how it ended."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

# the end of a run whose groups have all been carried out
ENDS = "import sys; from trainers.train import main; sys.exit(main(sys.argv[1:], groups=()))"
DISK_BYTES = 17_000


@pytest.fixture
def ended(make_plan: Any, tmp_path: Path) -> Any:
    """(exit code, result) of the end of a run with so long a result, within so many bytes to a file."""

    def end(characters: int) -> tuple[int, Any]:
        out = tmp_path / "out"
        (out / ".work").mkdir(parents=True)
        (out / ".work" / "part-training.json").write_text(json.dumps({"steps": 4, "note": "x" * characters}))
        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (DISK_BYTES, DISK_BYTES))
        command = [sys.executable, "-c", ENDS, str(make_plan()), str(out)]
        done = subprocess.run(command, preexec_fn=limit, check=False, capture_output=True)
        assert not list(out.glob(".result*"))
        assert not (out / ".work" / "verdict.reserved").exists()
        return done.returncode, json.loads((out / "result.json").read_text())

    return end


def test_a_result_without_space_becomes_a_failure_that_names_it(ended: Any) -> None:
    code, result = ended(2 * DISK_BYTES)
    assert (code, result["status"], result["error"]["code"]) == (3, "failed", "disk_full")
    assert "result: no space left" in result["error"]["detail"]


def test_one_with_space_is_written_whole(ended: Any) -> None:
    code, result = ended(100)
    assert (code, result["status"], result["training"]["steps"]) == (0, "succeeded", 4)


def test_so_does_one_whose_last_record_has_no_space(ended: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    line = json.dumps({"n": 1, "event": "log", "at": "now", "message": "x" * (DISK_BYTES - 80)})
    (out / "progress.jsonl").write_text(line + "\n")
    code, result = ended(100)
    assert (code, result["error"]["code"]) == (3, "disk_full")
