"""Downloads that can be taken up where they broke off: one range of bytes (RFC 9110, section 14)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from litestar import Request, Response
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter
from litestar.response import Stream

from service.api.etags import known_tags
from service.api.problems import answer_of
from service.errors import TuneGateError
from service.records.problem import problem_of

# (first byte, how many) -> those bytes
Source = Callable[[int, int], Iterator[bytes]]
Range = Annotated[
    str | None, HeaderParameter(name="Range", description="bytes=FIRST-LAST, bytes=FIRST- or bytes=-LAST_N; else all.")
]
IfRange = Annotated[
    str | None, HeaderParameter(name="If-Range", description="The ETag of the bytes that are there; all where it went.")
]
# nobody has files whose sizes need more digits
_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{1,18})?|-(\d{1,18}))", re.ASCII)


def partly(media_type: str) -> dict[int, ResponseSpec]:
    """What a route that gives ranges answers."""
    texts = {200: "All of it.", 206: "The bytes asked for."}
    return {
        status: ResponseSpec(bytes, generate_examples=False, description=text, media_type=media_type)
        for status, text in texts.items()
    }


class Download(msgspec.Struct, frozen=True):
    """Bytes that are the same as long as `tag` is."""

    size: int
    tag: str
    source: Source
    media_type: str
    filename: str


def ranged(
    request: Request[Any, Any, Any], given: Download, asked: str | None, only_if: str | None
) -> Response[bytes] | Stream:
    """All of it, or the range that is asked for; 304 to who has it, 416 for a range beyond the end.

    More than one range, and what is none, is answered with all, as the RFC allows; so is a range of what has changed.
    """
    tag = f'"{given.tag}"'
    headers = {"ETag": tag, "Accept-Ranges": "bytes"}
    if {tag, "*"} & known_tags(request.scope):
        return Response(b"", status_code=304, headers=headers)
    headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(given.filename, safe='')}"
    status, first, count = 200, 0, given.size
    wanted = _wanted(asked) if only_if in {None, tag} else None
    if wanted is not None:
        first, count = _within(wanted, given.size)
        if count <= 0:
            return answer_of(problem_of(_beyond(given.size)), {"Content-Range": f"bytes */{given.size}"})
        status, headers["Content-Range"] = 206, f"bytes {first}-{first + count - 1}/{given.size}"
    headers["Content-Length"] = str(count)
    return Stream(given.source(first, count), status_code=status, media_type=given.media_type, headers=headers)


def _wanted(asked: str | None) -> re.Match[str] | None:
    found = _RANGE.fullmatch(asked or "")
    backwards = found is not None and found[2] is not None and int(found[2]) < int(found[1])
    return None if backwards else found


def _within(asked: re.Match[str], size: int) -> tuple[int, int]:
    """(first byte, how many); none where there are none."""
    first, last, suffix = (None if part is None else int(part) for part in asked.groups())
    if first is None:
        first, last = max(0, size - (suffix or 0)), size - 1
    last = size - 1 if last is None else min(last, size - 1)
    return first, last - first + 1


def _beyond(size: int) -> TuneGateError:
    remedy = "Ask for a range within them, or for all."
    return TuneGateError("range_not_satisfiable", f"There are {size} bytes.", remedy=remedy)
