"""`tunegate serve` that notes when each step's body begins and each trainer is started, for tests that count them.

`python noting.py '{"notes": PATH}' OPTIONS`; `"version"` makes it a service of another pipeline, `"quick"` one whose
trainer is quick_trainer, `"signal"` one that is killed or stopped at a place. `python noting.py zygote` has everything
imported and forks such services, for campaigns that start hundreds: it reads a line of JSON for each ({"environment",
"log", "out", "arguments"}) and answers with its pid.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def serve(how: dict[str, Any], options: list[str]) -> int:
    """Run the command line."""
    from service.cli.app import run
    from service.jobs import pipeline, runner

    def noted(what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(first: Any, *rest: Any, **named: Any) -> Any:
            line = f"{time.time():.3f} {os.getpid()} {what} {first.name if isinstance(first, Path) else first}\n"
            descriptor = os.open(how["notes"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(descriptor, line.encode())
            os.close(descriptor)
            return function(first, *rest, **named)

        return called

    start = functools.partial(pipeline.start_trainer, entry="quick_trainer") if how.get("quick") else None
    pipeline.start_trainer = noted("trainer", start or pipeline.start_trainer)
    for name in ("_prepare", "_follow", "_finalize"):
        setattr(pipeline, name, noted(name.lstrip("_"), getattr(pipeline, name)))
    if how.get("signal"):
        _signalled(**how["signal"])
    if how.get("version"):
        from service.verbs import context

        runner.running_jobs = functools.partial(runner.running_jobs, version=how["version"])
        assert context is not None
    return run(["serve", *options])


def _signalled(at: str, after: int, number: int) -> None:
    """Give this process a signal at a place, after so many passed it: `object` once one lies in the storage, `record`
    before one of a dataset is written.
    """
    from service.storage.folder import Folder
    from service.store.store import Store

    passed = 0

    def passing() -> None:
        nonlocal passed
        passed += 1
        if passed == after:
            os.kill(os.getpid(), number)

    keep, put = Folder.keep, Store.put

    def kept(self: Folder, key: str, path: Path) -> None:
        keep(self, key, path)
        if at == "object" and "/artifacts/" in key:
            passing()

    def stored(self: Store, kind: str, *arguments: Any, **named: Any) -> Any:
        if at == "record" and kind == "dataset":
            passing()
        return put(self, kind, *arguments, **named)

    Folder.keep, Store.put = kept, stored  # type: ignore[method-assign]


def zygote() -> None:
    """Fork a service for each line of stdin, until it ends."""
    import uvicorn

    assert uvicorn is not None
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(asked)
        print(pid, flush=True)


def _become(asked: dict[str, Any]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(asked["environment"])
    for number, flags, path in ((0, os.O_RDONLY, os.devnull), (1, 0, asked["out"]), (2, 0, asked["log"])):
        opened = os.open(path, flags or os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(opened, number)
        os.close(opened)
    how, *options = asked["arguments"]
    code = 70
    try:
        code = serve(json.loads(how), options)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    if sys.argv[1] == "zygote":
        zygote()
    else:
        sys.exit(serve(json.loads(sys.argv[1]), sys.argv[2:]))
