"""What a synthesis over HTTP is asked for: documents or topics in the body, no path of the client."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.evaluate.given import Given, refuse
from service.evaluate.models import Model, model_of
from service.jobs.outside_inputs import ANSWERS, DOCUMENTS, ROWS
from service.synth.screen import Personal
from service.verbs.context import Context
from service.verbs.evaluating.allowed import Allowed
from service.verbs.evaluating.documents import EvaluationDocument, read_inline
from service.verbs.linting.privacy import PrivacyRequest
from service.verbs.redacting.options import RedactOptions
from service.verbs.redacting.query import redact_options
from service.verbs.redacting.settings import PrivacyTable, privacy_request, tables_of
from service.verbs.synthesizing.request import SynthRequest, check_model, check_request, require_able

# where each row comes from is kept in the database
_MOST_ROWS = 10_000
_USUAL = SynthRequest(kind="personas", out=Path(ROWS), model="", target="")


class SynthBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /v1/synth`: `documents` are of kind coverage, `topics` and `dimensions` of kind personas.

    `model` is a table as [[model]] of an evaluation has it: `name`, `endpoint` and what else is said of it. `rows` null
    is one per chunk or topic, 10,000 at most; `dimensions` empty are the shipped ones. `max_cost` in USD needs a price
    (`usd_per_million`). `personal` says what becomes of rows in which something personal is found, `languages` in which
    it is looked for. `continues` is the id of a synthesis whose replies are taken over.
    """

    kind: Literal["coverage", "personas"]
    model: dict[str, Any]
    target: str
    documents: list[EvaluationDocument] = []
    topics: Annotated[list[str], msgspec.Meta(max_length=1000)] = []
    dimensions: dict[str, list[str]] = {}
    rows: int | None = None
    system: str = _USUAL.system
    budget_tokens: int | None = None
    budget_requests: int | None = None
    max_cost: float | None = None
    temperature: float = _USUAL.temperature
    max_new_tokens: int = _USUAL.max_new_tokens
    chunk_tokens: int = _USUAL.chunk_tokens
    concurrency: int = _USUAL.concurrency
    seed: int = _USUAL.seed
    personal: Personal = "drop"
    languages: list[str] = []
    continues: str | None = None


class SynthWork(msgspec.Struct, frozen=True, kw_only=True):
    """What the process does; documents and replies lie in its folder."""

    body: SynthBody
    model: Model


def work_of(context: Context, body: SynthBody) -> SynthWork:
    """The body checked, with its model; its documents are in files once the process reads it.

    Raises:
        TuneGateError: `invalid_input` with everything that is unusable; `endpoint_not_allowed` where nothing else is;
            `missing_key`, `missing_extra`.
    """
    errors: list[ErrorItem] = []
    documents = read_inline(Given({"documents": msgspec.to_builtins(body.documents)}, "", errors))
    _check_kind(body, errors)
    tables = tables_of(context.settings.privacy_settings)
    try:
        request = request_of(body, tables)
    except TuneGateError as error:
        request = None
        errors += error.errors or [ErrorItem("languages", error.detail)]
    if request is not None:
        found: list[ErrorItem] = []
        check_request(request, context.rules, found)
        errors += [msgspec.structs.replace(one, where=one.where.replace("-", "_")) for one in found]
    if body.rows is not None and body.rows > _MOST_ROWS:
        errors.append(ErrorItem("rows", "more rows", f"at most {_MOST_ROWS}", "Larger sets: tunegate synth."))
    _check_continues(context, body.continues, errors)
    allowed = Allowed(context.settings.endpoints)
    model = _model(body, request or _USUAL, allowed, errors)
    refuse([*errors, *(allowed.refused if errors else [])], "the body", "GET /schema describes it.")
    allowed.refuse()
    assert model is not None
    require_able(model)
    return SynthWork(body=msgspec.structs.replace(body, documents=documents), model=model)


def request_of(body: SynthBody, tables: list[PrivacyTable]) -> SynthRequest:
    """The body as the command line's request, with paths of the folder that the process works in.

    Raises:
        TuneGateError: `invalid_input` for languages, or for the service's own settings of privacy.
    """
    asked = msgspec.structs.asdict(body)
    for name in ("model", "documents", "languages", "continues"):
        del asked[name]
    return SynthRequest(
        **asked,
        out=Path(ROWS),
        work=Path(ANSWERS),
        model="",
        sources=[Path(DOCUMENTS)] if body.documents else [],
        redaction=_redaction(body, tables),
        privacy=_privacy(body, tables),
    )


def _redaction(body: SynthBody, tables: list[PrivacyTable]) -> RedactOptions:
    return redact_options([("language", ",".join(body.languages))] if body.languages else [], tables)


def _privacy(body: SynthBody, tables: list[PrivacyTable]) -> PrivacyRequest:
    return privacy_request(tables, languages=body.languages)


def _check_kind(body: SynthBody, errors: list[ErrorItem]) -> None:
    """What belongs to the other kind is a mistake, and what it cannot do without is named as the body has it."""
    other = ("topics", "dimensions") if body.kind == "coverage" else ("documents", "chunk_tokens")
    usual = SynthBody(kind=body.kind, model={}, target="")
    errors += [
        ErrorItem(name, f"something, with kind {body.kind}", "nothing")
        for name in other
        if getattr(body, name) != getattr(usual, name)
    ]
    if body.kind == "personas" and not any(one.strip() for one in body.topics):
        errors.append(ErrorItem("topics", "nothing", "what the rows are about"))


def _check_continues(context: Context, identifier: str | None, errors: list[ErrorItem]) -> None:
    try:
        if identifier is not None:
            context.store.syntheses.get(identifier)
    except TuneGateError:
        errors.append(ErrorItem("continues", "no synthesis of this id", "the id of a synthesis"))


def _model(body: SynthBody, request: SynthRequest, allowed: Allowed, errors: list[ErrorItem]) -> Model | None:
    given = Given(dict(body.model), "model", errors)
    if "folder" in given.data or given.data.get("endpoint") is None:
        key = "folder" if "folder" in given.data else "endpoint"
        given.wrong(key, "a path" if key == "folder" else "nothing", "endpoint, an address up to /v1")
        return None
    made = model_of(given, "model", Path())
    if made is not None:
        check_model(request, made, errors)
        allowed.require("model", made)
    return made
