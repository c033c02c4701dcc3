"""Where datasets and artifacts lie, what may be named by URL and how long things are kept, from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

import msgspec

from service.access_settings import PROJECT
from service.errors import ErrorItem, TuneGateError

STORAGE, SOURCES = "TUNEGATE_STORAGE_URL", "TUNEGATE_DATASET_SOURCES"
_KEPT_DAYS = "TUNEGATE_RETENTION_DAYS"
_CACHE_BYTES = 20 * 2**30
_AZURE_HOST = re.compile(r"[a-z0-9]{3,24}\.(dfs|blob)\.core\.(windows\.net|usgovcloudapi\.net|chinacloudapi\.cn)")
_CONTAINER = re.compile(r"[a-z0-9][a-z0-9.-]{1,62}")
# what one side may read as another path than the other
_ODD = re.compile(r"[\x00-\x20\x7f%\\?#]")
_SHOWN = 40
URLS = "az://CONTAINER/PATH, abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH or s3://BUCKET/PATH"


class Address(msgspec.Struct, frozen=True):
    """A place in an object store, or a folder: `container` is a bucket, a container or empty; `account` is Azure's
    host where the URL names it; `path` has no slash at its ends.
    """

    scheme: Literal["file", "az", "abfss", "s3"]
    container: str
    account: str
    path: str

    @property
    def url(self) -> str:
        """As obstore reads it; there are never credentials in it."""
        place = f"{self.container}@{self.account}" if self.account else self.container
        return f"{self.scheme}://{place}/{self.path}".rstrip("/")

    @property
    def folder(self) -> Path:
        """The folder of a `file` address."""
        return Path("/") / self.path

    def holds(self, other: Address) -> bool:
        """Whether another is this one or lies below it: the same store, whole parts of the path."""
        same = (self.scheme, self.container, self.account) == (other.scheme, other.container, other.account)
        return same and _below(self.path, other.path)

    def meets(self, other: Address) -> bool:
        """Whether one may hold the other, whatever the account is called."""
        kind, theirs = (one.scheme.replace("abfss", "az") for one in (self, other))
        same = (kind, self.container) == (theirs, other.container)
        return same and (_below(self.path, other.path) or _below(other.path, self.path))


class DatasetSource(msgspec.Struct, frozen=True):
    """A prefix below which datasets may be named by URL, by one project or (null) by all."""

    address: Address
    project: str | None = None


class Retention(msgspec.Struct, frozen=True):
    """Days after which what is kept is removed; null keeps it."""

    datasets: int | None = None
    jobs: int | None = None
    evaluations: int | None = None
    syntheses: int | None = None


class StorageSettings(msgspec.Struct, frozen=True):
    """`cache_bytes` bounds the local copies of what lies in a remote store."""

    sources: tuple[DatasetSource, ...] = ()
    retention: Retention = Retention()
    cache_bytes: int = _CACHE_BYTES


def storage_settings(values: Mapping[str, str], storage_url: str) -> StorageSettings:
    """Read TUNEGATE_DATASET_SOURCES, TUNEGATE_RETENTION_* and TUNEGATE_CACHE_BYTES, and check TUNEGATE_STORAGE_URL.

    Raises:
        TuneGateError: `usage`, naming every variable that cannot be read.
    """
    errors: list[ErrorItem] = []
    storage = address_of(storage_url)
    if storage is None:
        # it may hold credentials
        remedy = "Credentials are given by the variables of the store's own SDK, never in the URL."
        errors.append(ErrorItem(STORAGE, "something else", f"file:///FOLDER, {URLS}", remedy))
    sources = _sources(values, storage, errors)
    every = _number(values, _KEPT_DAYS, errors)
    days = {
        kind: _number(values, f"TUNEGATE_RETENTION_{kind.upper()}_DAYS", errors) or every
        for kind in Retention.__struct_fields__
    }
    cache = _number(values, "TUNEGATE_CACHE_BYTES", errors) or _CACHE_BYTES
    if errors:
        raise TuneGateError("usage", f"{len(errors)} setting(s) of storage cannot be read.", errors=errors)
    return StorageSettings(sources, Retention(**days), cache)


def address_of(url: str) -> Address | None:
    """What a URL names; None where it is none of ours, or one that could be read in two ways."""
    if url.startswith("file://"):
        path = unquote(urlsplit(url).path)
        fine = url.startswith("file:///") and "\0" not in path and ".." not in PurePosixPath(path).parts
        return Address("file", "", "", path.strip("/")) if fine else None
    scheme, _, rest = url.partition("://")
    place, _, path = rest.partition("/")
    container, named, account = place.partition("@")
    parts = path.removesuffix("/").split("/") if path.removesuffix("/") else []
    if _ODD.search(rest) or {"", ".", ".."} & set(parts) or not _CONTAINER.fullmatch(container):
        return None
    if scheme == "abfss" and _AZURE_HOST.fullmatch(account):
        return Address("abfss", container, account, "/".join(parts))
    if named or scheme not in {"az", "s3"}:
        return None
    return Address("az" if scheme == "az" else "s3", container, "", "/".join(parts))


def _sources(values: Mapping[str, str], storage: Address | None, errors: list[ErrorItem]) -> tuple[DatasetSource, ...]:
    """`URL` or `PROJECT=URL`, separated by commas or spaces."""
    found = []
    for n, entry in enumerate((one for one in re.split(r"[,\s]+", values.get(SOURCES) or "") if one), 1):
        project, _, url = entry.rpartition("=")
        address = address_of(url)
        named = not project or PROJECT.fullmatch(project)
        if address is None or address.scheme == "file" or not named:
            errors.append(ErrorItem(f"{SOURCES}: entry {n}", "something else", f"{URLS}, or PROJECT= before it"))
        elif storage is not None and address.meets(storage):
            allowed = f"a place that is not in {STORAGE}, where every project's data lie"
            errors.append(ErrorItem(f"{SOURCES}: entry {n}", "the service's own storage", allowed))
        else:
            found.append(DatasetSource(address, project or None))
    return tuple(found)


def _number(values: Mapping[str, str], name: str, errors: list[ErrorItem]) -> int | None:
    seen = values.get(name)
    if not seen:
        return None
    if not re.fullmatch(r"0*[1-9][0-9]{0,17}", seen):
        errors.append(ErrorItem(name, seen[:_SHOWN], "a whole number above 0", "Leave it out for the default."))
        return None
    return int(seen)


def _below(path: str, other: str) -> bool:
    return not path or other == path or other.startswith(f"{path}/")
