"""drift: two datasets or two evaluations in, what changed between them out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError, missing_extra
from service.evaluate.answer_log import RECORD
from service.evaluate.drift.evaluations import Evaluated, compared_evaluations, read_evaluation
from service.evaluate.drift.report import report_of
from service.evaluate.drift.rules import DriftRules, drift_rules
from service.evaluate.drift.thresholds import with_thresholds
from service.lint.profile import load_profile
from service.records.drift import DriftReport

if TYPE_CHECKING:
    from service.lint.tokens.counter import Mode

METHODS = ("sft", "dpo", "rft")
_EVALUATION = re.compile(rb'\s*\{\s*"schema"\s*:\s*"tunegate\.evaluation/')
_HEAD_BYTES = 256
_LIBRARIES = ("numpy", "scipy.stats")


class DriftRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Two sides: datasets (None: the given stream), or records or folders of evaluations.

    `target`, `method`, `model`, `model_folder`, `tokens` and `languages` are of datasets and as for lint; `measures`
    are of evaluations. `thresholds` stand in place of the rules', by rule id. `seed` draws samples and intervals.
    """

    baseline: Path | None
    current: Path | None
    target: str | None = None
    method: str = "sft"
    model: str | None = None
    model_folder: Path | None = None
    tokens: Mode = "auto"
    languages: bool = False
    measures: list[str] = []
    thresholds: dict[str, float] = {}
    seed: int = 0
    workers: int = 0


def drift(
    request: DriftRequest,
    *,
    rules: RuleFiles,
    stdin: BinaryIO | None = None,
    progress: Callable[[int], None] | None = None,
) -> DriftReport:
    """The report of what changed; `progress` is given how many bytes were read since its last call.

    Raises:
        TuneGateError: `usage` for sides that do not go together, `unreadable_path`, `missing_extra`, `invalid_rules`,
            `missing_encoder`; `invalid_input` for an unusable threshold, target, method, file or record.
    """
    thresholds = with_thresholds(drift_rules(rules), request.thresholds)
    kinds = _kinds({"baseline": request.baseline, "current": request.current})
    _require_libraries(find_spec)
    if set(kinds.values()) == {"evaluation"}:
        _refuse_dataset_options(request)
        assert request.baseline is not None
        assert request.current is not None
        sides = read_evaluation(request.baseline), read_evaluation(request.current)
        return drift_of_evaluations(
            *sides, rules=rules, thresholds=thresholds, measures=request.measures, seed=request.seed
        )
    if len(set(kinds.values())) > 1:
        errors = [ErrorItem(side, f"a {kind}" if kind == "dataset" else f"an {kind}") for side, kind in kinds.items()]
        raise TuneGateError(
            "usage", "A dataset and an evaluation cannot be compared.",
            remedy="Give two datasets, or two folders or records of tunegate evaluate.", errors=errors,
        )  # fmt: skip
    return _drift_of_datasets(request, rules, thresholds, stdin, progress)


def drift_of_evaluations(
    before: Evaluated,
    after: Evaluated,
    *,
    rules: RuleFiles,
    thresholds: DriftRules,
    measures: list[str] | None = None,
    seed: int = 0,
) -> DriftReport:
    """The report of two evaluations that were read.

    Raises:
        TuneGateError: `invalid_input` where they have nothing in common.
    """
    found, left_out = compared_evaluations(before, after, thresholds, measures or [])
    return report_of(
        "evaluations", (before.about(), after.about()), found, left_out, rules=rules, thresholds=thresholds,
        settings={}, seed=seed,
    )  # fmt: skip


def _drift_of_datasets(
    request: DriftRequest,
    rules: RuleFiles,
    thresholds: DriftRules,
    stdin: BinaryIO | None,
    progress: Callable[[int], None] | None,
) -> DriftReport:
    _check_dataset_options(request)
    assert request.target is not None
    profile = load_profile(request.target, rules)
    # encoders and the classifier take longer to load than a small file to read
    from service.evaluate.drift.comparing import features
    from service.evaluate.drift.reading import Reading, read_side
    from service.lint.tokens.counter import counter_for

    counter, _ = counter_for(
        target=profile.id, model=request.model, model_folder=request.model_folder, mode=request.tokens
    )
    if request.languages:
        from service.lint.languages import identifier

        identifier()
    reading = Reading(
        method=request.method, seed=request.seed, counter=counter, workers=request.workers, progress=progress,
        meanwhile=partial(_require_libraries, import_module),
    )  # fmt: skip
    before, after = (read_side(path, stdin, reading) for path in (request.baseline, request.current))
    _require_libraries(import_module)
    compared = features(before.tally, after.tally, thresholds, reading, languages=request.languages)
    settings = {
        "target": profile.id, "method": request.method, "model": request.model,
        "counted_in": None if counter is None else counter.name, "languages": request.languages,
    }  # fmt: skip
    return report_of(
        "datasets", (before.about, after.about), compared.found, compared.left_out, rules=rules,
        thresholds=thresholds, settings=settings, seed=request.seed,
    )  # fmt: skip


def _kinds(sides: Mapping[str, Path | None]) -> dict[str, str]:
    """Whether each side is an evaluation or a dataset; what is neither is told of both at once."""
    kinds, errors = {}, []
    for side, path in sides.items():
        try:
            kinds[side] = _kind(path)
        except OSError as error:
            errors.append(ErrorItem(side, f"{path}: {error.strerror or error}"))
    if errors:
        raise TuneGateError(
            "unreadable_path", f"{len(errors)} side(s) that cannot be read.", errors=errors,
            remedy="Give files of rows, or folders that tunegate evaluate finished.",
        )  # fmt: skip
    return kinds


def _kind(path: Path | None) -> str:
    """Which one it is, by what it begins with."""
    if path is None:
        return "dataset"
    if path.is_dir():
        if not (path / RECORD).is_file():
            raise OSError(f"a folder without {RECORD}")
        return "evaluation"
    if path.exists() and not path.is_file():
        return "dataset"  # a pipe can be read once
    with path.open("rb") as stream:
        return "evaluation" if _EVALUATION.match(stream.read(_HEAD_BYTES)) else "dataset"


def _check_dataset_options(request: DriftRequest) -> None:
    errors = []
    if request.target is None:
        remedy = "Say for which trainer or model the rows are: its tokens are counted. Targets are those of lint."
        errors.append(ErrorItem("--target", "none", remedy=remedy))
    if request.method not in METHODS:
        errors.append(ErrorItem("--method", request.method, ", ".join(METHODS)))
    if request.measures:
        errors.append(ErrorItem("--measure", ", ".join(request.measures), remedy="Measures are of evaluations."))
    if request.baseline is None and request.current is None:
        errors.append(ErrorItem("-", "both sides", "one side from standard input"))
    if errors:
        raise TuneGateError("usage", f"{len(errors)} option(s) that datasets cannot be compared with.", errors=errors)


def _refuse_dataset_options(request: DriftRequest) -> None:
    given: Mapping[str, bool] = {
        "--target": request.target is not None, "--model": request.model is not None, "--languages": request.languages,
    }  # fmt: skip
    errors = [ErrorItem(name, "given", remedy="It is of datasets.") for name, is_given in given.items() if is_given]
    if errors:
        raise TuneGateError("usage", "Evaluations are compared by their own scores and answers.", errors=errors)


def _require_libraries(look: Callable[[str], object]) -> None:
    """Look for what statistics need; importing takes a second, and is done while others read where there are others."""
    try:
        absent = [name for name in _LIBRARIES if look(name) is None]
    except ImportError as error:
        raise missing_extra("evaluate", "Drift", error) from error
    if absent:
        raise missing_extra("evaluate", "Drift", ImportError(name=absent[0]))
