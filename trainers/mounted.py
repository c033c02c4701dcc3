"""A run whose data and output are mounted: `python -m trainers.mounted PLAN MOUNT --data FILE ...`, as a cloud job.

The run itself goes on in a folder of this machine: a mount of a blob store has no locks, renames by copying, and shows
one machine what another wrote there when it likes. MOUNT receives `progress/N.jsonl` while the run lasts, at its end
`files/...` and, last, `transfer.json` with the sha256 of each: whoever fetches them can tell whether all of it came.

A launcher of several machines starts this once per process. The first one alone writes all that; of the others MOUNT
receives `failed/rank-N.json` from each that fails.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from trainers.contract import FAILED, Failure, TrainPlan, Transfer, TransferredFile
from trainers.outfiles import WORK
from trainers.sharding.ranks import is_first, rank, world_size
from trainers.stopping import ended_how
from trainers.training.checkpoints import ONCE
from trainers.verdict import failed_rank_path, leave_failed_rank

PROGRESS, FILES, TRANSFER = "progress", "files", "transfer.json"
_PUBLISH_SECONDS = 5.0
_CHUNK_BYTES = 1 << 20
_UNUSABLE = 2


def main(argv: list[str]) -> int:
    """The exit code of the run."""
    given = _arguments(argv)
    try:
        plan = msgspec.json.decode(given.plan.read_bytes(), type=TrainPlan)
    except (OSError, msgspec.DecodeError) as error:
        print(f"{given.plan}: not a plan ({error})", file=sys.stderr)
        return _UNUSABLE
    out = Path(tempfile.mkdtemp(prefix="tunegate-"))
    _clear(given.mount)
    own = _own_plan(plan, given)
    run = _start(own, out)
    published = _follow(run, out, given.mount)
    if is_first():
        _publish(out, given.mount, after=published)
        _hand_over(out, given.mount, plan)
    if world_size() > 1 and run.returncode:
        _tell_failed(out, given.mount, run.returncode)
    own.unlink()
    return run.returncode


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m trainers.mounted")
    parser.add_argument("plan", type=Path)
    parser.add_argument("mount", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--validation", type=Path)
    parser.add_argument("--base", type=Path)
    return parser.parse_args(argv)


def _clear(mount: Path) -> None:
    """Drop what this process left there in an earlier try: a job whose machine was taken away is started anew."""
    (mount / FAILED / _failed_name()).unlink(missing_ok=True)
    for path in (mount / PROGRESS).glob("*.jsonl") if is_first() else ():
        path.unlink()


def _failed_name() -> str:
    return f"rank-{rank()}.json"


def _own_plan(plan: TrainPlan, given: argparse.Namespace) -> Path:
    """The plan with this machine's paths, in a file of this process."""
    validation = plan.validation
    if validation is not None:
        validation = msgspec.structs.replace(validation, path=str(given.validation))
    filled = msgspec.structs.replace(
        plan,
        model=str(given.base) if given.base else _fetched(plan),
        dataset=msgspec.structs.replace(plan.dataset, path=str(given.data)),
        validation=validation,
    )
    descriptor, name = tempfile.mkstemp(prefix="tunegate-plan-", suffix=".json")
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(msgspec.json.encode(filled))
    return Path(name)


def _fetched(plan: TrainPlan) -> str:
    """The commit of the hub that was planned; the trainer compares its weights with the plan's fingerprint."""
    from huggingface_hub import snapshot_download

    return str(snapshot_download(plan.model.partition("@")[0], revision=plan.model_revision))


def _start(plan: Path, out: Path) -> subprocess.Popen[bytes]:
    # its workers look for modules nowhere but there
    path = os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    command = [sys.executable, "-m", "trainers.train", str(plan), str(out)]
    run = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": path} | ONCE)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: run.terminate())
    return run


def _follow(run: subprocess.Popen[bytes], out: Path, mount: Path) -> int:
    published = 0
    while True:
        try:
            run.wait(_PUBLISH_SECONDS)
        except subprocess.TimeoutExpired:
            published = _publish(out, mount, after=published) if is_first() else 0
            continue
        return published


def _publish(out: Path, mount: Path, *, after: int) -> int:
    """Whole lines that were added, in a file named by the number of the first; the number of lines by now."""
    try:
        lines = (out / "progress.jsonl").read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return after
    new = [line for line in lines[after:] if line.endswith(b"\n")]
    if new:
        folder = mount / PROGRESS
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{after + 1:08d}.jsonl").write_bytes(b"".join(new))
    return after + len(new)


def _hand_over(out: Path, mount: Path, plan: TrainPlan) -> None:
    found = [path for path in sorted(out.rglob("*")) if path.is_file() and not _private(path.relative_to(out))]
    files = [_copied(path, path.relative_to(out), mount / FILES) for path in found]
    (mount / TRANSFER).write_bytes(msgspec.json.encode(Transfer(plan=plan.id, files=files)))


def _tell_failed(out: Path, mount: Path, code: int) -> None:
    """How this process failed; one that was asked to stop has nothing to tell."""
    kept = failed_rank_path(out)
    if code < 0 and not kept.is_file():
        leave_failed_rank(out, Failure("trainer_died", f"The trainer ended {ended_how(code)}.", "Launch it again."))
    if kept.is_file():
        (mount / FAILED).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept, mount / FAILED / _failed_name())


def _private(path: Path) -> bool:
    return path.parts[0] == WORK or any(part.startswith(".") for part in path.parts)


def _copied(source: Path, path: Path, folder: Path) -> TransferredFile:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(_CHUNK_BYTES):
            digest.update(chunk)
            writer.write(chunk)
    shutil.copymode(source, target)
    return TransferredFile(path=path.as_posix(), bytes=source.stat().st_size, sha256=digest.hexdigest())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
