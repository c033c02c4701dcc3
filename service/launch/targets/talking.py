"""What a target's clients raise, in our words: what may pass, what will not, and what is gone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.errors import TuneGateError, missing_extra

PASSING = frozenset({408, 429, 500, 502, 503, 504})
_SHOWN = 300
# signatures and keys that an error's text may quote
_SECRETS = re.compile(r"(?i)(sig|key|token|secret|password|authorization|bearer)(=|%3d|\"?\s*:\s*\"?|\s)[^\s&\"',]+")
Known = Callable[[Exception, str], TuneGateError | None]


@contextmanager
def naming(doing: str, known: Known, *, extra: str, target: str) -> Iterator[None]:
    """Name what goes wrong in the block; what `known` does not know is raised as it is.

    Raises:
        TuneGateError: `missing_extra`, `target_unreachable`, `target_refused`, `remote_gone`.
    """
    try:
        yield
    except ImportError as error:
        raise missing_extra(extra, f"Target {target}", error) from error
    except TuneGateError:
        raise
    except Exception as error:
        if (named := known(error, doing)) is None:
            raise
        raise named from error


def unreachable(doing: str, why: str, *, who: str) -> TuneGateError:
    """The error for what may pass."""
    return TuneGateError("target_unreachable", f"{doing}: {who} does not answer ({why}).", remedy="It is asked again.")


def cleaned(text: str) -> str:
    """One line of an error's text, without what may be a secret."""
    return _SECRETS.sub(r"\1\2***", " ".join(text.split()))[:_SHOWN]


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, or while handling."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__
