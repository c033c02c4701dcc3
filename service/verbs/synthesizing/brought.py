"""What a synthesis elsewhere left, as it is brought to the service: its record and the origins, held against it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.records.synthesis import RowProvenance, SynthReport
from service.verbs.synthesizing.record import identity_of

_HASH = re.compile(r"[0-9a-f]{64}\Z")
_SHOWN = 20
_WHAT = "NAME.synth.json as tunegate wrote it"
_ORIGINS = "lines of NAME.provenance.jsonl"
_REMEDY = "Send both files as they are: cat NAME.synth.json NAME.provenance.jsonl."


class Brought(msgspec.Struct, frozen=True):
    """The records, and the rows that they are of."""

    records: list[SynthReport]
    origins: list[RowProvenance]


def read_brought(body: bytes) -> Brought:
    """NAME.synth.json with NAME.provenance.jsonl behind it.

    Raises:
        TuneGateError: `invalid_input` with all that is damaged, or is not what the record was made with.
    """
    errors: list[ErrorItem] = []
    text, end = _first_value(body)
    records = _records(text, errors)
    origins = _origins(body[end:], errors)
    if not errors:
        errors += [*_wrong_ids(records), *_wrong_rows(records, origins)]
    if errors:
        raise TuneGateError(
            "invalid_input",
            f"{len(errors)} thing(s) in what the synthesis left cannot be used; nothing was kept.",
            remedy=_REMEDY,
            errors=errors[:_SHOWN],
        )
    return Brought(records, origins)


def _first_value(body: bytes) -> tuple[bytes, int]:
    """The first JSON value, and where it ends in the body; empty where there is none."""
    try:
        text = body.decode()
        start = len(text) - len(text.lstrip())
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return b"", len(body)
    found = text[:end].encode()
    return found, len(found)


def _records(text: bytes, errors: list[ErrorItem]) -> list[SynthReport]:
    try:
        found = msgspec.json.decode(text, type=SynthReport | list[SynthReport])
    except (ValueError, RecursionError):
        errors.append(ErrorItem("record", "no record of a synthesis at the start of the body", _WHAT))
        return []
    records = found if isinstance(found, list) else [found]
    if not records:
        errors.append(ErrorItem("record", "an empty list", _WHAT))
    return records


def _origins(lines: bytes, errors: list[ErrorItem]) -> list[RowProvenance]:
    decoder = msgspec.json.Decoder(RowProvenance)
    found: list[RowProvenance] = []
    one: RowProvenance | None
    for number, line in enumerate((one for one in lines.splitlines() if one.strip()), 1):
        try:
            one = decoder.decode(line)
        except (ValueError, RecursionError):
            one = None
        if one is not None and _complete(one):
            found.append(one)
        else:
            errors.append(ErrorItem(f"origins: row {number}", "no origin of a row", _ORIGINS))
    return found


def _complete(one: RowProvenance) -> bool:
    """Whether all is known of a row; or nothing, of one that was made when the origins were lost."""
    unknown = [
        value is msgspec.UNSET
        for value in (one.template, one.type, one.prompt_sha256, one.model, one.endpoint, one.seed, one.try_)
    ]
    return not any(unknown) or (all(unknown) and isinstance(one.synth, str))


def _wrong_ids(records: Sequence[SynthReport]) -> Iterator[ErrorItem]:
    """The id is over the content, so one that was edited or damaged has another."""
    for number, one in enumerate(records, 1):
        if identity_of(one) != one.id:
            yield ErrorItem(f"record {number}: id", "not the hash of what the record says", _WHAT)


def _wrong_rows(records: Sequence[SynthReport], origins: Sequence[RowProvenance]) -> Iterator[ErrorItem]:
    ids = {one.id for one in records}
    for number, one in enumerate(origins, 1):
        hashes = [one.sha256, *([one.derived_from] if isinstance(one.derived_from, str) else [])]
        if not all(_HASH.match(value) for value in hashes):
            yield ErrorItem(f"origins: row {number}", "a hash that is none", "64 hex digits")
        if isinstance(one.synth, str) and one.synth not in ids:
            yield ErrorItem(f"origins: row {number}: synth", "a record that was not sent", "the id of one that was")
        elif not isinstance(one.synth, str) and len(records) > 1:
            yield ErrorItem(f"origins: row {number}: synth", "nothing", "the id of one of the records")
    if not origins:
        yield ErrorItem("origins", "none", _ORIGINS)
    elif len(records) == 1 and not any(map(is_derived, origins)):
        # as the synthesis wrote them: the record has their hash
        lines = b"".join(msgspec.json.encode(one) + b"\n" for one in origins)
        if hashlib.sha256(lines).hexdigest() != records[0].provenance_sha256:
            yield ErrorItem("origins", "not those that the record was made with", _ORIGINS)


def is_derived(one: RowProvenance) -> bool:
    """Whether an origin is of a file that was made of a synthesis' rows."""
    return isinstance(one.synth, str) or isinstance(one.derived_from, str)
