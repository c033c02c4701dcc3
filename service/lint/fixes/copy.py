"""Copies a dataset with its findings mended: a stream in, lines and changes out, whatever its size."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from service.lint.catalogue import entries
from service.lint.check import Row
from service.lint.chosen import Checks, chosen_checks
from service.lint.fast import Limits, plain_rows
from service.lint.fixes import reflow, stages
from service.lint.fixes.catalogue import OPT_IN, kinds, row_fixes
from service.lint.fixes.fix import Change
from service.lint.fixes.mender import Mender
from service.lint.fixes.near import left_out
from service.lint.fixes.reading import Piece, as_utf8, lines, wide_encoding
from service.lint.fixes.stages import Note, Seen
from service.lint.gate import NO_FAMILY, families_of
from service.lint.lengths import row_ruler
from service.records.lint_report import Role

_BLOCK_LINES = 256
# no target's limit of tokens is reached in as many bytes
_CERTAINLY_SHORT = 8_000
_OF_SPLITS = frozenset({"X001", "X002", "X007"})
# rule -> what the profile says of byte-order marks where it finds anything
_MARK_POLICIES = {"F003": "asks", "F004": "refuses"}


class Copier:
    """The fixes of one target for a corpus: training files first, then validation files.

    `checks` are those whose findings are to be mended, `named` the rules that were asked for by their full id.
    """

    def __init__(self, checks: Checks, *, named: set[str], unsafe: bool = False) -> None:
        profile, method = checks.profile, checks.method
        # a fix is held against every rule of the target, chosen or not, and against the schemas that were given
        every = chosen_checks(
            profile, set(entries()), method=method, model=checks.model, most=checks.most, counter=checks.counter,
            schemas=checks.schemas,
        )  # fmt: skip
        wanted = {"safe", "unsafe"} if unsafe else {"safe"}
        self.codes = {
            code
            for code, kind in kinds().items()
            if kind in wanted and code in checks.severities and (code not in OPT_IN or code in named)
        }
        self.codes -= {code for code, policy in _MARK_POLICIES.items() if policy != profile.byte_order_mark}
        self._seen = Seen(self.codes)
        self._group_keys = checks.group_keys
        self._fast = method == "sft"
        self._plainest = Limits("R033" not in every.severities, _CERTAINLY_SHORT)
        fixes = [fix for fix in row_fixes(unsafe_too=unsafe) if fix.code in self.codes]
        measured = row_ruler(checks.counter)

        def row(data: dict[str, Any]) -> Row:
            return checks.row(data, measured(data, method)[0] if "L010" in self.codes else 0)

        of_rows = {check.code: (check, every.severities[check.code]) for check in every.of("row")}
        self._mender = Mender(fixes, of_rows, row, method=method)

    def blocks(
        self,
        stream: io.BufferedReader,
        role: Role,
        note: Note,
        near: Mapping[int, str] | None = None,
        wrote: Callable[[int, bytes], None] = lambda *_: None,
    ) -> Iterator[bytes]:
        """The mended content of an unpacked stream, some lines at a time; `note` is told of every change, `wrote` of
        every line that is given, with the number that it had.

        `near` are the lines, of what comes out without it, that near.py found to be left out.
        """
        encoding = wide_encoding(stream)
        if encoding is not None:
            if "F006" not in self.codes:
                yield from iter(lambda: stream.read(io.DEFAULT_BUFFER_SIZE), b"")
                return
            note(Change("F006", None, None, f"wrote {encoding} as utf-8"))
            stream = as_utf8(stream, encoding)
        yield self._mark(stream, note)
        block: list[bytes] = []
        pieces = stages.read_as_lines(self._pieces(stream, role, note))
        for piece in stages.read_as_lines(left_out(pieces, near, note)) if near else pieces:
            block += (piece.raw, piece.end)
            wrote(piece.number, piece.raw)
            if len(block) > _BLOCK_LINES:
                yield b"".join(block)
                block.clear()
        yield b"".join(block)

    def _mark(self, stream: io.BufferedReader, note: Note) -> bytes:
        """Takes the byte-order mark from the stream; the one that the copy begins with."""
        if stream.peek(3).startswith(codecs.BOM_UTF8):
            stream.read(3)
            if "F004" not in self.codes:
                return codecs.BOM_UTF8
            note(Change("F004", None, None, "left the byte-order mark out"))
        elif "F003" in self.codes and stream.peek(1).strip():
            note(Change("F003", None, None, "put a byte-order mark before the first row"))
            return codecs.BOM_UTF8
        return b""

    def _pieces(self, stream: io.BufferedReader, role: Role, note: Note) -> Iterator[Piece]:
        codes = self.codes
        pieces = self._cut(stream, note)
        if "F012" in codes:
            pieces = stages.line_ends(pieces, note)
        pieces = self._looked_at(pieces)
        if "F005" in codes:
            pieces = stages.without_marks(pieces, note)
        if "F011" in codes:
            pieces = stages.without_blanks(pieces, note)
        if codes & {"F002", "F015"}:
            pieces = stages.repaired(pieces, codes, note)
        if "F010" in codes:
            did = "wrote every row on a line of its own"
            pieces = reflow.reflowed(pieces, lambda number: note(Change("F010", number, None, did)))
        if "X007" in codes:
            pieces = stages.grouped(pieces, self._group_keys)
        pieces = stages.mended(pieces, self._mender, note)
        if role == "train" and codes & {"Q001", *_OF_SPLITS}:
            pieces = self._seen.new_rows(pieces, note)
        if role == "validation" and codes & _OF_SPLITS:
            pieces = self._seen.not_trained_on(pieces, note)
        return pieces

    def _cut(self, stream: io.BufferedReader, note: Note) -> Iterator[Piece]:
        if "F010" not in self.codes or not reflow.is_array(stream):
            return lines(stream)
        note(Change("F010", None, None, "wrote the rows of the array on lines of their own"))
        return reflow.rows_of_array(stream)

    def _looked_at(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        """Marks rows in which no rule can find anything."""
        for piece in pieces:
            if self._fast:
                found = plain_rows([piece.raw], {0: families_of(piece.raw)}, NO_FAMILY, self._plainest)
                piece.plain = bool(found.lines) and not found.suspects
            yield piece
