"""Where a reader of a list or a stream goes on."""

from __future__ import annotations

from service.errors import TuneGateError

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
