"""export: merge and ONNX of a finished run again, in other precisions or for another provider, proven as before."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from service.artifacts.bundle import finish_run, require_space
from service.artifacts.finished import finished
from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.launch.exporting import prepare_export
from service.launch.local import EXPORT
from service.models.hub import pinned
from service.models.resolve import resolve_model
from service.models.tensors import fp32_bytes
from service.records.manifest import Manifest
from service.settings import Settings
from service.verbs.train import follow_trainer, raise_failure, sigterm_as_ctrl_c
from trainers.contract import DatasetRef, Outputs, Progress, TrainPlan, cannot_run

# the merged weights and a copy in between, beside one ONNX copy per precision
_COPIES = 2
_RECORDS = ("decision.json", "lint-report.json", "estimate.json", "evaluation.json", "plan.json", "job.json")
# what full fine-tuning leaves: a whole model with its tokenizer
_MODEL = "model"


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to build; `model` and `data` say where base model and rows lie now, if not where the plan says."""

    outputs: Outputs
    model: str | None = None
    data: Path | None = None


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """What an export stands on."""

    model: Path
    dataset: DatasetRef
    validation: DatasetRef | None


def export(
    run: Path,
    out: Path,
    request: ExportRequest,
    *,
    rules: RuleFiles,
    settings: Settings,
    report: Callable[[Progress], None],
) -> Manifest:
    """The artifact in `out`, which appears complete or not at all; the run folder is only read.

    Raises:
        TuneGateError: `artifact_not_ready` for no finished run, `artifact_corrupt`, `output_exists`, `target_cannot`,
            `plan_mismatch` with everything that is missing or changed, `parity_failed`, `disk_full`.

    """
    if why := cannot_run(request.outputs):
        raise TuneGateError("target_cannot", f"{why}.", remedy="Choose one it has.")
    _require_new(out)
    source, plan = finished(run)
    if plan.trust_remote_code and not settings.trust_remote_code:
        raise TuneGateError(
            "usage", f"{run}: the run's model brings code of its own.", remedy="Read it, then give --trust-remote-code."
        )
    found = _found(run, plan, request, rules=rules, settings=settings)
    require_space(out, needed_bytes=fp32_bytes(found.model) * (_COPIES + len(request.outputs.onnx)))
    with sigterm_as_ctrl_c(), _workplace(out) as place:
        _prepare(place, run, plan, found, request)
        for record in follow_trainer(place, EXPORT):
            report(record)
        raise_failure(place)
        return finish_run(place, plan=plan, job=None, source=source)


def _require_new(out: Path) -> None:
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise TuneGateError("output_exists", f"{out} already exists.", remedy="Name a new or empty folder.")


def _found(run: Path, plan: TrainPlan, request: ExportRequest, *, rules: RuleFiles, settings: Settings) -> _Found:
    """Weights, base model and rows, after checking that they are those of the run."""
    errors: list[ErrorItem] = []
    if not (run / "adapter").is_dir() and not (run / _MODEL).is_dir():
        errors.append(
            ErrorItem(
                str(run),
                "neither adapter/ nor model/",
                "what was trained",
                "An older version ran it, which kept no PyTorch weights; train again with the precisions you need.",
            )
        )
    model = _base_model(run, plan, request, errors, rules=rules, settings=settings)
    dataset, validation = _rows(plan, request, errors)
    if errors or model is None or dataset is None:
        raise TuneGateError(
            "plan_mismatch", f"{len(errors)} thing(s) of the run are missing or changed.", errors=errors
        )
    return _Found(model=model, dataset=dataset, validation=validation)


def _base_model(
    run: Path,
    plan: TrainPlan,
    request: ExportRequest,
    errors: list[ErrorItem],
    *,
    rules: RuleFiles,
    settings: Settings,
) -> Path | None:
    """The base that was tuned; what full fine-tuning left is whole, and stands in for a base that is not there."""
    whole = run / _MODEL
    if whole.is_dir() and request.model is None:
        return _resolved(plan, request, [], rules=rules, settings=settings) or whole
    return _resolved(plan, request, errors, rules=rules, settings=settings)


def _resolved(
    plan: TrainPlan, request: ExportRequest, errors: list[ErrorItem], *, rules: RuleFiles, settings: Settings
) -> Path | None:
    name = request.model or pinned(plan.model, plan.model_revision)
    remedy = "Say where it lies: --model FOLDER."
    try:
        model = resolve_model(name, rules=rules, settings=settings)
    except TuneGateError as error:
        errors.append(ErrorItem("base model", error.detail, None, remedy))
        return None
    if model.folder is None:
        errors.append(ErrorItem("base model", f"{name}: no weights", "a folder with weights", remedy))
    elif model.fingerprint != plan.model_fingerprint:
        seen = f"{name} with fingerprint {str(model.fingerprint)[:12]}"
        errors.append(ErrorItem("base model", seen, f"fingerprint {str(plan.model_fingerprint)[:12]}", remedy))
        return None
    return model.folder


def _rows(
    plan: TrainPlan, request: ExportRequest, errors: list[ErrorItem]
) -> tuple[DatasetRef | None, DatasetRef | None]:
    """The rows to prove on, (dataset, validation): the validation rows where they are still there, else the data."""
    known = {reference.sha256: reference for reference in (plan.validation, plan.dataset) if reference is not None}
    places = [request.data] if request.data else [Path(one.path) for one in known.values() if one.path]
    for place in places:
        reference = known.get(_sha256(place) or "")
        if reference is not None:
            here = msgspec.structs.replace(reference, path=str(place))
            return here, here if plan.validation is not None and reference.sha256 == plan.validation.sha256 else None
    seen = ", ".join(f"{place}: {'another content' if place.is_file() else 'no file'}" for place in places)
    errors.append(
        ErrorItem(
            "rows to prove on",
            seen or "no path in the plan",
            " or ".join(f"sha256 {digest[:12]}" for digest in known),
            "Give the run's validation or training file: --data FILE.",
        )
    )
    return None, None


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError:
        return None


@contextmanager
def _workplace(out: Path) -> Iterator[Path]:
    """A hidden folder beside `out` that takes its place when the block ends well."""
    place = out.absolute().with_name(f".{out.name}.{os.getpid()}")
    try:
        place.mkdir(parents=True)
    except OSError as error:
        raise TuneGateError("unreadable_path", f"{out}: cannot be made ({error.strerror}).") from error
    try:
        yield place
        if out.is_dir():
            out.rmdir()  # empty, as checked before; Windows renames over nothing else
        place.replace(out)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _link_weights(source: str, target: str) -> None:
    """Large weights under another name where the disk can, so that they take their space once."""
    if source.endswith(".safetensors"):
        with suppress(OSError):
            os.link(source, target)
            return
    shutil.copyfile(source, target)


def _prepare(place: Path, run: Path, plan: TrainPlan, found: _Found, request: ExportRequest) -> None:
    """The run's records and what was trained, and the trainer's copy of the plan with this host's paths."""
    for name in _RECORDS:
        if (run / name).is_file():
            shutil.copyfile(run / name, place / name)
    if (run / "adapter").is_dir():
        shutil.copytree(run / "adapter", place / "adapter")
    if (run / _MODEL).is_dir():
        shutil.copytree(run / _MODEL, place / _MODEL, copy_function=_link_weights)
    prepare_export(
        place, plan, model=found.model, dataset=found.dataset, validation=found.validation, outputs=request.outputs
    )
