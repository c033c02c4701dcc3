"""One language's gate, made when it pays: from what earlier runs kept at once, else after some work without it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from service.privacy.identity import classes_key, plan_key
from service.privacy.plan import DECODER, ENCODER, Candidates, Plan
from service.privacy.settings import PrivacySettings
from service.settings import load_settings

if TYPE_CHECKING:
    from service.privacy.analyzer import Analyzer
    from service.privacy.gate import Gate
    from service.privacy.kept import Kept

# making a language's databases takes 15 to 30 seconds of a busy machine (70 recognizers), once: a small file
# never waits for what it would not use
_PAYS_AFTER_SECONDS = 8.0

_LOG = logging.getLogger(__name__)
_MAKING = (
    "The privacy scan makes its patterns ready, which takes up to a minute; later runs find them in the data folder."
)


class Guard:
    """Asks the gate of one language; without one every recognizer may fire."""

    def __init__(self, settings: PrivacySettings, language: str, analyzer: Callable[[], Analyzer]) -> None:
        self._settings = settings
        self._language = language
        self._analyzer = analyzer
        self._gate: Gate | None = None
        self._kept: Kept | None = None
        self._opened = False
        self._trusted = False  # until Presidio is there to compare with
        self._spent_seconds = 0.0
        self.note: str | None = None

    def candidates(self, text: str, context: Sequence[str]) -> tuple[Candidates, ...] | None:
        """What may fire in a text; None for everything."""
        if self._gate is None and not self._opened:
            self._open()
        return None if self._gate is None else self._gate.candidates(text, context)

    def spent(self, seconds: float) -> None:
        """Count work that was done on one text without a gate; after enough of it, make one."""
        if self._kept is None or (self._gate is not None and not self._gate.lacks_unicode):
            return
        self._spent_seconds += seconds
        if self._spent_seconds >= _PAYS_AFTER_SECONDS:
            self._spent_seconds = 0.0
            self.prepare()

    def prepare(self) -> None:
        """Make the gate now, unless another process is making it: its work is taken over when it is done."""
        if not self._opened:
            self._open()
        if self._kept is None:
            return
        with self._kept.alone() as alone:
            plan = self._kept_plan() if self._gate is None else None  # another process may just have finished
            if self._gate is None and (plan is not None or alone):
                if plan is None:
                    _LOG.info(_MAKING)
                self._make(plan or self._analyzer().plan(self._language))
            if self._gate is not None:
                self._gate.lacks_unicode = False  # look again
                if alone:
                    self._make_unicode(self._gate)

    def trust(self, analyzer: Analyzer) -> bool:
        """Whether the gate was made from these very recognizers; one that was not is forgotten and made anew later."""
        if self._gate is None or self._trusted or analyzer.is_of(self._gate.plan, self._language):
            self._trusted = True
            return True
        self._gate = None
        if self._kept is not None:
            self._kept.forget()
        return False

    def _make_unicode(self, gate: Gate) -> None:
        import hyperscan

        try:
            gate.make_unicode()
        except (hyperscan.error, MemoryError):
            self._kept = None
            self.note = "the recognizers' patterns do not fit a Unicode database: texts beyond ASCII ran every one."

    def _open(self) -> None:
        self._opened = True
        try:
            import hyperscan  # noqa: F401

            from service.privacy.kept import Kept
        except ImportError:
            self.note = "hyperscan is not installed: every recognizer ran on every text. Same findings, slower."
            return
        folder = load_settings().home / "cache" / "privacy"
        self._kept = Kept(folder, plan_key(self._settings, self._language), classes_key())
        plan = self._kept_plan()
        if plan is not None:
            self._make(plan)

    def _kept_plan(self) -> Plan | None:
        import msgspec

        assert self._kept is not None
        content = self._kept.read("plan")
        try:
            return None if content is None else DECODER.decode(content)
        except msgspec.DecodeError:
            return None

    def _make(self, plan: Plan) -> None:
        import hyperscan

        from service.privacy.gate import Gate

        assert self._kept is not None
        try:
            self._gate = Gate(plan, self._kept)
        except (hyperscan.error, MemoryError):
            self._kept = None
            self.note = "the recognizers' patterns do not fit a database: every one ran on every text. Same findings."
            return
        self._kept.keep("plan", ENCODER.encode(plan))
