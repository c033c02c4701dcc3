"""Class by class, over every code point: what `regex` takes for a member, the gate does too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import hyperscan
import presidio_analyzer
import pytest
import regex
import yaml

from service.privacy.analyzer import plain_analyzer
from service.privacy.expressions import IGNORECASE, pieces
from service.privacy.settings import PrivacySettings
from service.privacy.unicode_classes import disagreements, translation

SURROGATES = range(0xD800, 0xE000)
# where both engines are given up at once: see gate.py
TURKIC = {0x130, 0x131}
EVERY = [code for code in range(0x110000) if code not in SURROGATES and code not in TURKIC]


def every_recognizer(tmp_path: Path) -> Iterator[Any]:
    """Those that are enabled and those that are not."""
    conf = Path(presidio_analyzer.__file__).parent / "conf" / "default_recognizers.yaml"
    rows = [row for row in yaml.safe_load(conf.read_text())["recognizers"] if not row.get("enabled", True)]
    rows = [{**row, "enabled": True} for row in rows if not any(part in row["name"] for part in ("Ner", "LangExtract"))]
    path = tmp_path / "all.yaml"
    path.write_text(yaml.safe_dump({"recognizers": rows}))
    languages = ("en", "de", "ko", "es", "it", "pl", "fi", "sv", "th", "tr", "fr", "tl")
    yield from plain_analyzer(PrivacySettings(languages=languages, recognizers=str(path))).get_recognizers()


def atoms(recognizers: Iterator[Any]) -> set[tuple[str, int]]:
    """Classes, class escapes, dots and single characters of every pattern, with or without regard to case."""
    found = set()
    for recognizer in recognizers:
        for pattern in getattr(recognizer, "patterns", ()):
            case = recognizer.global_regex_flags & IGNORECASE
            if pattern.regex.startswith("(?i)"):
                case = IGNORECASE
            for piece in pieces(pattern.regex, audited=True):
                assert piece is not None
                if piece[0] == "[" or piece[:2] in {r"\d", r"\w", r"\s", r"\D", r"\W", r"\S"} or piece.isalnum():
                    found.add((piece, case))
    return found


@pytest.fixture(scope="module")
def table() -> dict[int, int]:
    return translation(disagreements(hyperscan))


@cache
def ends(coded_length: int) -> dict[int, int]:
    """From the offset behind a code point, in all of them as UTF-8, to the code point."""
    places, offset = {}, 0
    for code in EVERY:
        offset += len(chr(code).encode())
        places[offset] = code
    assert offset == coded_length
    return places


def test_no_class_has_a_member_that_the_gate_does_not_see(
    tmp_path: Path, table: dict[int, int], pair_of: Callable[..., Any]
) -> None:
    del pair_of
    every = "".join(map(chr, EVERY))
    coded = every.encode()
    wanted = sorted(atoms(every_recognizer(tmp_path)))
    assert len(wanted) > 100
    missed = {}
    for piece, case in wanted:
        members = {ord(one) for match in regex.finditer(f"(?:{piece})+", every, flags=case) for one in match.group()}
        seen = gate_members(piece, case, coded)
        lost = {code for code in members if table.get(code, code) not in seen}
        if lost:
            missed[piece, case] = [hex(code) for code in sorted(lost)[:5]]
    assert missed == {}


def gate_members(piece: str, case: int, coded: bytes) -> set[int]:
    database = hyperscan.Database()
    flags = hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_UCP | hyperscan.HS_FLAG_PREFILTER | hyperscan.HS_FLAG_DOTALL
    flags |= hyperscan.HS_FLAG_CASELESS if case else 0
    database.compile(expressions=[piece.encode()], ids=[0], elements=1, flags=[flags])
    found: list[int] = []
    database.scan(coded, match_event_handler=lambda _id, _start, end, _flags, _context: found.append(end))
    places = ends(len(coded))
    return {places[end] for end in found}


def test_the_table_replaces_by_what_regex_classes_alike(table: dict[int, int]) -> None:
    for name in (r"\d", r"\w", r"\s"):
        compiled = regex.compile(name)
        assert [
            hex(one)
            for one, other in table.items()
            if bool(compiled.match(chr(one))) != bool(compiled.match(chr(other)))
        ] == []
    assert len(table) > 1000
