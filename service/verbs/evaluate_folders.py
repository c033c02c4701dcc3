"""The models of an evaluation that are folders on this machine: what opens each, and whether its files are whole."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from service.artifacts.answerable import in_folder, require_intact
from service.errors import TuneGateError
from service.evaluate.models import Model
from trainers.answers import Engine


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
