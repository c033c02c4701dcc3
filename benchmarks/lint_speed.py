"""CPU of `lint` against a bare typed decode of the same lines, in one process: the ratio is what counts.

Run: python benchmarks/lint_speed.py [MB]. Absolute times mean nothing on a shared machine.
"""

from __future__ import annotations

import io
import json
import platform
import random
import sys
import time
from collections.abc import Callable

from service.data import rule_files
from service.lint.fast import DECODER
from service.verbs.lint import LintInput, LintRequest, lint

SEED = 7
REPEATS = 3
WORDS = ["the", "library", "desk", "opens", "books", "loans", "rooms", "members", "return", "renew", "cards", "maps"]


def corpus(megabytes: float) -> bytes:
    """Plain chats of about a kilobyte, 1 in 500 broken."""
    chance = random.Random(SEED)
    lines, size = [], 0
    while size < megabytes * 1e6:
        say = " ".join(chance.choice(WORDS) for _ in range(60))
        answer = " ".join(chance.choice(WORDS) for _ in range(90)) + f" {len(lines)}."
        row = {
            "messages": [
                {"role": "system", "content": "Answer for the desk."},
                {"role": "user", "content": say},
                {"role": "assistant" if chance.random() > 0.002 else "Assistant", "content": answer},
            ]
        }
        lines.append(json.dumps(row).encode() + b"\n")
        size += len(lines[-1])
    return b"".join(lines)


def decode(raw: bytes) -> None:
    """The reference: one typed decode per line, errors ignored."""
    for line in raw.splitlines():
        try:
            DECODER.decode(line)
        except ValueError:
            continue


def cpu_seconds(work: Callable[[], object]) -> float:
    """The best of several runs, in CPU seconds of this process."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    """Print the ratio with its conditions."""
    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    raw, rules = corpus(megabytes), rule_files()
    request = LintRequest(inputs=[LintInput(None, "-")], target="azure-openai")
    lint(request, rules=rules, stdin=io.BytesIO(raw[:100_000]))
    reference = cpu_seconds(lambda: decode(raw))
    ours = cpu_seconds(lambda: lint(request, rules=rules, stdin=io.BytesIO(raw)))
    print(f"lint speed: {megabytes:g} MB, Python {platform.python_version()}, {platform.machine()}, best of {REPEATS}")
    print(f"  typed decode alone   {reference:.2f} CPU s")
    print(f"  lint (azure-openai)  {ours:.2f} CPU s = {ours / reference:.1f} x decode")


if __name__ == "__main__":
    main()
