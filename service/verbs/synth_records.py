"""synth_records: what syntheses left, here or elsewhere, by which uploads of their rows are told."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from service.errors import TuneGateError
from service.records.access import Deed
from service.records.identity import digest
from service.records.synth_job import SynthKept, SynthOrigins
from service.records.synthesis import RowProvenance, SynthReport
from service.store.syntheses import ORIGINS, RECORD
from service.verbs.context import Context
from service.verbs.synthesizing.brought import is_derived, read_brought
from service.verbs.synthesizing.derived import Derived
from service.verbs.synthesizing.origins import Origins, given_origins, joined


def bring(context: Context, body: bytes) -> SynthKept:
    """Keep the records and origins that a synthesis elsewhere left; the same ones again change nothing.

    Raises:
        TuneGateError: `invalid_input` with all that is damaged or edited; `quota_exceeded`.
    """
    brought = read_brought(body)
    made = bool([one for one in brought.origins if is_derived(one)])
    for record in brought.records:
        rows = [one for one in brought.origins if one.synth in {record.id, msgspec.UNSET}]
        context.store.put(RECORD, record.id, record)
        if made:
            _keep(context, record.id, rows)
        else:
            context.store.put(ORIGINS, record.id, SynthOrigins(rows))
        context.store.audit.note(Deed(context.caller.actor, "synthesis.brought"), record.id)
    return SynthKept(synth=[one.id for one in brought.records], rows=len(brought.origins))


def record(context: Context, identifier: str) -> SynthReport:
    """The record of a synthesis, whoever carried it out.

    Raises:
        TuneGateError: `unknown_id`.
    """
    return context.store.get(RECORD, identifier, SynthReport)


def origins(context: Context, identifier: str) -> bytes:
    """What is known of its rows, and of those that were made of them, a line each.

    Raises:
        TuneGateError: `unknown_id`.
    """
    record(context, identifier)
    return b"".join(msgspec.json.encode(one) + b"\n" for one in _rows(context, identifier))


def remove(context: Context, identifier: str) -> None:
    """Remove a record that was brought, with its origins; what rests on it keeps its id.

    Raises:
        TuneGateError: `unknown_id`; `synthesis_finished` for one that a synthesis of the project made.
    """
    record(context, identifier)
    if context.store.syntheses.names_record(identifier):
        remedy = "Remove that synthesis: DELETE /v1/synth/ID."
        raise TuneGateError("synthesis_finished", "A synthesis of this service made the record.", remedy=remedy)
    # before the deed: a service that is killed while it removes leaves the entry
    context.store.audit.note(Deed(context.caller.actor, "synthesis.deleted"), identifier)
    context.store.syntheses.forget_unnamed(identifier, context.caller.project)
    context.store.settle()


def known_origins(context: Context, identifiers: Sequence[str]) -> Origins:
    """Which rows these syntheses wrote.

    Raises:
        TuneGateError: `unknown_id`.
    """
    return joined(given_origins(record(context, one), _rows(context, one)) for one in identifiers)


def keep_derived(context: Context, made: Derived, known: Origins) -> None:
    """Keep which rows of something that was made of synthetic rows are theirs, where that is not known yet.

    Raises:
        TuneGateError: `quota_exceeded`, `unknown_id` where a record was removed meanwhile.
    """
    decoder = msgspec.json.Decoder(RowProvenance)
    rows = [one for one in map(decoder.decode, made.lines().splitlines()) if known.rows.find(one.sha256) is None]
    for name in {str(one.synth) for one in rows}:
        _keep(context, name, [one for one in rows if one.synth == name])


def _keep(context: Context, name: str, rows: list[RowProvenance]) -> None:
    if rows:
        context.store.syntheses.keep_derived(name, digest(rows), SynthOrigins(rows))


def _rows(context: Context, identifier: str) -> list[RowProvenance]:
    try:
        own = context.store.get(ORIGINS, identifier, SynthOrigins).rows
    except TuneGateError:
        # a file that was made of its rows was brought without them
        own = []
    return [*own, *context.store.syntheses.derived(identifier)]
