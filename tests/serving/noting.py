"""`tunegate serve` that notes where each step begins and each trainer starts: `noting.py NOTES [VERSION] ARGS`.

Started instead of `python -m service` by tests that ask whether something was done twice; VERSION, as in `version=X`,
makes it a service of another pipeline.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main(notes: Path, version: str | None, arguments: list[str]) -> None:
    """Serve."""
    from service.jobs import pipeline, runner

    def note(what: str, job: str) -> None:
        line = f"{time.time():.3f} {os.getpid()} {what} {job}\n".encode()
        descriptor = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, line)
        os.close(descriptor)

    def noted(what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(first: Any, *rest: Any, **named: Any) -> Any:
            note(what, first.name if isinstance(first, Path) else first)
            return function(first, *rest, **named)

        return called

    pipeline.start_trainer = noted("trainer", pipeline.start_trainer)
    for name in ("_prepare", "_judge", "_finalize"):
        setattr(pipeline, name, noted(name.lstrip("_"), getattr(pipeline, name)))
    if version is not None:
        default = runner.running_jobs.__kwdefaults__ or runner.running_jobs.__wrapped__.__kwdefaults__
        default["version"] = version
    from service.cli.app import run

    sys.exit(run(["serve", *arguments]))


if __name__ == "__main__":
    version = sys.argv[2].removeprefix("version=") if sys.argv[2:] and sys.argv[2].startswith("version=") else None
    main(Path(sys.argv[1]), version, sys.argv[3 if version else 2 :])
