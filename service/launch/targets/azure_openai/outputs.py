"""What a job left at the service: the hosted model's id, its checkpoints, and its metrics, read as numbers alone."""

from __future__ import annotations

import csv
import io
import math
import re
from itertools import islice
from typing import Any

from service.errors import TuneGateError
from service.launch.targets.azure_openai.account import Account
from service.records.hosted import Checkpoint, Hosted

# 50 epochs of 2 billion tokens in small batches stay below it
_MOST_BYTES = 16 * 2**20
_MOST_CHECKPOINTS = 1000
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,255}")
_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,63}")
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?")
_STEP = "step"


class Metrics:
    """A results file: every cell a number or nothing.

    Raises:
        ValueError: with the line and column of the first cell that is neither; never with what stands there.
    """

    def __init__(self, content: bytes) -> None:
        try:
            rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError("it is no CSV in UTF-8") from error
        rows = [row for row in rows if row]
        if not rows or _STEP not in rows[0] or not all(_COLUMN.fullmatch(name) for name in rows[0]):
            raise ValueError("its first line does not name the columns, step among them")
        self.columns = rows[0]
        if len(set(self.columns)) != len(self.columns):
            raise ValueError("a column is named twice")
        self.rows = [self._row(line, row) for line, row in enumerate(rows[1:], start=2)]

    def _row(self, line: int, row: list[str]) -> list[float | None]:
        if len(row) != len(self.columns):
            raise ValueError(f"line {line} has {len(row)} cells, {len(self.columns)} are named")
        found: list[float | None] = []
        for name, cell in zip(self.columns, row, strict=True):
            value = float(cell) if _NUMBER.fullmatch(cell) else None
            if (value is None and cell) or (value is not None and not math.isfinite(value)):
                raise ValueError(f"line {line}, column {name}: no number")
            found.append(value)
        return found

    def last(self) -> dict[str, float]:
        """The last value of each column."""
        found: dict[str, float] = {}
        for row in self.rows:
            found |= {name: value for name, value in zip(self.columns, row, strict=True) if value is not None}
        return found

    def written(self) -> bytes:
        """The same numbers, written by us."""
        lines = [",".join(self.columns)]
        lines += [",".join("" if value is None else f"{value:.10g}" for value in row) for row in self.rows]
        return ("\n".join(lines) + "\n").encode()


def hosted_of(account: Account, job: Any, *, tokens: int | None) -> tuple[Hosted, bytes | None]:
    """What is told of a job that succeeded, and its metrics where they can be trusted.

    Raises:
        TuneGateError: `artifact_corrupt` where no model is named, and what the client raises.
    """
    model = getattr(job, "fine_tuned_model", None)
    if not isinstance(model, str) or not _MODEL.fullmatch(model):
        raise TuneGateError("artifact_corrupt", "The job succeeded and names no model.", remedy="Look in the portal.")
    metrics, refused = None, None
    try:
        metrics = _metrics(account, job)
    except ValueError as error:
        refused = f"results.csv is not taken: {error}"
    except TuneGateError as error:
        if error.code not in {"remote_gone", "target_refused"}:
            raise
        refused = f"results.csv cannot be read: {error.detail}"
    made = Hosted(
        model=model,
        checkpoints=_checkpoints(account, job),
        metrics=metrics.last() if metrics else {},
        steps=len(metrics.rows) if metrics else None,
        trained_tokens=tokens,
        metrics_refused=refused,
    )
    return made, metrics.written() if metrics else None


def _metrics(account: Account, job: Any) -> Metrics | None:
    files = [one for one in getattr(job, "result_files", None) or [] if isinstance(one, str)]
    if not files:
        return None
    content = bytearray()
    with (
        account.talk("reading the metrics") as client,
        client.files.with_streaming_response.content(files[0]) as answer,
    ):
        for chunk in answer.iter_bytes():
            content += chunk
            if len(content) > _MOST_BYTES:
                raise ValueError(f"it is longer than {_MOST_BYTES} bytes")
    return Metrics(bytes(content))


def _checkpoints(account: Account, job: Any) -> list[Checkpoint]:
    found: list[Checkpoint] = []
    every = account.ask(
        "listing the checkpoints",
        lambda client: list(islice(client.fine_tuning.jobs.checkpoints.list(job.id, limit=100), _MOST_CHECKPOINTS)),
    )
    for one in every:
        model, step = getattr(one, "fine_tuned_model_checkpoint", None), getattr(one, "step_number", None)
        if isinstance(model, str) and _MODEL.fullmatch(model) and isinstance(step, int):
            found.append(Checkpoint(model=model, step=step, metrics=_numbers(getattr(one, "metrics", None))))
    return sorted(found, key=lambda one: one.step)


def _numbers(metrics: Any) -> dict[str, float]:
    values = metrics.to_dict() if hasattr(metrics, "to_dict") else {}
    return {
        name: float(value)
        for name, value in values.items()
        if _COLUMN.fullmatch(name)
        and isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
    }
