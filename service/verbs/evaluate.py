"""evaluate: rows, variants and models in, the evaluation's record out; every answer is kept and asked for once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from service.data import RuleFiles, rule_files
from service.errors import ErrorItem, TuneGateError
from service.evaluate.asker import Progress
from service.evaluate.kept_record import inputs_key, kept
from service.verbs.evaluating.evaluated import Evaluated, ModelFailure
from service.verbs.evaluating.request import Checked, EvaluateRequest, check_request

__all__ = ["EvaluateRequest", "Evaluated", "ModelFailure", "Progress", "evaluate"]


def evaluate(
    request: EvaluateRequest,
    *,
    rules: RuleFiles | None = None,
    report: Callable[[Progress], None] = lambda _: None,
) -> Evaluated:
    """Ask every variant of every model about every row, measure the answers, and write the record into the folder.

    The folder holds the answers and is readable by its owner alone. What is in it is not asked for again. `rules`: the
    shipped ones, if none are given.

    Raises:
        TuneGateError: `usage`, `invalid_input`, `unreadable_path`, `unreadable_model`, `missing_key`, `missing_extra`,
            `output_exists`, `run_locked`, `disk_full`; `no_answers` when no model answers anything.

    """
    return evaluate_checked(request, check_request(request), rules=rules, report=report)


def evaluate_checked(
    request: EvaluateRequest,
    checked: Checked,
    *,
    rules: RuleFiles | None = None,
    report: Callable[[Progress], None] = lambda _: None,
) -> Evaluated:
    """The same of what was read and checked elsewhere.

    Raises:
        TuneGateError: as `evaluate`.

    """
    rules = rules or rule_files()
    if any(model is not None and model.folder is not None for model in (*checked.models, checked.judge)):
        # endpoints need none of it
        from service.verbs.evaluating.folders import with_engines

        checked = with_engines(checked)
    asked = [_asked(request), checked.variants, checked.models, checked.judge, rules.revision]
    key = inputs_key(asked, _paths(request, checked))
    before = kept(request.out, key)
    if before is not None:
        return Evaluated(record=before, from_before=True)
    # asking and measuring take longer to import than to find that there is nothing to do
    from service.verbs.evaluating.run import run

    return run(request, checked, key, rules, report)


def _asked(request: EvaluateRequest) -> dict[str, str]:
    """What of the request a finished record rests on."""
    settings = msgspec.structs.asdict(request)
    return {name: str(value) for name, value in settings.items() if name not in {"out", "budget", "concurrency"}}


def _paths(request: EvaluateRequest, checked: Checked) -> list[Path]:
    """Every file and folder that the record rests on."""
    examples = {one.examples_file for one in checked.variants if one.examples_file is not None}
    documents = [request.documents] if request.documents is not None else []
    files = [*request.files, *request.regression, *map(Path, sorted(examples))]
    missing = [path for path in (*files, *documents) if not path.exists()]
    if missing:
        raise TuneGateError("unreadable_path", f"{', '.join(map(str, missing))}: no such file or folder.")
    errors = [ErrorItem(str(path), "a pipe or device", "a file") for path in files if not _again(path)]
    if errors:
        raise TuneGateError(
            "unreadable_path",
            f"{len(errors)} input(s) can be read only once.",
            remedy="Write the rows to a file first: what was asked is looked at again.",
            errors=errors,
        )
    return [*files, *documents]


def _again(path: Path) -> bool:
    """Whether it can be read more than once; a folder is refused where its rows are read."""
    return path.is_file() or path.is_dir()
