"""What was measured on this machine: one readable JSON file per device in the data folder."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from service.estimate.calibration import KEPT, Calibration, Known, Row, fitted
from service.estimate.hardware import Hardware, own_row
from service.estimate.reserve import Band
from service.settings import Settings

_LOCK, _ASIDE = ".lock", ".unreadable"
# of a file's name; the digest tells devices apart whose names are alike as far as file names go
_NAME_LETTERS, _DIGEST_LETTERS = 80, 12


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


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Every calibration of this machine, and which files could not be read, in words."""

    known: list[Known] = []
    unread: list[str] = []


def known_calibrations(settings: Settings) -> Found:
    """What was measured here; calibrations of other libraries than the installed ones are not current."""
    paths = _paths(settings)
    if not paths:
        return Found()
    here = {name: _installed(name) for name in ("torch", "transformers")}
    files, unread = _readable(settings)
    known = [
        Known(
            device=file.device,
            file=_shown(settings, path),
            calibration=one,
            # where no library is installed nothing can be out of date
            current=here["torch"] in (None, one.torch) and here["transformers"] in (None, one.transformers),
        )
        for path, file in files.items()
        for one in file.calibrations
    ]
    return Found(known=known, unread=unread)


def measured_devices(settings: Settings, table: Mapping[str, Hardware]) -> dict[str, Hardware]:
    """Rows of devices that were measured here and that the table does not have."""
    files, _ = _readable(settings)
    return {
        file.device: own_row(file.device, capacity_gib=file.capacity_gib, capability=file.capability)
        for file in files.values()
        if file.device not in table
    }


def add_rows(settings: Settings, empty: DeviceFile, key: Key, rows: Sequence[Row], *, published: Band) -> Known:
    """Fit the device's calibration again with these rows, which take the place of earlier ones of the same question.

    A file of this device's name that cannot be read is put aside: what took minutes to measure is kept.

    Raises:
        TuneGateError: `disk_full`, `unreadable_path` where the folder cannot be written.

    """
    with _alone(settings.calibrations):
        return _with_rows(settings, empty, key, rows, published=published)


def _with_rows(settings: Settings, empty: DeviceFile, key: Key, rows: Sequence[Row], *, published: Band) -> Known:
    # only who measures writes; an estimate is to start like a small tool
    from service.files import write_atomically

    path, file = _place_of(settings, empty)
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
    return Known(device=file.device, file=_shown(settings, path), calibration=made)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other thread or process reads and writes these files meanwhile; the lock ends with its process."""
    import fcntl

    from service.files import write_error

    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise write_error(folder / _LOCK, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _place_of(settings: Settings, empty: DeviceFile) -> tuple[Path, DeviceFile]:
    """The device's file, whatever it is called, or the place of a new one."""
    files, _ = _readable(settings)
    found = next(((path, file) for path, file in files.items() if file.device == empty.device), None)
    if found is not None:
        return found
    path = settings.calibrations / f"{_file_name(empty.device)}.json"
    if any(path.exists() and path.samefile(other) for other in files):
        # somebody renamed a file, or the file system does not tell upper from lower case
        path = settings.calibrations / f"{_with_digest(empty.device)}.json"
    if path.exists():
        try:
            path.replace(path.with_name(path.name + _ASIDE))
        except OSError as error:
            from service.files import write_error

            raise write_error(path, error) from error
    return path, empty


def _paths(settings: Settings) -> list[Path]:
    return sorted(settings.calibrations.glob("*.json")) if settings.calibrations.is_dir() else []


def _readable(settings: Settings) -> tuple[dict[Path, DeviceFile], list[str]]:
    """The files that can be read, and of the others which and why: one of them is no reason to answer nothing."""
    files, unread = {}, []
    for path in _paths(settings):
        try:
            files[path] = msgspec.json.decode(path.read_bytes(), type=DeviceFile)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            unread.append(
                f"{_shown(settings, path)} is no calibration file and is left out ({why}). "
                "Remove it, and measure again: --measure."
            )
    return files, unread


def _shown(settings: Settings, path: Path) -> str:
    return f"{settings.calibrations.name}/{path.name}"


def _key(one: Calibration) -> Key:
    return Key(torch=one.torch, transformers=one.transformers, attention=one.attention, quantisation=one.quantisation)


def _question(row: Row) -> tuple[str, str, int, int]:
    return row.model, row.technique, row.micro_batch, row.seq_len


def _file_name(device: str) -> str:
    """The device's own name where a file can have it."""
    return device if _plain(device) == device else _with_digest(device)


def _with_digest(device: str) -> str:
    """What is left of the name, with a digest of the whole."""
    digest = hashlib.sha256(device.encode(errors="surrogatepass")).hexdigest()[:_DIGEST_LETTERS]
    return f"{_plain(device)}-{digest}".lstrip("-")


def _plain(device: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", device).strip("-.")[:_NAME_LETTERS]


def _installed(name: str) -> str | None:
    # only a machine that was measured pays for this import
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None
