"""Presidio without torch and transformers, where nothing that was asked for could use them.

Presidio and spaCy import both when they are installed, which takes seconds; expressions need neither. What was imported
without them stays so for the life of the process: only one that serves a single request may spare them.
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

from service.privacy.settings import PrivacySettings
from service.privacy.yaml_files import YamlFile

_HEAVY = frozenset({"torch", "transformers"})
_one_request = False


def one_request() -> None:
    """Say that this process scans with one set of settings and ends, as a command does and a service does not."""
    global _one_request
    _one_request = True


@contextmanager
def models_spared(settings: PrivacySettings) -> Iterator[None]:
    """Imports in here, by this thread, find no torch and no transformers, unless the settings could want them."""
    if not _one_request or _may_want_a_model(settings):
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

    def __init__(self, thread: int) -> None:
        self._thread = thread

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """None, so that the next finder looks. Raises ModuleNotFoundError for what is spared."""
        del path, target
        if fullname in _HEAVY and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None
