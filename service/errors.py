"""The one error that every layer raises; CLI, HTTP and jobs render the same text from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec


class ErrorItem(msgspec.Struct, frozen=True):
    """One thing that is wrong: where it is, what was seen, what is allowed, what to do."""

    where: str
    seen: str | None = None
    allowed: str | None = None
    remedy: str | None = None


class Code(msgspec.Struct, frozen=True):
    """What a problem code always means: its stable title, HTTP status and CLI exit code."""

    title: str
    status: int
    exit_code: int


# exit codes: 1 findings, blocked or failed; 2 unusable input; 3 something outside is missing; 130 interrupted
CODES: dict[str, Code] = {
    "usage": Code("Unusable command line", 400, 2),
    "invalid_input": Code("Unusable input", 422, 2),
    "invalid_facts": Code("Unknown fact or value", 422, 2),
    "contradictory_facts": Code("Facts that contradict each other", 422, 2),
    "invalid_rules": Code("Rule files are broken", 500, 2),
    "unreadable_path": Code("File or folder cannot be read", 422, 2),
    "unreadable_model": Code("Model cannot be read", 422, 2),
    "unsupported_family": Code("No memory formula for this model", 422, 2),
    "unknown_id": Code("No such id", 404, 2),
    "not_found": Code("No such thing", 404, 2),
    "target_cannot": Code("The target cannot do this", 422, 2),
    "too_large": Code("Body too large", 413, 2),
    "body_stalled": Code("Body did not arrive in time", 408, 2),
    "unsupported_body": Code("Body not understood", 415, 2),
    "target_cannot_produce_onnx": Code("The target hands back no ONNX", 422, 2),
    "target_not_configured": Code("The target is not configured", 422, 2),
    "target_unreachable": Code("The target cannot be reached", 503, 3),
    "target_refused": Code("The target refused", 502, 3),
    "remote_waits": Code("The target is not ready for the job yet", 503, 3),
    "remote_taken": Code("The name of the remote job belongs to another request", 409, 1),
    "remote_gone": Code("The remote job was deleted there", 502, 1),
    "plan_changed": Code("What would be made is not what was shown", 409, 2),
    "deployment_failed": Code("The deployment failed", 409, 1),
    "smoke_failed": Code("The deployed model does not answer", 502, 1),
    "deleted_externally": Code("Somebody else deleted the remote job", 502, 1),
    "cost_exceeded": Code("The job reached its max_cost", 409, 1),
    "plan_blocked": Code("The plan is blocked", 409, 1),
    "plan_mismatch": Code("The data or model is not what was planned", 409, 2),
    "job_failed": Code("The job failed", 409, 1),
    "job_cancelled": Code("The job was cancelled", 409, 1),
    "job_state": Code("Not in this state of the job", 409, 1),
    "job_finished": Code("The job has already ended", 409, 1),
    "evaluation_finished": Code("The evaluation has already ended", 409, 1),
    "synthesis_finished": Code("The synthesis has already ended", 409, 1),
    "trainer_died": Code("The trainer died", 500, 1),
    "other_process_lost": Code("Another process of the run ended", 500, 1),
    "parity_failed": Code("The ONNX export does not give the same answers", 500, 1),
    "artifact_not_ready": Code("The artifact is not ready", 409, 1),
    "artifact_corrupt": Code("The artifact does not match its manifest", 500, 1),
    "weights_not_exportable": Code("This target does not return weights", 404, 1),
    "output_exists": Code("The output already exists", 409, 2),
    "run_locked": Code("Another process holds the folder", 409, 3),
    "home_locked": Code("Another service holds the data folder", 409, 3),
    "executor_held": Code("Another service goes by this name", 409, 3),
    "executor_lost": Code("The service lost its name", 503, 3),
    "port_in_use": Code("The port is in use", 409, 3),
    "bind_refused": Code("The service does not listen there", 400, 2),
    "disk_full": Code("No space left for the output", 507, 3),
    "missing_extra": Code("An optional part is not installed", 501, 3),
    "missing_encoder": Code("The token encoder is not available", 422, 3),
    "context_overflow": Code("Longer than the model's context", 422, 2),
    "answer_failed": Code("The answer failed", 500, 1),
    "answerer_ended": Code("The process that answers has ended", 500, 1),
    "missing_gpu": Code("No GPU on this machine", 422, 3),
    "endpoint_not_allowed": Code("Not an address that the operator allows", 403, 2),
    "webhook_disabled": Code("The webhook is disabled", 409, 2),
    "unauthorized": Code("No valid key or token", 401, 3),
    "forbidden": Code("The key may not do this", 403, 3),
    "range_not_satisfiable": Code("No bytes in this range", 416, 2),
    "bad_host": Code("The Host header names no host", 400, 2),
    "host_refused": Code("Asked under a name that is not the service's", 403, 3),
    "cross_site": Code("Asked by a page of another site", 403, 3),
    "rate_limited": Code("Too many requests", 429, 3),
    "quota_exceeded": Code("The project's quota is used up", 429, 3),
    "identity_unreachable": Code("The identity provider cannot be reached", 503, 3),
    "key_reused": Code("The Idempotency-Key belongs to another request", 409, 2),
    "missing_key": Code("A key is missing or refused", 501, 3),
    "no_answers": Code("No model answered", 502, 3),
    "busy": Code("Too much of this at once", 503, 3),
    "worker_lost": Code("The process that did the work was killed", 503, 1),
    "stopping": Code("The service is stopping", 503, 3),
    "not_ready": Code("The service is not ready", 503, 3),
    "storage_unreachable": Code("The object storage does not answer", 503, 3),
    "storage_refused": Code("The object storage refuses us", 502, 3),
    "storage_missing": Code("Stored data are missing", 500, 3),
    "storage_corrupt": Code("Stored data are not what was stored", 500, 1),
    "source_not_allowed": Code("Not a source that the operator allows", 403, 2),
    "source_unreadable": Code("The source cannot be read", 422, 2),
    "job_not_finished": Code("The job has not ended", 409, 1),
    "dataset_in_use": Code("The dataset is in use", 409, 1),
    "service_unreachable": Code("The service cannot be reached", 502, 3),
    "environment": Code("Something outside is missing", 500, 3),
    "interrupted": Code("Interrupted", 499, 130),
    "internal": Code("Internal error", 500, 1),
}


class TuneGateError(Exception):
    """A problem a person can act on. Its text never holds training text, PII or secrets."""

    def __init__(self, code: str, detail: str, *, remedy: str = "", errors: Sequence[ErrorItem] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.remedy = remedy
        self.errors = tuple(errors)

    @property
    def title(self) -> str:
        return CODES[self.code].title

    @property
    def status(self) -> int:
        return CODES[self.code].status

    @property
    def exit_code(self) -> int:
        return CODES[self.code].exit_code


def did_you_mean(seen: str, options: Iterable[str]) -> str | None:
    """The nearest allowed name, or None: a nonsense suggestion is worse than none."""
    written = {name.casefold(): name for name in sorted(options)}
    names, seen = list(written), seen.casefold()
    # only a mistake needs it
    import difflib

    close = difflib.get_close_matches(seen, names, 1)
    if close:
        return written[close[0]]
    # get_close_matches finds nothing for "gap" against "gap.kind" (ratio below its cutoff)
    starts = [name for name in names if seen and name.startswith(seen)]
    return written[starts[0]] if len(starts) == 1 else None


def suggestion(seen: str, options: Iterable[str]) -> str:
    """A "Did you mean ...?" sentence, or an empty string."""
    nearest = did_you_mean(seen, options)
    return f"Did you mean {nearest!r}?" if nearest else ""


def missing_extra(extra: str, what: str, cause: ImportError) -> TuneGateError:
    """The error for a verb whose optional libraries are not installed."""
    return TuneGateError(
        "missing_extra",
        f"{what} needs the optional part [{extra}]: {cause.name or cause} is not installed.",
        remedy=f"pip install 'tunegate[{extra}]'",
    )
