"""Presidio without torch and transformers, where nothing that was asked for could use them.

Presidio and spaCy import both when they are installed, which takes seconds and hundreds of MB; expressions need
neither. What was imported without them stays so for the life of the process: only one that knows all its settings may
spare them, as a command does, and a service, whose requests name no models of their own.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from service.errors import TuneGateError

if TYPE_CHECKING:
    from service.privacy.settings import PrivacySettings

_HEAVY = frozenset({"torch", "transformers"})
_may_spare = False


def one_request() -> None:
    """Say that this process scans with one set of settings and ends, as a command does."""
    global _may_spare
    _may_spare = True


def only_parts_of(settings: PrivacySettings) -> None:
    """Say that this process scans with these settings or less for as long as it lives, as a service does."""
    global _may_spare
    _may_spare = not _may_want_a_model(settings)


@contextmanager
def models_spared(settings: PrivacySettings) -> Iterator[None]:
    """Imports in here, by this thread, find no torch and no transformers, unless the settings could want them.

    Raises:
        TuneGateError: `environment` for settings that could, after a scan in this process that spared them.
    """
    if not _may_spare or _may_want_a_model(settings):
        if _NotHere.refused:
            raise TuneGateError(
                "environment",
                "The privacy settings name a model, or classes of Presidio's; this process began to scan without.",
                remedy="Restart the service.",
            )
        yield
        return
    finder = _NotHere(threading.get_ident())
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def _may_want_a_model(settings: PrivacySettings) -> bool:
    """Whether there is more than expressions and lists of words: one of Presidio's own classes may ask a model."""
    from service.privacy.yaml_files import YamlFile

    if settings.recognizers is None:
        return settings.ner is not None
    rows = YamlFile(Path(settings.recognizers)).value.get("recognizers")
    plain = isinstance(rows, list) and all(_is_plain(row) for row in rows)
    return settings.ner is not None or not plain


def _is_plain(row: object) -> bool:
    return (
        isinstance(row, dict)
        and not {"patterns", "deny_list"}.isdisjoint(row)
        and "class_name" not in row
        and row.get("type", "custom") == "custom"
    )


@contextmanager
def kept_for_good() -> Iterator[None]:
    """What is made in here lives as long as the process: the garbage collector never looks at it.

    It would do so at every thousandth object of some 100,000, and of half a million where torch is installed, in every
    full collection that a service makes later, and at the end of the process for seconds.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


class _NotHere(MetaPathFinder):
    """Finds nothing heavy for one thread; others import what they like."""

    refused = False

    def __init__(self, thread: int) -> None:
        self._thread = thread

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """None, so that the next finder looks. Raises ModuleNotFoundError for what is spared."""
        del path, target
        if fullname in _HEAVY and threading.get_ident() == self._thread:
            _NotHere.refused = True
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None
