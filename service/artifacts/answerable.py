"""Which model of a folder answers questions, in which engine, and whether its files are what the manifest says."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import msgspec

from service.artifacts.bundle import read_manifest
from service.artifacts.listing import differences
from service.errors import ErrorItem, TuneGateError
from service.records.manifest import MANIFEST, Manifest, OnnxModel
from trainers.answers import Engine


class Answerable(msgspec.Struct, frozen=True, kw_only=True):
    """A folder that the answering process opens; `why` says why it is not onnxruntime-genai that answers.

    `run` and `manifest` are of the artifact that it belongs to, null for a folder of no artifact.
    """

    name: str
    folder: Path
    engine: Engine
    why: str | None = None
    run: Path | None = None
    manifest: Manifest | None = None


def answerables(run: Path, manifest: Manifest) -> list[Answerable]:
    """One per ONNX precision, in the manifest's order.

    Raises:
        TuneGateError: `target_cannot` for a classifier, `not_found` where the artifact holds no ONNX file.
    """
    if any(model.parity.predictions_compared is not None for model in manifest.onnx):
        raise TuneGateError(
            "target_cannot", "The model is a classifier: it has classes, no answers.", remedy="README.md shows its use."
        )
    if not manifest.onnx:
        raise TuneGateError(
            "not_found", "The artifact holds no ONNX file.", remedy="Make one: tunegate export DIR --precision fp32."
        )
    if any(PurePosixPath(model.path).is_absolute() or ".." in model.path.split("/") for model in manifest.onnx):
        raise _unreadable(run)
    return [_of_model(run, manifest, model) for model in manifest.onnx]


def chosen(models: list[Answerable], name: str | None) -> Answerable:
    """The one of that precision, or the first.

    Raises:
        TuneGateError: `not_found`.
    """
    found = [model for model in models if name is None or model.name == name]
    if not found:
        names = ", ".join(model.name for model in models)
        raise TuneGateError("not_found", "There is no such model here.", remedy=f"There is: {names}.")
    return found[0]


def in_folder(folder: Path, precision: str | None) -> Answerable:
    """What answers for a run folder, an unpacked artifact, an ONNX folder or a model folder.

    Raises:
        TuneGateError: `unreadable_path`, `artifact_corrupt`, `artifact_not_ready`, `not_found`, `target_cannot`.
    """
    folder = folder.absolute()
    if (folder / MANIFEST).is_file():
        return chosen(answerables(folder, _manifest(folder)), precision)
    if precision is not None:
        raise TuneGateError("usage", f"{folder}: only an artifact has precisions to choose from.")
    if (folder / "model.onnx").is_file():
        run = folder.parent.parent
        inside = answerables(run, _manifest(run)) if (run / MANIFEST).is_file() else []
        return next((one for one in inside if one.folder == folder), _alone(folder))
    if (folder / "config.json").is_file():
        return Answerable(name=folder.name, folder=folder, engine="torch", why="it is a model folder without ONNX")
    seen = "a file" if folder.is_file() else "no artifact" if folder.is_dir() else "no such folder"
    raise TuneGateError(
        "unreadable_path",
        f"{folder}: {seen}.",
        remedy="Give a run folder, an unpacked artifact, a folder with model.onnx or a model folder.",
    )


def require_intact(model: Answerable) -> None:
    """Hash the files that answer.

    Raises:
        TuneGateError: `artifact_corrupt` with one item per file that is missing or differs.
    """
    if model.run is None or model.manifest is None:
        return
    inside = f"{model.folder.relative_to(model.run).as_posix()}/"
    files = [file for file in model.manifest.files if file.path.startswith(inside)]
    wrong = [error for file in files for error in differences(model.run, file)]
    known = {file.path for file in files}
    extra = [path.relative_to(model.run).as_posix() for path in sorted(model.folder.iterdir()) if path.is_file()]
    wrong += [
        ErrorItem(path, "not in the manifest", "the files of the manifest") for path in extra if path not in known
    ]
    if wrong:
        raise TuneGateError(
            "artifact_corrupt",
            f"{len(wrong)} file(s) of {model.name} are not what manifest.json says.",
            remedy="Fetch or run it again.",
            errors=wrong,
        )


def _manifest(run: Path) -> Manifest:
    try:
        return read_manifest(run)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TuneGateError(
            "artifact_corrupt", f"{run}: {MANIFEST} cannot be read.", remedy="Fetch it again."
        ) from error


def _unreadable(run: Path) -> TuneGateError:
    return TuneGateError("artifact_corrupt", f"{run}: {MANIFEST} cannot be read.", remedy="Fetch it again.")


def _of_model(run: Path, manifest: Manifest, model: OnnxModel) -> Answerable:
    folder = (run / model.path).parent
    verified = model.genai is not None and model.genai.verified
    why = None
    if not verified:
        why = model.genai.why if model.genai and model.genai.why else "onnxruntime-genai does not open this route"
    return Answerable(
        name=model.precision,
        folder=folder,
        engine="onnxruntime-genai" if verified else "onnxruntime",
        why=why,
        run=run,
        manifest=manifest,
    )


def _alone(folder: Path) -> Answerable:
    """An ONNX folder of no artifact: nobody has compared the engines on it."""
    if (folder / "genai_config.json").is_file():
        return Answerable(name=folder.name, folder=folder, engine="onnxruntime-genai")
    return Answerable(name=folder.name, folder=folder, engine="onnxruntime", why="the folder has no genai_config.json")
