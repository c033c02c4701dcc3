"""The service's events as progress: numbered from the oldest, steps as steps, words only where they quote no row."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from trainers.contract import Progress

# beyond it nobody reads them, and a service that repeats pages must not hold us
_MOST_PAGES = 500
_STEP = re.compile(r"Step (\d{1,9})(?:/(\d{1,9}))?: training loss=(\d+(?:\.\d+)?)")
_ID = r"[A-Za-z0-9_.:-]{1,200}"
# what the service says of itself (Microsoft's and OpenAI's guides), whole; other words may quote a row
_PLAIN = re.compile(
    r"Job (?:enqueued|started|succeeded|failed|cancelled|canceled|paused|resumed)\.?"
    r"|Job enqueued\. Waiting for jobs ahead to complete\.?|Jobs ahead in queue: \d+"
    r"|(?:Preprocessing|Training|Postprocessing) (?:started|completed)\.?"
    rf"|Completed results file: {_ID}|Created fine-tuning job: {_ID}|Validating (?:training|validation) file: {_ID}"
    rf"|Checkpoint created at step \d+(?: with Snapshot ID: {_ID})?"
    r"|Files validated, moving job to queued state|Fine-tuning job started|New fine-tuned model created"
    r"|The job has successfully completed"
)


class Events:
    """The events of one job, read on from the last one seen."""

    def __init__(self) -> None:
        self._count = 0
        self._last: str | None = None
        # the last look brought nothing new
        self.quiet = False
        self.step: int | None = None
        self.total: int | None = None

    def read(self, page: Callable[[str | None], Any], *, after: int) -> list[Progress]:
        """Those numbered above `after`; `page` gives the events older than an id, the newest first."""
        found = [*self._newer(page)]
        found.reverse()
        self.quiet = not found
        records = [_record(self._count + index, event) for index, event in enumerate(found, start=1)]
        if found:
            self._count, self._last = self._count + len(found), found[-1].id
        for record in records:
            if record.step is not None:
                self.step, self.total = record.step, record.total or self.total
        return [record for record in records if record.n > after]

    def _newer(self, page: Callable[[str | None], Any]) -> Iterator[Any]:
        older: str | None = None
        seen: set[str] = set()
        for _ in range(_MOST_PAGES):
            answer = page(older)
            events = [one for one in getattr(answer, "data", None) or [] if isinstance(getattr(one, "id", None), str)]
            for event in events:
                if event.id == self._last:
                    return
                if event.id not in seen:
                    seen.add(event.id)
                    yield event
            if not events or not getattr(answer, "has_more", False):
                return
            older = events[-1].id


def _record(n: int, event: Any) -> Progress:
    at = _at(getattr(event, "created_at", None))
    step, total, loss = _numbers(event)
    if step is not None:
        return Progress(n=n, event="step", at=at, step=step, total=total, loss=loss)
    message = getattr(event, "message", None)
    if isinstance(message, str) and _PLAIN.fullmatch(message):
        return Progress(n=n, event="log", at=at, message=message)
    level = getattr(event, "level", None)
    level = level if level in {"info", "warn", "error"} else "info"
    return Progress(n=n, event="log", at=at, message=f"a message of level {level}, not repeated: it may quote rows")


def _numbers(event: Any) -> tuple[int | None, int | None, float | None]:
    """(step, of how many, loss) of a metrics event, or of the words that say the same."""
    data = getattr(event, "data", None)
    if isinstance(data, dict) and (step := _whole(data.get("step"))) is not None:
        return step, _whole(data.get("total_steps")), _finite(data.get("train_loss"))
    said = _STEP.search(str(getattr(event, "message", "")))
    if said is None:
        return None, None, None
    return int(said[1]), int(said[2]) if said[2] else None, float(said[3])


def _whole(value: object) -> int | None:
    number = _finite(value)
    return int(number) if number is not None and number >= 0 and number == int(number) else None


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _at(seconds: object) -> str:
    try:
        moment = datetime.fromtimestamp(float(str(seconds)), UTC)
    except (ValueError, OverflowError, OSError):
        moment = datetime.fromtimestamp(0, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
