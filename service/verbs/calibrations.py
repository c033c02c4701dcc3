"""What was measured on this machine: one readable JSON file per device in the data folder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from service.errors import TuneGateError
from service.estimate.calibration import KEPT, Calibration, Known, Row, fitted
from service.estimate.hardware import Hardware, own_row
from service.estimate.reserve import Band
from service.files import write_atomically
from service.settings import Settings


class DeviceFile(msgspec.Struct, frozen=True, kw_only=True):
    """calibrations/DEVICE.json."""

    schema: Literal["tunegate.calibration/1"] = "tunegate.calibration/1"
    device: str
    reported_as: str
    capability: float
    capacity_gib: float
    calibrations: list[Calibration] = []


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What a calibration is for."""

    torch: str
    transformers: str
    attention: str
    quantisation: str


def known_calibrations(settings: Settings) -> list[Known]:
    """Every calibration of this machine; those of other libraries than the installed ones are not current.

    Raises:
        TuneGateError: `unreadable_path` for a file that is none of ours.

    """
    paths = _paths(settings)
    if not paths:
        return []
    here = {name: _installed(name) for name in ("torch", "transformers")}
    return [
        Known(
            device=file.device,
            file=f"{settings.calibrations.name}/{path.name}",
            calibration=one,
            # where no library is installed nothing can be out of date
            current=here["torch"] in (None, one.torch) and here["transformers"] in (None, one.transformers),
        )
        for path in paths
        for file in (_read(path),)
        for one in file.calibrations
    ]


def measured_devices(settings: Settings, table: Mapping[str, Hardware]) -> dict[str, Hardware]:
    """Rows of devices that were measured here and that the table does not have.

    Raises:
        TuneGateError: `unreadable_path`.

    """
    files = [_read(path) for path in _paths(settings)]
    return {
        file.device: own_row(file.device, capacity_gib=file.capacity_gib, capability=file.capability)
        for file in files
        if file.device not in table
    }


def add_rows(settings: Settings, empty: DeviceFile, key: Key, rows: Sequence[Row], *, published: Band) -> Known:
    """Fit the device's calibration again with these rows, which take the place of earlier ones of the same question.

    Raises:
        TuneGateError: `unreadable_path`, `disk_full`.

    """
    path = settings.calibrations / f"{_file_name(empty.device)}.json"
    file = _read(path) if path.is_file() else empty
    before = [one for one in file.calibrations if _key(one) == key]
    asked = {_question(row) for row in rows}
    kept = [row for one in before for row in one.rows if _question(row) not in asked]
    together = [*kept, *rows][-KEPT:]
    context, constant, ratio = fitted(together, published=published)
    made = Calibration(
        **msgspec.structs.asdict(key),
        measured_at=rows[-1].measured_at,
        context_mib=round(context, 3),
        constant_mib=constant,
        reserved_p50=ratio.p50,
        reserved_p90=ratio.p90,
        rows=together,
    )
    others = [one for one in file.calibrations if _key(one) != key]
    content = msgspec.structs.replace(file, calibrations=[*others, made])
    write_atomically(path, msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
    return Known(device=file.device, file=f"{settings.calibrations.name}/{path.name}", calibration=made)


def _paths(settings: Settings) -> list[Path]:
    return sorted(settings.calibrations.glob("*.json")) if settings.calibrations.is_dir() else []


def _read(path: Path) -> DeviceFile:
    try:
        return msgspec.json.decode(path.read_bytes(), type=DeviceFile)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TuneGateError(
            "unreadable_path", f"{path}: no calibration file ({error}).", remedy="Remove it and measure again."
        ) from error


def _key(one: Calibration) -> Key:
    return Key(torch=one.torch, transformers=one.transformers, attention=one.attention, quantisation=one.quantisation)


def _question(row: Row) -> tuple[str, str, int, int]:
    return row.model, row.technique, row.micro_batch, row.seq_len


def _file_name(device: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", device).strip("-.") or "device"


def _installed(name: str) -> str | None:
    # only a machine that was measured pays for this import
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None
