"""Knowledge rows that decide nothing by themselves: platforms, techniques, hyper-parameters, Azure machines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from service.advisor import rulefile
from service.errors import ErrorItem, suggestion

CATALOGUES = ("platforms", "glossary", "advice", "azure-machines")


class Entry(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """One row: `id` is its permanent rule id, `name` what people write; `details` differ per file."""

    id: str
    name: str
    title: str
    why: str
    cite: list[str]
    review_by: date
    aliases: list[str] = []
    details: dict[str, Any] = {}


def load_entries(name: str, content: bytes, sources: Mapping[str, object], errors: list[ErrorItem]) -> dict[str, Entry]:
    """Every row of one file by its name."""
    file = f"{name}.toml"
    raw = rulefile.parse(file, content, errors)
    rulefile.unknown_keys(file, raw, ("entry",), errors)
    found: dict[str, Entry] = {}
    ids: set[str] = set()
    for where, row in rulefile.rows(file, raw, "entry", errors):
        entry = rulefile.convert(where, row, Entry, errors)
        if entry is None:
            continue
        if entry.id in ids or entry.name in found:
            errors.append(ErrorItem(where, "an id or name used twice", "both are unique"))
        check_citations(where, entry.cite, sources, errors)
        ids.add(entry.id)
        found[entry.name] = entry
    return found


def check_citations(where: str, cite: list[str], sources: Mapping[str, object], errors: list[ErrorItem]) -> None:
    """Every key names a source, and there is at least one."""
    errors += [
        ErrorItem(where, f"cite {key!r}", "a key of sources.toml", suggestion(key, sources) or None)
        for key in cite
        if key not in sources
    ]
    if not cite:
        errors.append(ErrorItem(where, "cite = []", "at least one source", "Name the source the row rests on."))
