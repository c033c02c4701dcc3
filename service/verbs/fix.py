"""fix: datasets in, mended copies and the lint report on them out; the inputs stay as they are."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.files import Staging
from service.lint.fixes.copy import Copier
from service.lint.fixes.fix import Change
from service.lint.fixes.near import BETWEEN, INSIDE, Left, near_rows
from service.lint.fixes.reading import packing, unpacked_lines
from service.packing import open_file, spooled
from service.records.lint_report import LintReport, Role
from service.verbs.lint import LintInput, LintRequest, asked, lint
from service.verbs.synthesizing.beside import put_in_place, require_room_beside
from service.verbs.synthesizing.derived import Derived, Trail

_LOG_SUFFIX = ".changes.jsonl"
# what a stream is called among several inputs
_STREAM_NAME = "stdin.jsonl"


class FixRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to mend, as it would be linted, and where the copy goes: a file, or a folder for several inputs.

    `unsafe` also makes the fixes that may change what is trained.
    """

    lint: LintRequest
    out: Path
    unsafe: bool = False


class FixedFile(msgspec.Struct, frozen=True):
    """One mended copy, and its log with a line per change."""

    path: str
    out: str
    log: str
    changes: int


class FixRecord(msgspec.Struct, frozen=True):
    """The report on the copies, what was changed by rule, and where everything is."""

    report: LintReport
    changed: dict[str, int]
    files: list[FixedFile]


class _Job(msgspec.Struct, frozen=True):
    source: LintInput
    out: Path
    derived: Derived

    @property
    def log(self) -> Path:
        return self.out.with_name(self.out.name + _LOG_SUFFIX)


def fix(request: FixRequest, *, rules: RuleFiles, stdin: BinaryIO | None = None) -> FixRecord:
    """Mend every finding that has a fix; the copies appear when all are complete and linted, or not at all.

    What syntheses left beside the inputs is written anew beside the copies.

    Raises:
        TuneGateError: `output_exists`, `unreadable_path`, `disk_full`, `usage` for inputs that would become one file,
            or `invalid_input` for an unknown target, method or rule id.
    """
    jobs = _jobs(request)
    _check(request, jobs)
    checks, _ = asked(request.lint, rules)
    copier = Copier(checks, named=set(request.lint.select), unsafe=request.unsafe)
    trails = {job.out: job.derived.trail(job.source.path) for job in jobs}
    require_room_beside(job.derived for job in jobs)
    changed: Counter[str] = Counter()
    files = []
    with Staging() as staging, ExitStack() as stack:
        jobs = sorted(jobs, key=lambda each: each.source.role)
        near: Sequence[Left] = [{}] * len(jobs)
        if checks.near and copier.codes & {INSIDE, BETWEEN}:
            jobs = [stack.enter_context(_read_twice(job, stdin)) for job in jobs]
            near = near_rows(_first_copies(jobs, copier), checks, copier.codes)
            # what it has seen is seen anew
            copier = Copier(checks, named=set(request.lint.select), unsafe=request.unsafe)
        for job, left in zip(jobs, near, strict=True):
            counts = _copy(job, copier, staging, stdin, left, trails[job.out])
            changed += counts
            files.append(FixedFile(job.source.shown_as, str(job.out), str(job.log), counts.total()))
        report = _report(request, jobs, staging, rules)
        put_in_place(staging, [job.derived for job in jobs])
    return FixRecord(report, dict(sorted(changed.items())), files)


def _jobs(request: FixRequest) -> list[_Job]:
    inputs = request.lint.inputs
    if len(inputs) == 1:
        return [_Job(inputs[0], request.out, Derived(request.out))]
    outs = [request.out / (one.path.name if one.path else _STREAM_NAME) for one in inputs]
    return [_Job(one, out, Derived(out)) for one, out in zip(inputs, outs, strict=True)]


def _check(request: FixRequest, jobs: list[_Job]) -> None:
    """What is wrong with the places before a byte is read."""
    clashes = _clashes(jobs)
    errors = [*clashes, *(error for job in jobs for error in _taken(job, jobs))]
    if len(jobs) > 1 and os.path.lexists(request.out) and not request.out.is_dir():
        errors.append(ErrorItem(str(request.out), "a file", "a folder, for there are several inputs"))
    if errors:
        raise TuneGateError(
            "usage" if clashes else "output_exists",
            "The copies cannot be written there; nothing is overwritten.",
            remedy="Name a new output with -o.",
            errors=errors,
        )


def _clashes(jobs: list[_Job]) -> list[ErrorItem]:
    """Inputs of one name, or whose log would be another's copy."""
    made = Counter(path for job in jobs for path in (job.out, job.log))
    return [
        ErrorItem(job.source.shown_as, f"another input also becomes {job.out.name}", "inputs of different names")
        for job in jobs
        if made[job.out] > 1 or made[job.log] > 1
    ]


def _taken(job: _Job, jobs: list[_Job]) -> list[ErrorItem]:
    """What stands where the copy or its log would go."""
    inputs = [other.source.path for other in jobs if other.source.path is not None]
    errors = []
    for path in (job.out, job.log):
        if path.exists() and any(one.exists() and path.samefile(one) for one in inputs):
            errors.append(ErrorItem(str(path), "an input", "another file: the inputs stay as they are"))
        elif os.path.lexists(path):
            errors.append(ErrorItem(str(path), "it exists", "a new file"))
    return errors


@contextmanager
def _read_twice(job: _Job, stdin: BinaryIO | None) -> Iterator[_Job]:
    """The job with a file for its source, where that is a stream."""
    path = job.source.path
    if path is not None and path.is_file():
        yield job
        return
    with _opened(job.source, stdin) as stream, spooled(stream) as kept:
        yield msgspec.structs.replace(job, source=msgspec.structs.replace(job.source, path=kept))


def _first_copies(jobs: list[_Job], copier: Copier) -> Iterator[tuple[Role, Iterator[bytes]]]:
    """What comes out of all other fixes, read once and written nowhere."""
    for job in jobs:
        with _opened(job.source, None) as source:
            stream = unpacked_lines(source, job.source.shown_as)
            yield job.source.role, copier.blocks(stream, job.source.role, _unnoted)


def _unnoted(change: Change) -> None:
    del change


def _copy(
    job: _Job, copier: Copier, staging: Staging, stdin: BinaryIO | None, near: Left, trail: Trail
) -> Counter[str]:
    """Write one copy and its log; the log first, so that no copy is ever without one."""
    counts: Counter[str] = Counter()
    name = job.source.shown_as
    with (
        _opened(job.source, stdin) as source,
        staging.open(job.log) as log,
        staging.open(job.out) as out,
        packing(out, job.out.name) as target,
    ):

        def note(change: Change) -> None:
            counts[change.rule] += 1
            log.write(msgspec.json.encode(change) + b"\n")

        for block in copier.blocks(unpacked_lines(source, name), job.source.role, note, near, trail.wrote):
            target.write(block)
    return counts


def _opened(source: LintInput, stdin: BinaryIO | None) -> AbstractContextManager[BinaryIO]:
    if source.path is None:
        if stdin is None:
            raise TuneGateError("invalid_input", "No standard input to read.")
        return nullcontext(stdin)
    return open_file(source.path, source.shown_as)


def _report(request: FixRequest, jobs: list[_Job], staging: Staging, rules: RuleFiles) -> LintReport:
    """The report on the copies, under the names that they are about to get."""
    copies = [
        LintInput(staging.temporary(job.out), str(job.out), job.source.role, job.derived.origins()) for job in jobs
    ]
    return lint(msgspec.structs.replace(request.lint, inputs=copies), rules=rules)
