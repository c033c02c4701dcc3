"""The models of an evaluation that are folders on this machine: what opens each, and whether its files are whole."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from service.artifacts.answerable import in_folder, require_intact
from service.errors import TuneGateError
from service.evaluate.models import Model
from service.verbs.evaluating.request import Checked
from trainers.answers import Engine

# what an answer rests on beside the model; onnxruntime-genai runs its graphs in onnxruntime
_LIBRARIES: dict[Engine, tuple[str, ...]] = {
    "onnxruntime-genai": ("onnxruntime-genai", "onnxruntime"),
    "onnxruntime": ("onnxruntime",),
    "torch": ("torch", "transformers"),
}


def with_engines(checked: Checked) -> Checked:
    """The same with what opens each folder, which is what tells its answers from those of another engine or version."""
    models = [_with_engine(model) for model in checked.models]
    judge = None if checked.judge is None else _with_engine(checked.judge)
    return msgspec.structs.replace(checked, models=models, judge=judge)


def engines_of(models: Iterable[Model]) -> dict[str, Engine]:
    """Model id -> the engine that the manifest says was proven, for the models that are folders.

    Raises:
        TuneGateError: `artifact_corrupt`, `unreadable_path`, `target_cannot`, `not_found`; of several models with the
            errors of all.

    """
    found: dict[str, Engine] = {}
    wrong: list[TuneGateError] = []
    for model in models:
        if model.folder is None:
            continue
        try:
            opened = in_folder(Path(model.folder), None)
            require_intact(opened)
            found[model.id] = opened.engine
        except TuneGateError as error:
            detail = f"model {model.id}: {error.detail}"
            errors = [msgspec.structs.replace(one, where=f"model {model.id}: {one.where}") for one in error.errors]
            wrong.append(TuneGateError(error.code, detail, remedy=error.remedy, errors=errors))
    if wrong:
        raise TuneGateError(
            wrong[0].code,
            " ".join(one.detail for one in wrong),
            remedy=" ".join(dict.fromkeys(one.remedy for one in wrong)),
            errors=[item for one in wrong for item in one.errors],
        )
    return found


def _with_engine(model: Model) -> Model:
    if model.folder is None:
        return model
    try:
        engine = in_folder(Path(model.folder), None).engine
    except TuneGateError:
        return model  # refused where it would be opened, together with all others that cannot be
    return msgspec.structs.replace(model, engine=tuple(f"{name} {_version(name)}" for name in _LIBRARIES[engine]))


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "missing"
