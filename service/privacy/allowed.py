"""Values that a person says are no findings: by themselves, by their digest, or by a pattern."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec

from service.errors import ErrorItem, TuneGateError, missing_extra

# a pattern is a person's own: one that never ends costs this much a value, and then does not match
_PATTERN_SECONDS = 0.05
_SHOWN = 60


class Allow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values of an entity (None = of every entity) that are no findings.

    `values` are the values themselves, `sha256` the hex digests of values (UTF-8) that must not stand in a file, and
    `patterns` regular expressions that match the whole value.
    """

    entity: str | None = None
    values: tuple[str, ...] = ()
    sha256: tuple[Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")], ...] = ()
    patterns: tuple[str, ...] = ()


class Allowed:
    """The allow-lists of some settings, ready to be asked.

    Raises:
        TuneGateError: `invalid_input` naming every pattern that is none, `missing_extra` where patterns are given and
            the library that matches them is not installed.
    """

    def __init__(self, lists: Sequence[Allow]) -> None:
        self._values: dict[str | None, set[str]] = {}
        self._digests: dict[str | None, set[str]] = {}
        self._patterns: dict[str | None, list[Any]] = {}
        for one in lists:
            self._values.setdefault(one.entity, set()).update(one.values)
            self._digests.setdefault(one.entity, set()).update(one.sha256)
        for entity, pattern in _compiled(lists):
            self._patterns.setdefault(entity, []).append(pattern)
        self._any = bool(lists)

    def __call__(self, entity: str, value: str) -> bool:
        """Whether a value is none of the findings of an entity."""
        return self._any and any(self._listed(key, value) for key in (entity, None))

    def _listed(self, key: str | None, value: str) -> bool:
        if value in self._values.get(key, ()):
            return True
        digests = self._digests.get(key)
        if digests and hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest() in digests:
            return True
        return any(_matches(pattern, value) for pattern in self._patterns.get(key, ()))


def _compiled(lists: Sequence[Allow]) -> Iterator[tuple[str | None, Any]]:
    if not any(one.patterns for one in lists):
        return
    try:
        import regex
    except ImportError as error:
        raise missing_extra("privacy", "Allowing values by pattern", error) from error
    errors = []
    for number, one in enumerate(lists):
        for place, pattern in enumerate(one.patterns):
            try:
                yield one.entity, regex.compile(pattern)
            except regex.error as error:
                where = f"allow[{number}].patterns[{place}]"
                errors.append(ErrorItem(where, f"{pattern[:_SHOWN]!r}: {error}", "a regular expression"))
    if errors:
        raise TuneGateError("invalid_input", f"{len(errors)} pattern(s) to allow cannot be read.", errors=errors)


def _matches(pattern: Any, value: str) -> bool:
    try:
        return pattern.fullmatch(value, timeout=_PATTERN_SECONDS) is not None
    except TimeoutError:
        return False
