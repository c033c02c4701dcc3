"""When a request is sent again, and how long to wait before."""

from __future__ import annotations

import random

import msgspec

from service.errors import TuneGateError

# too many requests in a minute, or a service that is busy or about to stop: the request was not carried out
_LATER = {"rate_limited", "busy", "stopping", "not_ready", "identity_unreachable"}


class Retries(msgspec.Struct, frozen=True):
    """How often, and the seconds between: doubled each time from `first` on, by chance up to half less.

    A service that asks for more than `longest` seconds (Retry-After) is not waited for.
    """

    tries: int = 6
    first: float = 0.5
    longest: float = 60.0

    def pause(self, failed: int) -> float:
        """Seconds to wait after so many failures in a row."""
        usual = min(self.longest, self.first * 2 ** (failed - 1))
        return float(usual * random.uniform(0.5, 1))  # noqa: S311 - no secret


class Again(Exception):  # noqa: N818 - no error until nothing is tried any more
    """A failure that may pass, with the seconds that the service asked to wait."""

    def __init__(self, error: TuneGateError, wait: float = 0.0) -> None:
        super().__init__(error.detail)
        self.error, self.wait = error, wait


def failure(error: TuneGateError, retry_after: str) -> Exception:
    """What to raise for a problem of the service: one that may pass, or the problem itself."""
    if error.code not in _LATER:
        return error
    return Again(error, float(retry_after[:9]) if retry_after.isascii() and retry_after.isdigit() else 0.0)
