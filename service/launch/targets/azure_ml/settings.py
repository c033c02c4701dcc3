"""Where jobs go in Azure Machine Learning: `[azure-ml]` of the targets file, each value also as TUNEGATE_AZURE_ML_*."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from service.errors import ErrorItem, TuneGateError, suggestion
from service.settings import Settings

PREFIX = "TUNEGATE_AZURE_ML_"
_TABLE = "azure-ml"
_SHOWN = 80
_UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.()-]{0,89}"
# what a value must look like, in a pattern and in words
_SHAPES: dict[str, tuple[str, str]] = {
    "subscription_id": (_UUID, "a subscription's id, 8-4-4-4-12 hex digits"),
    "resource_group": (_NAME, "a resource group's name"),
    "workspace": (r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}", "a workspace's name, 3 to 33 letters, digits, - and _"),
    "compute": (r"[A-Za-z][A-Za-z0-9-]{1,31}", "a compute cluster's name, 2 to 32 letters, digits and -"),
    "instance_type": (r"Standard_[A-Za-z0-9_]+", "a machine size, such as Standard_NC24ads_A100_v4"),
    "image": (r"[^\s@]+@sha256:[0-9a-f]{64}", "an image by digest, REGISTRY/NAME@sha256:64 hex digits"),
    "datastore": (r"[A-Za-z0-9_]{1,255}", "a datastore's name"),
    "experiment": (r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}", "letters, digits, - and _"),
    "python": (r"[^\s'\"\\$`;&|<>]+", "the name or path of a Python in the image"),
}
_RANGES = {"instance_count": (1, 100), "max_hours": (0.02, 720), "poll_seconds": (0.2, 3600)}


class AzureMlSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One workspace and the machines of one of its clusters; keys are none of it: DefaultAzureCredential finds them."""

    subscription_id: str
    resource_group: str
    workspace: str
    compute: str
    instance_type: str
    image: str
    instance_count: int = 1
    # uploads and outputs lie in it
    datastore: str = "workspaceblobstore"
    experiment: str = "tunegate"
    # the job is ended by Azure after so long, whatever becomes of us
    max_hours: float = 24.0
    poll_seconds: float = 30.0
    python: str = "python"

    @property
    def resource(self) -> str:
        """The workspace's id in Azure's resource manager."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"
        )


def azure_ml_settings(settings: Settings) -> AzureMlSettings:
    """The settings, the environment before the file.

    Raises:
        TuneGateError: `target_not_configured` with one item per value that is missing or unusable.
    """
    known = {field.name: field for field in msgspec.structs.fields(AzureMlSettings)}
    values = _from_file(settings.targets_file) | dict(settings.azure_ml)
    errors = [
        ErrorItem(_where(name), "an unknown name", ", ".join(known), suggestion(name, known) or None)
        for name in values
        if name not in known
    ]
    for name, field in known.items():
        if name in values:
            errors += _wrong(name, values[name])
        elif field.required:
            errors.append(ErrorItem(_where(name), "nothing", _SHAPES[name][1]))
    if errors:
        raise TuneGateError(
            "target_not_configured",
            f"Target azure-ml: {len(errors)} setting(s) are missing or unusable.",
            remedy=f"Set them in [{_TABLE}] of {settings.targets_file}, or as {PREFIX}NAME.",
            errors=errors,
        )
    return msgspec.convert(values, AzureMlSettings, strict=False)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        tables = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise TuneGateError("target_not_configured", f"{path}: {why}.", remedy="It is a TOML file.") from error
    table = tables.get(_TABLE, {})
    if not isinstance(table, Mapping):
        raise TuneGateError("target_not_configured", f"{path}: {_TABLE} is no table.", remedy=f"Begin it: [{_TABLE}]")
    return dict(table)


def _wrong(name: str, value: object) -> list[ErrorItem]:
    shown = str(value)[:_SHOWN]
    if name in _SHAPES:
        pattern, said = _SHAPES[name]
        fits = isinstance(value, str) and re.fullmatch(pattern, value) is not None
        return [] if fits else [ErrorItem(_where(name), shown, said)]
    low, high = _RANGES[name]
    try:
        number = int(str(value)) if name == "instance_count" else float(str(value))
    except ValueError:
        number = -1
    return [] if low <= number <= high else [ErrorItem(_where(name), shown, f"{low:g} to {high:g}")]


def _where(name: str) -> str:
    return f"{_TABLE}.{name} ({PREFIX}{name.upper()})"
