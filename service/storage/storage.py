"""Datasets and artifacts, wherever they lie, with the copies of them that this machine works on."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from service.errors import ErrorItem
from service.records.manifest import MANIFEST
from service.settings import Settings
from service.storage import artifacts
from service.storage.backend import Backend
from service.storage.bucket import Bucket
from service.storage.copies import Room, Verified, fetched, removed
from service.storage.folder import Folder
from service.storage.keys import artifact_prefix, dataset_key, file_key
from service.storage_settings import address_of

_PLACE = "The storage"


def nothing() -> Collection[Path]:
    """No copy is in use."""
    return ()


class Storage:
    """What all projects share; `in_use` gives the local copies that open jobs read. All calls are synchronous."""

    def __init__(self, settings: Settings, in_use: Callable[[], Collection[Path]] = nothing) -> None:
        """Open it.

        Raises:
            TuneGateError: `usage`, `environment`.
        """
        address = address_of(settings.storage_url)
        assert address is not None  # load_settings has looked
        self.backend: Backend = Folder(address.folder) if address.scheme == "file" else Bucket(address)
        self.runs, self.copies = settings.runs, settings.copies
        self.verified, self.room = Verified(), Room(settings.storage.cache_bytes)
        self.in_use = in_use

    def of(self, project: str) -> ProjectStorage:
        """As one project sees it."""
        return ProjectStorage(self, project)

    def unready(self) -> list[ErrorItem]:
        """What keeps it from being used, told within seconds."""
        return self.backend.unready()

    def dataset_copies(self) -> list[tuple[str, Path]]:
        """(project, file named `ID.jsonl`) of every copy on this machine."""
        found = self.copies.glob("*/datasets/*.jsonl")
        # those that are being made begin with a dot
        return [(path.parts[-3], path) for path in found if not path.name.startswith(".")]

    def make_room(self, more: int) -> None:
        """Remove copies that are not needed until `more` bytes fit."""
        copies = [path for _, path in self.dataset_copies()]
        runs = [path.parent for path in self.runs.glob(f"*/{artifacts.KEPT}")]
        self.room.make(more, [*copies, *runs], self.in_use)


class ProjectStorage:
    """One project's datasets and artifacts; no id leads out of it."""

    def __init__(self, storage: Storage, project: str) -> None:
        self._storage, self._project = storage, project
        self._backend = storage.backend

    @property
    def datasets(self) -> Path:
        """Folder of the files that `dataset` gives, named `ID.jsonl`."""
        return self._file("0" * 64).parent

    def keep_dataset(self, identifier: str, path: Path) -> None:
        """Keep a file's bytes; the file stays, and where both are on one disk it is the same.

        Raises:
            TuneGateError: `disk_full`, `storage_refused`, `storage_unreachable`.
        """
        self._backend.keep(dataset_key(self._project, identifier), path)

    def has_dataset(self, identifier: str) -> bool:
        """Whether its bytes are kept.

        Raises:
            TuneGateError: `storage_refused`, `storage_unreachable`.
        """
        return self._backend.has(dataset_key(self._project, identifier))

    def dataset(self, identifier: str, *, sha256: str, size: int) -> Path:
        """A file of this machine with its bytes, which are what they should be.

        Raises:
            TuneGateError: `storage_missing`, `storage_corrupt`, `storage_refused`, `storage_unreachable`, `disk_full`.
        """
        key, path = dataset_key(self._project, identifier), self._file(identifier)
        if self._backend.local(key) is None:
            self._storage.room.used(path)
            if not path.is_file():
                self._storage.make_room(size)
                fetched(self._backend.read(key), path, sha256, _PLACE)
        self._storage.verified.require(path, sha256, _PLACE)
        return path

    def remove_dataset(self, identifier: str) -> None:
        """Remove its bytes everywhere.

        Raises:
            TuneGateError: `unreadable_path`, `storage_refused`, `storage_unreachable`.
        """
        self._backend.remove(dataset_key(self._project, identifier))
        self.remove_copy(identifier)

    def remove_copy(self, identifier: str) -> None:
        """Remove what lies of it on this machine alone."""
        path = self._file(identifier)
        self._storage.verified.forget(path)
        if self._backend.local(dataset_key(self._project, identifier)) is None:
            removed(path)

    def keep_artifact(self, job_id: str, *, wanted: Callable[[], object] = nothing) -> None:
        """Keep a finished run folder; where one of the job is kept already, that takes the folder's place.

        `wanted` is called before each file, and raises where it is not to be written any more.

        Raises:
            TuneGateError: `disk_full`, `storage_refused`, `storage_unreachable`, `storage_missing`, `storage_corrupt`.
        """
        prefix, out = artifact_prefix(self._project, job_id), self._storage.runs / job_id
        artifacts.kept(self._backend, prefix, out, _PLACE, wanted=wanted)

    def artifact(self, job_id: str) -> Path:
        """The run folder of a finished job on this machine; fetched, and every file checked, where it is not here.

        Raises:
            TuneGateError: `storage_missing`, `storage_corrupt`, `storage_refused`, `storage_unreachable`, `disk_full`.
        """
        prefix, out = artifact_prefix(self._project, job_id), self._storage.runs / job_id
        self._storage.room.used(out)
        if not artifacts.is_kept(self._backend, prefix, out, _PLACE):
            if self._backend.local(prefix) is None:
                self._storage.make_room(artifacts.bytes_of(self._backend, prefix, _PLACE))
            artifacts.placed(self._backend, prefix, out, _PLACE)
        return out

    def remove_left(self, job_id: str, *, whole: bool) -> None:
        """Remove what the store has of a job: all of it, or only what tries left beside the one that is published.

        Raises:
            TuneGateError: `storage_refused`, `storage_unreachable`, `storage_corrupt`.
        """
        prefix = artifact_prefix(self._project, job_id)
        if not whole:
            artifacts.remove_other_tries(self._backend, prefix, _PLACE)
            return
        # first what says that it is whole
        self._backend.remove(file_key(prefix, MANIFEST))
        self._backend.remove_below(prefix)

    def remove_artifact(self, job_id: str) -> None:
        """Remove a job's run folder, here and in the store; what was begun and not finished too.

        Raises:
            TuneGateError: `unreadable_path`, `storage_refused`, `storage_unreachable`.
        """
        self.remove_left(job_id, whole=True)
        removed(self._storage.runs / job_id)

    def _file(self, identifier: str) -> Path:
        key = dataset_key(self._project, identifier)
        return self._backend.local(key) or self._storage.copies / key
