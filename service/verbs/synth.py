"""synth: documents or personas in, rows that a model wrote out, with their origins, looked at before they stay."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from service.data import RuleFiles
from service.evaluate.asker import Progress
from service.files import write_atomically
from service.settings import Settings
from service.verbs.redact import redactor_for
from service.verbs.synthesizing.request import PERSONAL, SynthRequest
from service.verbs.synthesizing.run import Synthesized, run

__all__ = ["PERSONAL", "Progress", "SynthRequest", "Synthesized", "synth"]


def synth(
    request: SynthRequest,
    *,
    rules: RuleFiles,
    settings: Settings,
    report: Callable[[Progress], None] = lambda _: None,
) -> Synthesized:
    """Ask a model for rows, and keep those that say nothing personal, copy nothing and repeat nothing.

    What is personal is taken out of every request before it is sent, to an endpoint on this machine too. The same
    request goes on where a killed one stopped: what was answered is kept in its work folder. The rows, their origins
    and the record appear when all are complete, or not at all.

    Raises:
        TuneGateError: `invalid_input` with every unusable value or source, `unreadable_path`, `output_exists`,
            `run_locked`, `disk_full`, `missing_extra`, `missing_key`; `no_answers` when the endpoint answers nothing,
            or no more.
    """
    made = run(request, redactor_for(request.redaction), rules, report)
    for record in (made.record, made.report):
        if record is not None and not (path := settings.records / f"{record.id}.json").exists():
            write_atomically(path, msgspec.json.encode(record))
    return made
