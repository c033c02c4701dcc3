"""CPU of a decision against one JSON decode of its facts, of all counterfactuals against one decision, and of
`POST /v1/decisions` against an echo route of the same server: ratios in one run.

Run: python benchmarks/advise_speed.py. Absolute times mean nothing on a shared machine.
"""

from __future__ import annotations

import itertools
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec
import psutil

from service.advisor.decide import Outcome, rejected, settle
from service.advisor.knowledge import load_knowledge
from service.advisor.whatif import pieces_of, would_change
from service.data import rule_files

RULES = rule_files()
KNOWLEDGE = load_knowledge(RULES)
EDITION = KNOWLEDGE.editions[0]
FACTS: dict[str, Any] = {
    "eval.exists": True, "gap.kind": "behaviour", "tried.prompt": True, "tried.few_shot": True, "data.rows": 240,
    "answer.grounded": False, "compute.managed_by": "us", "fit.lora": "fits", "scenario": ["chatbot"],
    "artifact.needed": "onnx", "data.source": "curated", "knowledge.changes": "never",
}  # fmt: skip
POSTS = 1_000
REPEATS = 5


def cpu(run: Callable[[], object], times: int) -> float:
    """Least CPU seconds of one call; the least of several runs is what a busy machine disturbs least."""
    found = []
    for _ in range(REPEATS):
        start = time.process_time()
        for _ in range(times):
            run()
        found.append((time.process_time() - start) / times)
    return min(found)


def decision() -> Outcome:
    """One decision over the whole chain with its full trace."""
    outcome = settle(KNOWLEDGE, FACTS, EDITION)
    rejected(KNOWLEDGE, outcome, EDITION)
    return outcome


# the service itself with one more route, so that both are measured in one process behind the same middleware
SERVER = """
import asyncio, sys
from typing import Any
import uvicorn
from litestar import post
from service.app import build_app

@post("/echo")
async def echo(data: dict[str, Any]) -> dict[str, Any]:
    return data

app = build_app()
app.register(echo)
uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False)
"""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(command: list[str], url: str, home: str) -> Iterator[psutil.Process]:
    """A server process, up and answering."""
    process = subprocess.Popen(command, env={**os.environ, "TUNEGATE_HOME": home}, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                httpx.get(url)
                break
            except httpx.ConnectError:
                time.sleep(0.1)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def server_cpu(process: psutil.Process, url: str, numbers: Iterator[int]) -> float:
    """Least CPU seconds of one POST; every body is a new one, so every decision is written before it is answered."""
    found = []
    with httpx.Client() as client:
        for _ in range(REPEATS):
            before = sum(process.cpu_times()[:2])
            for _ in range(POSTS):
                answer = client.post(url, json={"facts": {**FACTS, "data.rows": next(numbers)}})
                assert answer.status_code == 201, answer.text
            found.append((sum(process.cpu_times()[:2]) - before) / POSTS)
    return min(found)


def servers() -> tuple[float, float]:
    """CPU seconds that one POST costs the server: the echo route, a decision."""
    numbers = itertools.count(100)
    with tempfile.TemporaryDirectory() as home:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        with serving([sys.executable, "-c", SERVER, str(port)], f"{url}/health/live", home) as process:
            server_cpu(process, f"{url}/v1/decisions", numbers)  # the first requests fill caches
            return server_cpu(process, f"{url}/echo", numbers), server_cpu(process, f"{url}/v1/decisions", numbers)


def main() -> int:
    """Print the ratios with their targets; 1 when one is missed."""
    raw = msgspec.json.encode(FACTS)
    outcome = decision()
    pieces = sum(len(pieces_of(KNOWLEDGE, name, EDITION)) for name in FACTS)
    decode = cpu(lambda: msgspec.json.decode(raw), 20_000)
    one = cpu(decision, 2_000)
    changes = cpu(lambda: would_change(KNOWLEDGE, FACTS, EDITION, outcome), 100)
    plain, full = servers()
    beside = full - one - changes
    bounds = 3 * plain + 60 * decode + pieces * one
    rows = [
        ("one decision with trace / one JSON decode of its facts", one / decode, 60.0),
        ("all counterfactuals / (pieces x one decision)", changes / (pieces * one), 1.0),
        ("POST /v1/decisions / (3 x echo + the bounds of the two above), durable write included", full / bounds, 1.0),
    ]
    print(
        f"{platform.machine()} {platform.python_version()} {len(FACTS)} facts {pieces} pieces, CPU time, best of runs"
    )
    print(f"decode {decode * 1e6:.2f} us, decision {one * 1e6:.1f} us, counterfactuals {changes * 1e6:.0f} us, "
          f"echo {plain * 1e6:.0f} us, POST {full * 1e6:.0f} us")  # fmt: skip
    print(f"what POST costs beside decision and counterfactuals: {beside / plain:.1f} x echo")
    for name, ratio, target in rows:
        print(f"{ratio:8.2f}  (<= {target:g})  {name}")
    return int(any(ratio > target for _, ratio, target in rows))


if __name__ == "__main__":
    sys.exit(main())
