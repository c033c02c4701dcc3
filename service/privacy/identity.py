"""What a kept plan or database rests on, as a key: change any of it and it is made anew."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

from service.data import rule_files
from service.privacy.settings import PrivacySettings
from service.settings import load_settings

_FORMAT = 1
_PACKAGES = ("hyperscan", "phonenumbers", "presidio-analyzer", "regex", "spacy")
_DIST_INFO = ".dist-info"
_RULES = "privacy/"


def plan_key(settings: PrivacySettings, language: str) -> str:
    """For plans and databases: recognizers, settings, versions and this CPU."""
    given = [Path(name) for name in (settings.recognizers, settings.ner) if name is not None]
    parts = [
        _engines(),
        _own_content(),
        msgspec.json.encode(settings, order="deterministic"),
        language.encode(),
        *(path.read_bytes() if path.is_file() else b"" for path in given),
    ]
    return _digest(parts)


def classes_key() -> str:
    """For the table of Unicode classes: the two engines."""
    return _digest([_engines()])


@cache
def _engines() -> bytes:
    said = [
        _FORMAT, sys.version, sys.platform, platform.machine(), *_versions(), *_cpu_features(),
    ]  # fmt: skip
    return repr(said).encode()


def _versions() -> list[str]:
    """What is installed, by the names of the folders that say so: to import importlib.metadata and read what they hold
    takes a tenth of a small lint.
    """
    found: dict[str, set[str]] = {}
    for folder in sys.path:
        with contextlib.suppress(OSError), os.scandir(folder or ".") as entries:
            for entry in entries:
                if entry.name.endswith(_DIST_INFO):
                    package, _, version = entry.name.removesuffix(_DIST_INFO).rpartition("-")
                    found.setdefault(package.replace("_", "-").lower(), set()).add(version)
    return [" ".join(sorted(found.get(package, ()))) or _version(package) for package in _PACKAGES]


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _cpu_features() -> list[str]:
    """A database is made for what the CPU can do; it is not looked at by name on other systems than Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return [platform.processor()]
    return sorted({line.partition(":")[2] for line in lines if line.startswith(("flags", "Features"))})


def _own_content() -> bytes:
    """Our recognizers and the rules they read, own rule files included."""
    return _digest([*_sources(), *_rules()]).encode()


def _sources() -> Iterator[bytes]:
    room = Path(__file__).parent
    for path in sorted(room.rglob("*.py")):
        yield path.relative_to(room).as_posix().encode()
        yield path.read_bytes()


def _rules() -> Iterator[bytes]:
    rules = rule_files(load_settings().rules)
    for name in rules.names(_RULES):
        yield name.encode()
        yield rules.read(name)


def _digest(parts: list[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
