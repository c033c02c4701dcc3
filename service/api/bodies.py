"""Bodies of any size: read as a stream, described in the contract, given up when the client leaves."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, NamedTuple, TypeVar

import anyio.to_thread
from litestar import Request
from litestar.exceptions import InternalServerException
from litestar.openapi.spec import OpenAPIMediaType, Operation, Parameter, RequestBody, Schema

from service.errors import ErrorItem, TuneGateError
from service.packing import BUFFER_BYTES
from service.verbs.context import Context
from service.verbs.linting.query import Parameter as QueryParameter
from service.verbs.linting.query import parameters
from service.verbs.receiving.bodies import is_large
from service.verbs.receiving.named import named
from service.verbs.receiving.unpacking import CODINGS
from service.verbs.receiving.uploads import Upload, client_left, in_thread
from service.verbs.redacting.query import PARAMETERS

T = TypeVar("T")
_PARQUET = "application/vnd.apache.parquet"
_SOURCE = "from"
_FROM = QueryParameter(
    _SOURCE, {"type": "string"},
    "Read the lines from this URL (az, abfss, s3) instead of a body; only below the operator's prefixes.",
)  # fmt: skip
_IDS = "The id of a synthesis' record (synth_id) that wrote rows of it, several with commas"
_SYNTH = QueryParameter("synth", {"type": "string"}, f"{_IDS}: the report then says how many rows, and which share.")
_KEPT_SYNTH = QueryParameter(
    "synth", {"type": "string"}, f"{_IDS}: which rows are made of those is kept beside the record, by hashes."
)


@dataclass
class LintOperation(Operation):
    """The query and body of /v1/lint; read by hand, so that all mistakes are told at once."""

    query: ClassVar[Sequence[QueryParameter]] = parameters(stored=False)
    parquet: ClassVar[bool] = True
    required: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self.parameters = [_parameter(one) for one in self.query]
        self.parameters.append(
            Parameter(
                name="Content-Encoding", param_in="header", schema=Schema(enum=list(CODINGS)),
                description="How the body is packed on its way; a .gz or .zst file can also be sent as it is.",
            )
        )  # fmt: skip
        lines = OpenAPIMediaType(schema=Schema(description="One JSON object per line."))
        content = {"application/jsonl": lines}
        if self.parquet:
            rows = "A file whose columns are the keys of its rows; at most as many bytes of rows as of a body."
            content[_PARQUET] = OpenAPIMediaType(schema=Schema(description=rows))
        self.request_body = RequestBody(content=content, required=self.required)


def _parameter(one: QueryParameter) -> Parameter:
    schema = Schema(**one.schema)
    return Parameter(
        name=one.name, param_in="query", required=one.required, description=one.what,
        schema=None if one.json else schema,
        content={"application/json": OpenAPIMediaType(schema=schema)} if one.json else None,
    )  # fmt: skip


@dataclass
class DatasetOperation(LintOperation):
    """The same for /v1/datasets, whose lines may lie elsewhere."""

    query: ClassVar[Sequence[QueryParameter]] = (*parameters(stored=True), _FROM, _SYNTH)
    parquet: ClassVar[bool] = False
    required: ClassVar[bool] = False


@dataclass
class RedactOperation(LintOperation):
    """The same for /v1/redact."""

    query: ClassVar[Sequence[QueryParameter]] = (*PARAMETERS, _KEPT_SYNTH)
    parquet: ClassVar[bool] = False


@dataclass
class RecordOperation(Operation):
    """The body of /v1/synth/records, two files one behind the other."""

    def __post_init__(self) -> None:
        what = "NAME.synth.json, and behind it the lines of NAME.provenance.jsonl."
        content = {"application/jsonl": OpenAPIMediaType(schema=Schema(description=what))}
        self.request_body = RequestBody(content=content, required=True)


def upload_of(request: Request[Any, Any, Any]) -> Upload:
    """The body of a request, unread.

    Raises:
        TuneGateError: `unsupported_body` for a form.
    """
    kind = request.headers.get("content-type", "")
    if kind.startswith("multipart/"):
        raise TuneGateError(
            "unsupported_body",
            "The body is a form; this route takes the lines themselves.",
            remedy="curl --data-binary @train.jsonl (not -F, and not -d, which joins the lines).",
        )
    length = request.headers.get("content-length", "")
    return Upload(_chunks(request), int(length) if length.isdigit() else None, request.headers.get("content-encoding"))


class DatasetQuery(NamedTuple):
    """The URL that the lines are to be read from, the syntheses that wrote rows of them, the rest of the query."""

    url: str | None
    synth: list[str]
    rest: list[tuple[str, Any]]


def dataset_query(request: Request[Any, Any, Any], *, takes_url: bool = True) -> DatasetQuery:
    """What a query says of an upload, beside what it asks of the linter.

    Raises:
        TuneGateError: `invalid_input` for more than one of a kind.
    """
    query = list(request.query_params.multi_items())
    known = (_FROM, _SYNTH) if takes_url else (_SYNTH,)
    found = {one.name: [str(value) for name, value in query if name == one.name] for one in known}
    errors = [ErrorItem(name, f"{len(given)} of them", "one") for name, given in found.items() if len(given) > 1]
    if errors:
        raise TuneGateError("invalid_input", "A parameter is given more than once.", errors=errors)
    url, synth = (next(iter(found.get(one.name, ())), None) for one in (_FROM, _SYNTH))
    named = list(dict.fromkeys(one.strip() for one in (synth or "").split(",") if one.strip()))
    return DatasetQuery(url, named, [(name, value) for name, value in query if name not in found])


async def named_upload(request: Request[Any, Any, Any], context: Context, url: str) -> Upload:
    """What lies under a URL, in the place of a body.

    Raises:
        TuneGateError: `invalid_input` for a body beside it; as `service.verbs.receiving.named.named`.
    """
    async for chunk in _chunks(request):
        if chunk:
            raise TuneGateError("invalid_input", f"There is a body beside {_SOURCE}.", remedy="Send one of the two.")
    return await named(context, url)


async def worked_on(
    request: Request[Any, Any, Any], context: Context, path: Path, work: Callable[[threading.Event], T]
) -> T:
    """What `work` on a received body returns, unless the client leaves first."""
    slots = context.linting_large if is_large(path) else context.linting
    return await in_thread(left(request), work, slots)


async def sent(file: BinaryIO) -> AsyncIterator[bytes]:
    """A file in pieces, each read when the one before has gone; closed at its end, or when the client has left."""
    with file:
        while piece := await anyio.to_thread.run_sync(file.read, BUFFER_BYTES):
            yield piece


async def _chunks(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except InternalServerException as error:
        raise client_left() from error


async def left(request: Request[Any, Any, Any]) -> None:
    """Returns when the client has left; the body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
