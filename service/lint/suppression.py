"""What a row takes back itself: `"_tunegate": {"ignore": ["R030"]}`, or the bare list, beside its messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from service.lint.catalogue import Entry, entries
from service.lint.check import kind

KEY = "_tunegate"
# only what looks like the start of an id is repeated in a message; all else may be text
_SHOWABLE = re.compile(r"[A-Z]{1,2}[0-9]{0,4}")
_ALLOWED = 'allowed is {"ignore": [ids]} or [ids]'


def ignored(data: dict[str, Any]) -> tuple[str, ...]:
    """Starts of the ids that a row takes back; none where the key is absent or anything about it is wrong."""
    if KEY not in data or next(problems(data[KEY]), None):
        return ()
    return tuple(_listed(data[KEY]))


def problems(value: Any) -> Iterator[tuple[str, str]]:
    """(JSON Pointer inside the key, what is wrong) of everything that keeps it from counting."""
    listed = _listed(value)
    if isinstance(value, dict) and value.keys() != {"ignore"}:
        yield "", f"an object with {len(value)} key(s) that are not just `ignore`; {_ALLOWED}"
        return
    below = "/ignore" if isinstance(value, dict) else ""
    if not isinstance(listed, list):
        yield below, f"{kind(listed)}; {_ALLOWED}"
        return
    for place, one in enumerate(listed):
        if not isinstance(one, str):
            yield f"{below}/{place}", f"{kind(one)}; allowed is a rule id or the start of one"
        elif not one or not any(check.code.startswith(one) for check in _of_rows()):
            shown = f"`{one}`" if _SHOWABLE.fullmatch(one) else f"a string of {len(one)} characters"
            yield f"{below}/{place}", f"{shown} starts no id of a rule on rows or lines"


def _listed(value: Any) -> Any:
    return value.get("ignore") if isinstance(value, dict) else value


def _of_rows() -> Iterator[Entry]:
    """Checks of files and of whole corpora are no single row's to take back."""
    return (entry for entry in entries().values() if entry.scope in {"line", "row"})
