"""Requests per second of `tunegate evaluate` against a bare asyncio httpx client, both against the same local server;
and CPU of a re-run from the evaluation folder, and of one with another goal, against that of the first run, each as a
whole process: ratios only.

Run: python benchmarks/evaluate_speed.py [asking|measuring] (none: both). Times mean nothing on a shared machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from service.evaluate.answer_log import AnswerLog
from service.evaluate.asking import Asking
from service.evaluate.budget import Budget
from service.evaluate.endpoint import EndpointAsker
from service.evaluate.line import Line
from service.evaluate.models import Prices, read_models
from service.evaluate.rows import RowFile, read_rows
from service.evaluate.variants import Variant

ROOT = Path(__file__).resolve().parents[1]
ROWS = 5_000
MEASURED_ROWS = 10_000
CONCURRENCY = 16
REPEATS = 5
WORDS = "The library desk opens at nine and lends five books for three weeks. "

# a raw ASGI application that answers at once: as little of its own work as a server can do
SERVER = """
import json, socket, sys
import uvicorn

message = {"role": "assistant", "content": "Five books, for three weeks."}
usage = {"prompt_tokens": 40, "completion_tokens": 8, "total_tokens": 48}
BODY = json.dumps({"choices": [{"index": 0, "message": message}], "usage": usage}).encode()
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]

async def app(scope, receive, send):
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off")
uvicorn.Server(config).run(sockets=[listener])
"""


@contextmanager
def server() -> Iterator[str]:
    """The address of the local server, in a process of its own."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        finally:
            process.terminate()


def write_rows(path: Path, run: int, count: int = ROWS) -> None:
    """Rows that no other run has, with an answer of its own expected of each."""
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"{WORDS * 3}How many books, in case {run}-{n}?"},
                {"role": "assistant", "content": f"Five books, for {run + n} weeks."},
            ]
        }
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


async def bare(url: str, lines: list[str]) -> float:
    """Requests per second of a client that does nothing but ask: as many tasks, one pool of connections."""
    rows = [json.loads(line)["messages"][:-1] for line in lines]
    queue = iter([{"model": "m", "messages": asked, "max_tokens": 512, "temperature": 0.0} for asked in rows])
    limits = httpx.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:

        async def worker() -> None:
            for body in queue:
                answer = await client.post(f"{url}/chat/completions", json=body)
                assert answer.json()["choices"][0]["message"]["content"]

        begun = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
        return ROWS / (time.perf_counter() - begun)


async def ours(url: str, path: Path, folder: Path) -> float:
    """Requests per second of an evaluation's asking, answers kept on disk included."""
    rows = read_rows([RowFile(path, path.name)]).rows
    (model,) = read_models([f"m@{url}"], Prices(), [])
    with AnswerLog(folder) as log:
        asker = EndpointAsker(model, key=None)
        line = Line(model, asker, log, Budget(None, 0.0), workers=CONCURRENCY, seed=0)
        asking = Asking(rows, [Variant(id="zero-shot", kind="zero-shot")], indexes={}, seed=0)
        begun = time.perf_counter()
        asked = await asking.ask([line])
        seconds = time.perf_counter() - begun
        await asker.close()
    assert sum(answer.error is None for answer in asked.answers["zero-shot", "m"]) == ROWS
    return ROWS / seconds


def cpu_of(command: list[str]) -> float:
    """CPU seconds of a command with all it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, check=False, capture_output=True, env=environment)
    # 1 says that a goal is not met
    assert ended.returncode in {0, 1}, ended.stderr.decode()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def print_asking(url: str, place: Path) -> None:
    """Requests per second, ours and a bare client's."""
    path = place / "asked.jsonl"
    rates: dict[str, list[float]] = {"bare": [], "ours": []}
    for run in range(REPEATS):
        write_rows(path, run)
        rates["bare"].append(asyncio.run(bare(url, path.read_text().splitlines())))
        rates["ours"].append(asyncio.run(ours(url, path, place / f"asked-{run}")))
    # the most of several runs is what a busy machine disturbs least
    best = {name: max(found) for name, found in rates.items()}
    print(f"{ROWS:,} requests, {CONCURRENCY} at a time, {REPEATS} runs each, the fastest:")
    print(f"  bare asyncio httpx {best['bare']:,.0f}/s, evaluate {best['ours']:,.0f}/s")
    print(f"  evaluate / bare: {best['ours'] / best['bare']:.2f} (at least 0.9 is asked)")


def print_measuring(url: str, place: Path) -> None:
    """CPU of the same command again, with another goal, and with nothing kept but the answers."""
    path, out = place / "measured.jsonl", place / "out"
    options = ["--model", f"m@{url}", "-o", str(out), "--concurrency", str(CONCURRENCY)]
    command = [sys.executable, "-m", "service", "evaluate", str(path), *options]
    write_rows(path, REPEATS, MEASURED_ROWS)
    first = cpu_of(command)
    again = min(cpu_of(command) for _ in range(3))
    goal = min(cpu_of([*command, "--goal", f"{name}>=90%"]) for name in ("exact_match", "token_f1", "chrf"))
    found = []
    for _ in range(3):
        (out / ".inputs.json").unlink(missing_ok=True)
        shutil.rmtree(out / ".measured")
        found.append(cpu_of(command))
    anew = min(found)
    print(f"{MEASURED_ROWS:,} rows, each command a whole process, the least CPU of three runs (the first: of one):")
    print(f"  first run {first:.2f} s, again {again:.2f} s: {again / first:.1%} (at most 5 % is asked)")
    print(f"  all answers in the folder, measured anew: {anew:.2f} s")
    print(f"  another goal, measured before: {goal:.2f} s, {goal / anew:.1%} of measuring anew")


def main(parts: list[str]) -> None:
    """Print the ratios with their conditions."""
    print(f"Python {platform.python_version()}, httpx {httpx.__version__}, {os.cpu_count()} CPUs, {platform.machine()}")
    with tempfile.TemporaryDirectory() as name, server() as url:
        for part, shown in (("asking", print_asking), ("measuring", print_measuring)):
            if part in (parts or [part]):
                shown(url, Path(name))


if __name__ == "__main__":
    main(sys.argv[1:])
