"""Where a reader of a list or a stream goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from service.errors import TuneGateError

T = TypeVar("T")
_LONGEST = 18  # digits: 2^63, which a database's numbers end at, has nineteen


def position(given: str | None, what: str = "cursor") -> int:
    """The number that we gave out, 0 for none.

    Raises:
        TuneGateError: `invalid_input` for what can be none of ours.

    """
    if not given:
        return 0
    if not (given.isascii() and given.isdigit()) or len(given) > _LONGEST:
        raise TuneGateError("invalid_input", f"The {what} is not one of ours.", remedy="Leave it out to start anew.")
    return int(given)


def page_of(
    ask: Callable[[int, int], list[tuple[int, T]]], cursor: str | None, limit: int
) -> tuple[list[T], str | None]:
    """The next `limit` items and the cursor of the page after them; `ask(after, most)` gives them with their numbers.

    Raises:
        TuneGateError: `invalid_input` for a cursor that is none of ours.
    """
    # one more than is shown, which says whether there is another page
    found = ask(position(cursor), limit + 1)
    page = found[:limit]
    return [one for _, one in page], str(page[-1][0]) if len(found) > limit else None
