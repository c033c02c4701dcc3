"""Resolves a MODEL argument: a name under the models folder, a catalogue id, a path, or an inline config."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from service.data import RuleFiles
from service.errors import TuneGateError, suggestion
from service.models.catalogue import catalogue, count_parameters
from service.models.folder import check_weights, fingerprint, has_weights, read_config, unreadable
from service.settings import Settings

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
INLINE = "inline-config"


class ResolvedModel(msgspec.Struct, frozen=True, kw_only=True):
    """`name` holds no path; `folder` is set where weights lie; `params` is null for families without a formula."""

    name: str
    config: dict[str, Any]
    params: int | None
    folder: Path | None
    fingerprint: str | None
    revision: str | None = None


def resolve_model(model: str | Mapping[str, Any], *, rules: RuleFiles, settings: Settings) -> ResolvedModel:
    """What MODEL names: a folder under settings.models, else a catalogue id, else a path, else a hub id.

    Where settings allow no paths, the only ones are those of the service's own runs.

    A hub id (`ORG/NAME[@REVISION]`) is read from the local cache of the hub, pinned to the commit that lies there; it
    is fetched only if settings allow downloads.

    Raises:
        TuneGateError: `unreadable_model` naming the file and what is wrong.

    """
    if not isinstance(model, str):
        return _from_config(INLINE, dict(model))
    local = settings.models / model
    if _PLAIN_NAME.fullmatch(model) and local.is_dir():
        return _from_folder(model, local)
    rows = catalogue(rules)
    if model in rows:
        return _from_config(model, dict(rows[model].config), params=rows[model].params)
    path = _path(model, settings)
    if path is not None:
        if path.is_dir():
            return _from_folder(path.resolve().name, path.resolve())
        return _from_config(path.resolve().parent.name, read_config(path))
    from service.models.hub import snapshot

    found = snapshot(model, allow_download=settings.allow_download)
    if found is not None:
        return _from_folder(found.name, found.folder)
    raise _unknown(model, [*rows, *local_names(settings)], paths=settings.model_paths)


def _from_folder(name: str, folder: Path) -> ResolvedModel:
    if not (folder / "config.json").is_file():
        raise unreadable(folder / "config.json", "missing; a model folder holds its config")
    config = read_config(folder / "config.json")
    from service.models.hub import snapshot_of

    weights = has_weights(folder)
    if weights:
        check_weights(folder)
    return ResolvedModel(
        name=name,
        config=config,
        params=_count(config, str(folder / "config.json")),
        folder=folder if weights else None,
        fingerprint=fingerprint(folder),
        revision=commit.revision if (commit := snapshot_of(folder)) else None,
    )


def _from_config(name: str, config: dict[str, Any], *, params: int | None = None) -> ResolvedModel:
    counted = _count(config, name)
    return ResolvedModel(
        name=name, config=config, params=counted if counted is not None else params, folder=None, fingerprint=None
    )


def _count(config: dict[str, Any], where: str) -> int | None:
    return count_parameters(config, where=where)


def _path(model: str, settings: Settings) -> Path | None:
    """The path that MODEL is, if it is one that may be read; what must not be read is not looked for either."""
    if not settings.model_paths and not Path(os.path.normpath(model)).is_relative_to(settings.runs):
        return None
    try:
        path = Path(model).expanduser()
        return path if model and path.exists() else None
    except (OSError, ValueError, RuntimeError):  # a name too long, with a NUL, or of a user who is not there
        return None


def local_names(settings: Settings) -> list[str]:
    """The folders under settings.models, by name."""
    if not settings.models.is_dir():
        return []
    return sorted(path.name for path in settings.models.iterdir() if path.is_dir())


def _unknown(model: str, names: list[str], *, paths: bool) -> TuneGateError:
    no_path = "and no path" if paths else "and paths are not read over HTTP"
    return TuneGateError(
        "unreadable_model",
        f"{model[:200]!r} is no catalogue id, no folder under the models folder {no_path}.",
        remedy=f"{suggestion(model, names)} Known: {', '.join(sorted(set(names)))}.{_about_the_hub(model)}".strip(),
    )


def _about_the_hub(model: str) -> str:
    from service.models.hub import HUB_ID

    if not HUB_ID.fullmatch(model):
        return ""
    return " A hub id must lie in the local Hugging Face cache, or downloads be allowed (TUNEGATE_ALLOW_DOWNLOAD=1)."
