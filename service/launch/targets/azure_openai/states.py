"""How a job stands, from what the service answers; nothing of it is trusted to have its declared type."""

from __future__ import annotations

import re
from typing import Any

from service.launch.targets.azure_openai.talking import CHECK
from service.launch.targets.target import RemoteStatus
from service.records.job import State
from trainers.contract import Failure

# Azure's own words beside OpenAI's; anything else is unknown
_STATES: dict[str, State] = {
    "pending": "queued", "notRunning": "queued", "validating_files": "queued", "queued": "queued",
    "running": "running", "succeeded": "succeeded", "failed": "failed", "paused": "paused",
    "pausing": "running", "resuming": "running", "cancelling": "cancelling",
    "cancelled": "cancelled", "canceled": "cancelled",
}  # fmt: skip
_SHOWN = 40
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_LINE = re.compile(r"\b[Ll]ines? (\d{1,9})")


def status_of(job: Any, *, usd: float | None) -> RemoteStatus:
    """Our state, the service's word beside it, and why it failed."""
    raw = str(getattr(job, "status", None))[:_SHOWN]
    state = _STATES.get(raw, "unknown")
    return RemoteStatus(state=state, raw=raw, error=_failure(job) if state == "failed" else None, usd=usd)


def billed_tokens(job: Any) -> int | None:
    """Tokens that were trained on, all epochs together; null until the service tells."""
    value = getattr(job, "trained_tokens", None)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _failure(job: Any) -> Failure:
    """Codes and line numbers alone: the service's words may quote rows."""
    error = getattr(job, "error", None)
    said = [getattr(error, name, None) for name in ("code", "param")]
    shown = [one for one in said if isinstance(one, str) and _PLAIN.fullmatch(one)]
    message = getattr(error, "message", None)
    lines = _LINE.findall(message) if isinstance(message, str) else []
    where = f" (line {', '.join(lines[:10])})" if lines else ""
    detail = f"The job failed at Azure: {', '.join(shown) or 'it names no code'}{where}."
    remedy = f"The Foundry portal says why in words, which may quote rows and are not repeated here. {CHECK}"
    return Failure("job_failed", detail, remedy)
