"""Runs the checks of a target over files: reads them into partials, merges these, and looks at the whole."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial as bound
from pathlib import Path
from typing import BinaryIO

from service.errors import TuneGateError
from service.lint.check import Check, FileFacts, Hit
from service.lint.chosen import Checks
from service.lint.corpus import Corpus, Part
from service.lint.gate import prepare
from service.lint.partial import Findings, Kept, Partial
from service.lint.reader import Encoding, Reader, encoding_of
from service.lint.stretch import Stretch
from service.lint.workers import Piece, WorkerLostError, lint_piece, pieces, read_in_pool, workers_for
from service.packing import BUFFER_BYTES, open_file, packing_of, spooled, unpacked, watched
from service.parquet import MAGIC
from service.records.lint_report import Finding, LintedFile, Role


class Linter:
    """One corpus for one target: feed it files, then finish.

    `progress` is given how many bytes of the files were read since the last call. Where `parquet` is false, Parquet
    is refused; with `parquet_bytes` a process of its own reads it, up to so many bytes of rows.
    """

    def __init__(
        self,
        checks: Checks,
        *,
        workers: int = 1,
        parquet: bool = False,
        parquet_bytes: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._checks = checks
        self._workers = workers
        self._parquet = parquet
        self._parquet_bytes = parquet_bytes
        self._progress = progress
        self.files: list[LintedFile] = []
        self.parts: list[Part] = []
        self._whole = Findings(checks.most)
        self._findings: list[Finding] = []
        self._listed: Counter[str] = Counter()

    def read_stream(self, stream: BinaryIO, shown_as: str, role: Role) -> None:
        """Lint what a stream gives, unpacked where it is packed."""
        source = unpacked(stream if self._progress is None else watched(stream, self._progress), shown_as)
        if source.peek(len(MAGIC)).startswith(MAGIC):
            self._require_parquet(shown_as)
            # its index stands at the end, so it cannot be read as it comes
            with spooled(source) as path:
                self._read_parquet(path, shown_as, role)
            return
        reader = Reader(source)
        partial = Stretch(self._checks).read(reader)
        self._add(shown_as, role, reader.sha256, reader.bytes, reader.encoding, partial)

    def read_file(self, path: Path, shown_as: str, role: Role) -> None:
        """Lint a file, by several processes where it is large."""
        with open_file(path, shown_as) as stream:
            head = stream.peek(4)[:4] if hasattr(stream, "peek") else b""
            size = path.stat().st_size if path.is_file() else 0
            if size and head == MAGIC:
                self._require_parquet(shown_as)
                self._read_parquet(path, shown_as, role, self._progress)
                return
            workers = workers_for(size, self._workers)
            if workers == 1 or packing_of(head) or encoding_of(head).name != "utf-8":
                self.read_stream(stream, shown_as, role)
                return
        # what forked workers share is made here
        prepare()
        if self._checks.counter is not None:
            self._checks.counter.framing()
        if self._checks.privacy is not None:
            self._checks.privacy.prepare()
        found = pieces(path, shown_as, size)
        digest = hashlib.sha256()
        try:
            read = bound(lint_piece, checks=self._checks)
            partials = read_in_pool(found, read, workers, meanwhile=lambda: hash_into(digest, path, shown_as))
            partial = self._merged(partials, found)
        except WorkerLostError:
            # one process needs the least memory
            with open_file(path, shown_as) as stream:
                self.read_stream(stream, shown_as, role)
            return
        self._add(shown_as, role, digest.hexdigest(), size, encoding_of(head), partial)

    def _merged(self, partials: Iterator[Partial], found: Sequence[Piece]) -> Partial:
        whole = Partial(self._checks.most)
        for partial, piece in zip(partials, found, strict=True):
            whole.merge(partial)
            if self._progress is not None:
                self._progress(piece.end - piece.start)
        return whole

    def _require_parquet(self, shown_as: str) -> None:
        if not self._parquet:
            raise TuneGateError(
                "invalid_input",
                f"{shown_as}: Parquet is not taken here.",
                remedy="Convert it first: tunegate convert FILE -o FILE.jsonl.",
            )

    def _read_parquet(
        self, path: Path, shown_as: str, role: Role, progress: Callable[[int], None] | None = None
    ) -> None:
        """Lint the rows; size and hash are those of the file, which has rows in place of lines and no offsets."""
        digest = hashlib.sha256()
        hash_into(digest, path, shown_as)
        # drags in what only Parquet needs
        from service.lint.parquet_limited import limited_lines
        from service.lint.parquet_lines import parquet_lines

        most = self._parquet_bytes
        if most is None:
            lines = parquet_lines(path, shown_as, progress)
        else:
            lines = limited_lines(path, shown_as, most, progress)
        with lines:
            reader = Reader(lines, hashed=False)
            partial = Stretch(self._checks).read(reader)
        partial.findings.without_offsets()
        self._add(shown_as, role, digest.hexdigest(), path.stat().st_size, reader.encoding, partial)

    def finish(self) -> Corpus:
        """The checks of whole corpora and of training against validation."""
        checks = self._checks
        corpus = Corpus(
            self.parts,
            checks.most,
            limits=checks.limits,
            counted=checks.counter is not None,
            diversity_limits=checks.diversity,
            privacy=checks.privacy,
        )
        first = next((part.path for part in corpus.parts if part.role == "train"), "-")
        last = corpus.parts[-1].path if corpus.parts else "-"
        for check in self._checks.between_rows():
            for hit in check.between_rows(corpus.facts) if check.between_rows is not None else ():
                self._keep(check, hit.path or first, hit)
        for scope, looked_at, path in (("corpus", corpus.facts, first), ("split", corpus.split, last)):
            for check in self._checks.of(scope):
                for hit in check.find(looked_at):
                    self._keep(check, hit.path or path, hit)
        return corpus

    @property
    def counts(self) -> dict[str, int]:
        """Code -> findings, listed or not."""
        return dict(sorted(self._whole.counts.items()))

    @property
    def suppressed(self) -> dict[str, int]:
        """Code -> findings that the rows themselves take back."""
        return dict(sorted(self._whole.suppressed.items()))

    def total(self, severity: str) -> int:
        """All findings of a severity, listed or not."""
        return self._whole.severities[severity]

    def findings(self) -> list[Finding]:
        """The listed findings by file, line, rule and place."""
        order = {file.path: i for i, file in enumerate(self.files)}
        return sorted(self._findings, key=lambda f: (order.get(f.path, 0), f.line or 0, f.rule, f.pointer or ""))

    def _add(self, path: str, role: Role, sha256: str, size: int, encoding: Encoding, partial: Partial) -> None:
        self.files.append(LintedFile(path, role, sha256, size, partial.rows))
        partial.personal.unread_files = int(encoding.name != "utf-8")
        self.parts.append(Part(path, role, sha256, partial))
        found = partial.findings
        self._whole.count_all(found)
        for code, kept in found.kept.items():
            for one in kept:
                self._list(code, path, one)
        facts = FileFacts(
            name=path,
            bytes=size,
            rows=partial.rows,
            bom=encoding.mark,
            encoding=encoding.name,
            limits=self._checks.limits,
            bom_policy=self._checks.profile.byte_order_mark,
            crlf=partial.crlf,
            spread=partial.spread,
        )
        for check in self._checks.of("file"):
            for hit in check.find(facts):
                self._keep(check, path, hit)

    def _keep(self, check: Check, path: str, hit: Hit) -> None:
        severity = hit.severity or self._checks.severities[check.code]
        self._whole.count(check, severity, hit)
        self._list(check.code, path, Kept(hit.line, None, hit.pointer, severity, hit.message, check.fix))

    def _list(self, code: str, path: str, one: Kept) -> None:
        listed = self._listed[code]
        if self._checks.most and listed >= self._checks.most:
            return
        self._listed[code] += 1
        self._findings.append(Finding(rule=code, path=path, **one._asdict()))


def hash_into(digest: hashlib._Hash, path: Path, shown_as: str) -> None:
    """Add a file's bytes to a digest."""
    with open_file(path, shown_as) as stream:
        while block := stream.read(BUFFER_BYTES):
            digest.update(block)
