"""A short run of the fuzzer with a fixed seed; the long one is `make fuzz`."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
from pathlib import Path

from lint_laws import TARGETS, judge, seeds

from service.verbs.lint import METHODS

SCRIPT = Path(__file__).parent / "lint_bytes.py"
RUNS = 1_200


def test_a_short_run_finds_nothing(tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        blind_run()
        return
    command = [sys.executable, str(SCRIPT), f"-runs={RUNS}", "-seed=7"]
    # by a shell: Linux hands our own peak of memory on to what we start, and libFuzzer would take it for the fuzzer's
    apart = ["sh", "-c", '"$@"; exit $?', "sh", *command]
    done = subprocess.run(apart, cwd=tmp_path, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-4_000:]
    assert list(tmp_path.glob("crash-*")) == []


def blind_run() -> None:
    """Where atheris has no wheel: as many mutated seeds, without a guide."""
    chance, found = random.Random(7), list(seeds())
    for _ in range(RUNS // 4):
        raw = bytearray(chance.choice(found) + chance.choice(found))
        for _ in range(chance.randrange(8)):
            start = chance.randrange(len(raw) + 1)
            raw[start : start + chance.randrange(4)] = chance.randbytes(chance.randrange(4))
        judge(bytes(raw), chance.choice(TARGETS), chance.choice(METHODS))


def test_the_blind_run_finds_nothing() -> None:
    blind_run()
