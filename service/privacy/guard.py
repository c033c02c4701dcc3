"""One language's gate: what earlier runs kept, or made when it is first needed (some seconds, once on a machine)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from service.privacy.identity import classes_key, plan_key
from service.privacy.plan import DECODER, ENCODER, Candidates, Plan
from service.privacy.settings import PrivacySettings
from service.settings import load_settings

if TYPE_CHECKING:
    from service.privacy.analyzer import Analyzer
    from service.privacy.gate import Gate
    from service.privacy.kept import Kept

# where nothing can be kept every run would make its own: a small file never waits for what it would not use
_PAYS_AFTER_SECONDS = 8.0

_LOG = logging.getLogger(__name__)
_MAKING = "The privacy scan prepares its patterns (%s), once on this machine; it takes some seconds."


class Guard:
    """Asks the gate of one language; without one every recognizer may fire. Threads may share it."""

    def __init__(self, settings: PrivacySettings, language: str, analyzer: Callable[[], Analyzer]) -> None:
        self._settings = settings
        self._language = language
        self._analyzer = analyzer
        self._lock = threading.RLock()
        self._gate: Gate | None = None
        self._kept: Kept | None = None
        self._opened = False
        self._told = False
        self._careful = False
        self._trusted = False  # until Presidio is there to compare with
        self._spent_seconds = 0.0
        self._failures: tuple[type[Exception], ...] = ()
        self.note: str | None = None

    def candidates(self, text: str, context: Sequence[str]) -> tuple[Candidates, ...] | None:
        """What may fire in a text; None for everything."""
        gate = self._gate
        if gate is None:
            if self._opened:
                return None
            self._open()
            gate = self._gate
            if gate is None:
                return None
        try:
            return gate.candidates(text, context)
        except self._failures as error:
            self._give_up(gate, error)
            return None

    def spent(self, seconds: float) -> None:
        """Count work that was done on one text without a gate; after enough of it, make one that cannot be kept."""
        if self._gate is not None or self._kept is None:
            return
        self._spent_seconds += seconds
        if self._spent_seconds >= _PAYS_AFTER_SECONDS:
            self._make()

    def preparations(self) -> Iterator[Callable[[], None]]:
        """Steps that load or make everything; what another process is making is left to it."""
        yield self._begin
        gate = self._gate
        while gate is not None:
            for step in gate.preparations():
                yield partial(self._prepare, gate, step)
            # one with a database that could not be made was replaced
            gate, last = self._gate, gate
            if gate is last:
                return

    def _begin(self) -> None:
        if not self._opened:
            self._open()
        if self._gate is None and self._kept is not None:
            self._make()

    def _prepare(self, gate: Gate, step: Callable[[], object]) -> None:
        if gate is self._gate:
            try:
                step()
            except self._failures as error:
                self._give_up(gate, error)

    def trust(self, analyzer: Analyzer) -> bool:
        """Whether the gate was made from these very recognizers; one that was not is forgotten and made anew."""
        gate = self._gate
        if gate is None or self._trusted or analyzer.is_of(gate.plan, self._language):
            self._trusted = True
            return True
        with self._lock:
            if self._gate is gate and self._kept is not None:
                self._kept.forget()
                self._make()
        return False

    def _open(self) -> None:
        with self._lock:
            if not self._opened:
                self._find()
                self._opened = True

    def _find(self) -> None:
        try:
            import hyperscan

            from service.privacy.gate import Gate
            from service.privacy.kept import Kept
        except ImportError:
            self.note = "hyperscan is not installed: every recognizer ran on every text. Same findings, slower."
            return
        self._failures = (hyperscan.error, MemoryError)
        folder = load_settings().home / "cache" / "privacy"
        self._kept = Kept(folder, plan_key(self._settings, self._language), classes_key())
        plan = self._kept_plan()
        if plan is not None:
            self._gate = Gate(plan, self._kept, self._tell)
        elif self._kept.keeps:
            self._make()

    def _kept_plan(self) -> Plan | None:
        import msgspec

        assert self._kept is not None
        content = self._kept.read("plan")
        try:
            return None if content is None else DECODER.decode(content)
        except msgspec.DecodeError:
            return None

    def _make(self) -> None:
        """A gate of the recognizers as they are now."""
        from service.privacy.gate import Gate

        with self._lock:
            assert self._kept is not None
            self._tell()
            plan = self._analyzer().plan(self._language, careful=self._careful)
            self._kept.keep("plan", ENCODER.encode(plan))
            self._gate = Gate(plan, self._kept, self._tell)

    def _give_up(self, gate: Gate, error: Exception) -> None:
        """After a database that could not be made: without the expressions that do not fit, or without a gate."""
        with self._lock:
            if self._gate is not gate or self._kept is None:
                return
            self._kept.forget()
            if not isinstance(error, MemoryError) and not self._careful:
                self._careful = True
                self._make()
                return
            self._gate = self._kept = None
            self.note = "the recognizers' patterns do not fit a database: every one ran on every text. Same findings."

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            _LOG.info(_MAKING, self._language)
