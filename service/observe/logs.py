"""Logs: JSON lines for machines, plain lines for people, each with the request or job it belongs to."""

from __future__ import annotations

import logging
import re
import sys
import uuid
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import msgspec

request_id: ContextVar[str] = ContextVar("request_id", default="")
job_id: ContextVar[str] = ContextVar("job_id", default="")
# what others send is written back and into every line: a short word, or it is replaced
_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# DBOS says both, with a trace, of every job that was cancelled as asked
_NOISE = ("DBOSAwaitedWorkflowCancelledError", "is no longer owned by this execution")


def chosen_request_id(given: str) -> str:
    """The caller's id of a request if it is one word of at most 64 letters, digits, dots, dashes; else a new one."""
    return given if _SANE.fullmatch(given) else uuid.uuid4().hex


def set_up_logs(format_: str) -> None:
    """All that is logged goes to stderr: `json` an object per line, `text` for people, `auto` by the terminal."""
    as_json = format_ == "json" or (format_ == "auto" and not sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if as_json else PlainLines())
    handler.addFilter(worth_saying)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("tunegate").setLevel(logging.INFO)
    # twenty lines at each start about languages that nobody asked for
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    # it brings a handler of its own unless it has one
    theirs = logging.getLogger("dbos")
    theirs.handlers, theirs.propagate = [handler], False


def worth_saying(record: logging.LogRecord) -> bool:
    """Whether a record is none of the harmless lines of a cancellation."""
    told = record.getMessage()
    failed = record.exc_info[1] if record.exc_info else None
    return not any(one in told or one in type(failed).__name__ or one in str(failed) for one in _NOISE)


class JsonLines(logging.Formatter):
    """One JSON object per record: `at` (UTC), `level`, `logger`, `message`, and what belongs to it."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        return msgspec.json.encode(line | _fields(record)).decode()


class PlainLines(logging.Formatter):
    """The message, followed by what belongs to it."""

    def format(self, record: logging.LogRecord) -> str:
        told = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        return f"{record.getMessage()} {told}".rstrip()


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """What was given as `extra={"fields": {...}}`, the ids, and type and place of an exception: never its text."""
    fields: dict[str, Any] = {}
    if request_id.get():
        fields["request_id"] = request_id.get()
    if job_id.get():
        fields["job_id"] = job_id.get()
    fields |= getattr(record, "fields", {})
    if record.exc_info and record.exc_info[1] is not None:
        fields |= {"exception": type(record.exc_info[1]).__name__, "place": place_of(record.exc_info[1])}
    return fields


def place_of(error: BaseException) -> str:
    """File and line where an exception was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "an unknown place"


def _moment(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
