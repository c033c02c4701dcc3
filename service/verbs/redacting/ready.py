"""A service's privacy scan, made ready from its start on: the first request would wait seconds for Presidio."""

from __future__ import annotations

import importlib.util
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.data import RuleFiles
from service.errors import TuneGateError
from service.privacy.entities import entity_table
from service.privacy.scanner import Scanner
from service.settings import Settings
from service.verbs.linting.privacy import LIBRARY, PrivacyRequest, settings_of
from service.verbs.redacting.settings import privacy_request, spare_models, tables_of

_LOG = logging.getLogger("tunegate")


@contextmanager
def privacy_prepared(settings: Settings, rules: RuleFiles, ready: threading.Event) -> Iterator[None]:
    """While the block runs, a thread prepares what lint and redact scan with when a request says nothing else.

    `ready` is set when it is done, or nothing is wanted. A request that comes meanwhile waits for the same work. The
    end of the block does not wait: the thread stops at its next step, and the end of the process at any.
    """
    stopped = threading.Event()
    threading.Thread(target=_prepare, args=(settings, rules, ready, stopped), name="privacy", daemon=True).start()
    try:
        yield
    finally:
        stopped.set()


def _prepare(settings: Settings, rules: RuleFiles, ready: threading.Event, stopped: threading.Event) -> None:
    start = time.monotonic()
    try:
        spare_models(settings)
        asked = privacy_request(tables_of(settings.privacy_settings))
        if asked.mode == "off" or importlib.util.find_spec(LIBRARY) is None:
            ready.set()
            return
        for step in _steps(asked, rules):
            step()
            if stopped.is_set():
                return
    except TuneGateError as error:
        what = "; ".join(f"{one.where} {one.seen}" for one in error.errors)
        _LOG.warning("The privacy scan is not ready: %s", f"{error.detail} {what}".strip())
    except Exception as error:  # noqa: BLE001  # requests meet the same, and say it to whoever asked
        _LOG.warning("The privacy scan is not ready: %s", type(error).__name__)
    else:
        ready.set()
        _LOG.info("The privacy scan is ready, after %.1f seconds.", time.monotonic() - start)


def _steps(asked: PrivacyRequest, rules: RuleFiles) -> Iterator[Callable[[], None]]:
    """Small ones, and first what most requests need."""
    for scanner in _scanners(asked, rules):
        yield scanner.load
        yield from scanner.preparations()


def _scanners(asked: PrivacyRequest, rules: RuleFiles) -> Iterator[Scanner]:
    from service.lint.personal import scanner_of as lints_scanner
    from service.verbs.redacting.options import configured
    from service.verbs.redacting.options import scanner_of as redacts_scanner

    yield lints_scanner(settings_of(asked, entity_table(rules)))
    yield redacts_scanner(configured(asked, way="", entities=(), languages=(), threshold=None))
