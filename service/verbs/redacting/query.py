"""redact over HTTP: the query of /v1/redact, every mistake in it told at once, and the redacted body."""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import anyio.to_thread

from service.convert.source import Source, buffered
from service.errors import ErrorItem, TuneGateError, did_you_mean
from service.files import write_error
from service.privacy.redaction.copy import Copier
from service.privacy.redaction.row import Redactor
from service.records.conversion import ReadFile, WrittenFile
from service.records.redaction import RedactedFile, Redaction
from service.verbs.context import Context
from service.verbs.linting.query import Parameter
from service.verbs.receiving.uploads import end_if, readable
from service.verbs.redact import Measured, Unreadables, record_of, redactor_for
from service.verbs.redacting.options import EVERYTHING, ONLY_IF_NAMED, WITH, RedactOptions, configured, wrong
from service.verbs.redacting.settings import PrivacyTable, privacy_request
from service.verbs.synth_records import keep_derived
from service.verbs.synthesizing.derived import Derived
from service.verbs.synthesizing.origins import Origins

_STDIN = "-"
_SHOWN = 60
_NUMBER = re.compile(r"[0-9]{0,3}(\.[0-9]{1,9})?\Z")
_DEFAULTS = RedactOptions()

PARAMETERS = (
    Parameter(
        "with", {"type": "string", "enum": list(WITH), "default": _DEFAULTS.way},
        "What stands in the place of a value: a numbered tag, the same for the same value in a row; a tag; asterisks; "
        "or a tag with a hash, the same in all rows of the body.",
    ),
    Parameter(
        "entities", {"type": "string"},
        f"Only these, with commas, or {EVERYTHING}; otherwise all but {', '.join(ONLY_IF_NAMED)}.",
    ),
    Parameter(
        "language", {"type": "string", "default": ",".join(_DEFAULTS.languages)},
        "Languages of the texts, with commas; every text is scanned as each of them. auto stands for all with "
        "recognizers of their own.",
    ),
    Parameter(
        "threshold", {"type": "number", "minimum": 0, "maximum": 1, "default": _DEFAULTS.threshold},
        "How sure a finding must be.",
    ),
)  # fmt: skip


class RedactedBody(NamedTuple):
    """The redacted bytes in a file that has no name and is gone when it is closed, and the record."""

    file: BinaryIO
    record: Redaction


def redact_options(query: Sequence[tuple[str, str]], privacy: Sequence[PrivacyTable] = ()) -> RedactOptions:
    """The options that a query asks for, over those of the tables.

    Raises:
        TuneGateError: `invalid_input` with one error per parameter that is unknown, repeated or wrong.
    """
    known = [one.name for one in PARAMETERS]
    errors = [
        ErrorItem(name[:_SHOWN], "an unknown parameter", ", ".join(known), _hint(name, known))
        for name in dict(query)
        if name not in known
    ]
    values = dict(query)
    errors += [
        ErrorItem(name, "given twice", "once; several go with commas")
        for name in known
        if sum(one == name for one, _ in query) > 1
    ]
    threshold = values.get("threshold")
    number = threshold is None or (bool(threshold) and _NUMBER.match(threshold) is not None)
    options = configured(
        privacy_request(privacy),
        way=values.get("with", _DEFAULTS.way),
        entities=_names(values.get("entities", "")),
        languages=_names(values.get("language", "")),
        threshold=float(threshold) if number and threshold is not None else None,
    )
    errors += wrong(options)
    if not number and threshold is not None:
        errors.append(ErrorItem("threshold", threshold[:_SHOWN], "a number from 0 to 1"))
    if errors:
        raise TuneGateError(
            "invalid_input",
            f"{len(errors)} query parameter(s) cannot be used; the body was not read.",
            remedy="GET /schema describes them.",
            errors=errors,
        )
    return options


async def ready_redactor(options: RedactOptions) -> Redactor:
    """What redacts; asked for before a body is read.

    Raises:
        TuneGateError: `invalid_input` for entities that no recognizer knows, `missing_extra`.
    """
    return await anyio.to_thread.run_sync(redactor_for, options)


def redact_upload(
    context: Context,
    path: Path,
    options: RedactOptions,
    redactor: Redactor,
    stop: threading.Event,
    origins: Origins | None = None,
) -> RedactedBody:
    """The bytes that `tunegate redact` writes for a received body; all of them, before the first one is sent.

    Which of them are rows of `origins`, redacted, is kept.

    Raises:
        TuneGateError: `invalid_input` with every row that cannot be read, `disk_full`, `missing_extra`; `interrupted`
            once `stop` is set; `unknown_id` where a record was removed meanwhile.
    """
    made = Derived(path)
    origins = origins or Origins()
    copier, written = Copier(redactor, made.trail(path, origins).wrote), Measured()
    unreadable = Unreadables()
    with readable(path, stop) as body:
        source = Source(body, _STDIN)
        file = tempfile.TemporaryFile(dir=context.settings.uploads)  # noqa: SIM115
        try:
            for block in written.passed(copier.blocks(buffered(source), _STDIN)):
                file.write(block)
                end_if(stop)
            source.drain()
            unreadable.add(_STDIN, copier)
            unreadable.refuse()
            keep_derived(context, made, origins)
            file.seek(0)
        except BaseException as error:
            file.close()
            raise (write_error(context.settings.uploads, error) if isinstance(error, OSError) else error) from error
    done = RedactedFile(
        ReadFile(_STDIN, source.sha256, source.bytes, copier.rows),
        WrittenFile(_STDIN, written.sha256, written.bytes, copier.rows),
        copier.changed_rows,
    )
    return RedactedBody(file, record_of(options, [done], copier.counts))


def _hint(seen: str, options: Sequence[str]) -> str | None:
    nearest = did_you_mean(seen[:_SHOWN], options)
    return f"Did you mean {nearest!r}?" if nearest else None


def _names(value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())
