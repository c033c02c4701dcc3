"""Codes of languages as people write them, read as the two letters of rules/privacy/languages.toml."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import msgspec

from service.data import rule_files
from service.errors import ErrorItem, TuneGateError, did_you_mean
from service.settings import load_settings

FILE = "privacy/languages.toml"
ALLOWED = "ISO 639-1 codes such as en, de, tl"
_SHOWN = 40


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    codes: dict[str, tuple[str, ...]]


def language_code(given: str) -> str:
    """The two letters of a language: `de` for `DE` and `deu`; what is no code of a language stays as it is.

    Raises:
        TuneGateError: `invalid_rules`.
    """
    return _codes(load_settings().rules).get(given.strip().lower(), given)


def unknown_languages(codes: Iterable[str], where: str = "languages") -> list[ErrorItem]:
    """What is wrong with codes that no language has."""
    known = _codes(load_settings().rules)
    wrong = [code for code in codes if known.get(code) != code]
    return [ErrorItem(where, repr(code[:_SHOWN]), ALLOWED, _hint(code.lower(), known)) for code in wrong]


def _hint(code: str, known: dict[str, str]) -> str:
    region = known.get(code.replace("_", "-").partition("-")[0])
    nearest = region or (did_you_mean(code, known) if len(code) == len("deu") else None)
    return f"Did you mean {known.get(nearest, nearest)!r}?" if nearest else "Name a language by its code."


@lru_cache(maxsize=4)
def _codes(own: Path | None) -> dict[str, str]:
    """Of the shipped rules under those of a folder; read once, because every request asks."""
    rules = rule_files(own)
    try:
        table = msgspec.toml.decode(rules.read(FILE), type=_Table)
    except (msgspec.DecodeError, ValueError) as error:
        raise TuneGateError("invalid_rules", f"{FILE}: {error}.") from error
    return {code: two for two, others in table.codes.items() for code in (two, *others)}
