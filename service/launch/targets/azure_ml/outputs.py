"""What a job left in its datastore: progress, verdict and files, streamed by the blob client and never held whole."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.files import writing
from service.launch.targets.azure_ml.plan import OUTPUTS
from service.launch.targets.azure_ml.settings import AzureMlSettings
from service.launch.targets.azure_ml.talking import talking
from trainers.contract import FAILED, FailedRank, Progress, Result, Transfer, TransferredFile

_CHUNK_BYTES = 4 << 20
# whoever asks for a blob asks again; the SDK alone would wait 15 s and more before each of its own tries
_RETRIES = {"retry_total": 3, "initial_backoff": 1, "increment_base": 2, "random_jitter_range": 1}
# a datastore's secret is of an hour at least
_FRESH_SECONDS = 1800.0
_SMALL_BYTES = 64 << 20
# what the service wrote into the run folder itself
OWN_RECORDS = {"decision.json", "lint-report.json", "estimate.json", "evaluation.json", "plan.json", "job.json",
         "manifest.json", "README.md"}  # fmt: skip


class Outputs:
    """The jobs' folders in the datastore of the settings."""

    def __init__(self, where: AzureMlSettings, ml: Callable[[], Any], credential: Callable[[], Any]) -> None:
        self._where, self._ml, self._credential = where, ml, credential
        self._opened: tuple[float, Any] | None = None
        self._opening = threading.Lock()

    def progress(self, job: str, *, after: int) -> list[Progress]:
        """Records numbered above `after`, from the files that may hold such."""
        prefix = f"{OUTPUTS}/{job}/progress/"
        with talking("reading the progress"):
            names = sorted(blob.name for blob in self.container().list_blobs(name_starts_with=prefix))
        begins = [int(PurePosixPath(name).stem) for name in names]
        # a file ends where the next begins; the last one may still be added to by another
        wanted = [name for n, name in enumerate(names) if n + 1 == len(names) or begins[n + 1] - 1 > after]
        lines = b"".join(self._small(name) for name in wanted).splitlines()
        try:
            records = [msgspec.json.decode(line, type=Progress) for line in lines]
        except msgspec.DecodeError as error:
            raise TuneGateError("artifact_corrupt", "The progress that came back cannot be read.") from error
        return [record for record in records if record.n > after]

    def result(self, job: str) -> Result | None:
        """The trainer's verdict, or None where it left none."""
        try:
            return msgspec.json.decode(self._small(f"{OUTPUTS}/{job}/files/result.json"), type=Result)
        except (TuneGateError, msgspec.DecodeError):
            return None

    def failed_ranks(self, job: str) -> list[FailedRank]:
        """What processes that trained together left of how they failed, in the order of their ranks."""
        prefix = f"{OUTPUTS}/{job}/{FAILED}/"
        try:
            with talking("reading what failed"):
                names = [blob.name for blob in self.container().list_blobs(name_starts_with=prefix)]
            found = [msgspec.json.decode(self._small(name), type=FailedRank) for name in names]
        except (TuneGateError, msgspec.DecodeError):
            return []
        return sorted(found, key=lambda one: one.rank)

    def listed(self, job: str) -> list[TransferredFile]:
        """What the run says that it left.

        Raises:
            TuneGateError: `artifact_corrupt` for a list that is missing, unreadable or names what it may not.
        """
        remedy = "Launch the plan again; the job's own files are still in the workspace's datastore."
        try:
            transfer = msgspec.json.decode(self._small(f"{OUTPUTS}/{job}/transfer.json"), type=Transfer)
        except TuneGateError as error:
            if error.code != "remote_gone":
                raise
            raise TuneGateError("artifact_corrupt", "The job left no list of its files.", remedy=remedy) from error
        except msgspec.DecodeError as error:
            raise TuneGateError("artifact_corrupt", "The list of files cannot be read.", remedy=remedy) from error
        wrong = [ErrorItem(f"files[{n}]", "a path that leaves the run folder, or one of the service's records")
                 for n, one in enumerate(transfer.files) if not _allowed(one.path)]  # fmt: skip
        if wrong:
            raise TuneGateError("artifact_corrupt", "The list of files is not to be trusted.", errors=wrong)
        return transfer.files

    def fetch(self, job: str, out: Path, *, tick: Callable[[], None]) -> None:
        """All files, each compared with its hash before it takes its place."""
        for file in self.listed(job):
            target = out / file.path
            if target.is_file() and target.stat().st_size == file.bytes and _sha256(target) == file.sha256:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with talking(f"fetching {file.path}"):
                self._one(f"{OUTPUTS}/{job}/files/{file.path}", target, file, tick)

    def container(self) -> Any:
        """A client of the datastore's container, with the secret that the workspace has for it, or our credential."""
        with self._opening:
            if self._opened is None or time.monotonic() - self._opened[0] > _FRESH_SECONDS:
                self._opened = time.monotonic(), self._open()
            return self._opened[1]

    def _open(self) -> Any:
        from azure.storage.blob import ContainerClient

        with talking("opening the datastore"):
            store = self._ml().datastores.get(self._where.datastore, include_secrets=True)
        held = store.credentials
        secret = getattr(held, "account_key", None) or getattr(held, "sas_token", None)
        return ContainerClient(
            f"{store.protocol or 'https'}://{store.account_name}.blob.{store.endpoint or 'core.windows.net'}",
            store.container_name,
            credential=secret or self._credential(),
            max_single_get_size=_CHUNK_BYTES,
            max_chunk_get_size=_CHUNK_BYTES,
            **_RETRIES,
        )

    def _one(self, name: str, target: Path, file: TransferredFile, tick: Callable[[], None]) -> None:
        digest, count = hashlib.sha256(), 0
        with writing(target) as handle:
            for chunk in self.container().download_blob(name).chunks():
                tick()
                digest.update(chunk)
                count += len(chunk)
                handle.write(chunk)
            if (count, digest.hexdigest()) != (file.bytes, file.sha256):
                seen = f"{count} bytes, sha256 {digest.hexdigest()}"
                item = ErrorItem(file.path, seen, f"{file.bytes} bytes, sha256 {file.sha256}")
                remedy = "Nothing of it is kept. Launch the plan again; somebody may have changed the datastore."
                raise TuneGateError("artifact_corrupt", "A file is not the one made.", remedy=remedy, errors=[item])

    def _small(self, name: str) -> bytes:
        with talking("reading what the job left"):
            stream = self.container().download_blob(name)
            if stream.size > _SMALL_BYTES:
                raise TuneGateError("artifact_corrupt", f"{PurePosixPath(name).name} is {stream.size} bytes long.")
            content: bytes = stream.readall()
        return content


def _allowed(path: str) -> bool:
    parts = path.split("/")
    odd = any(part.startswith(".") or not part or "\\" in part or ":" in part for part in parts)
    return not odd and path not in OWN_RECORDS


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
