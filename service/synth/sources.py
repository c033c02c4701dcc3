"""The documents that rows are written from: files and folders, as texts of paragraphs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.evaluate.documents import KINDS as TEXTS
from service.evaluate.documents import paragraphs_of, plain_paragraphs
from service.records.synthesis import PassedOver
from service.synth.pdf import SUFFIX, pdf_texts

KINDS = f"{TEXTS}, or {SUFFIX}"
BREAK = "\n\n"
_SHOWN = 100


class Source(msgspec.Struct, frozen=True):
    """A document; `paragraphs` are (start, end) of its text in characters, a blank line stands between them.

    `pages` are, of a PDF, the places where the text of a page begins, and the page's number from 1; `unread` are pages
    without text.
    """

    name: str
    sha256: str
    bytes: int
    text: str
    paragraphs: list[tuple[int, int]]
    pages: list[tuple[int, int]] = []
    unread: list[int] = []

    def page_at(self, character: int) -> int | None:
        """The page that a character stands on; None where there are none."""
        return next((page for start, page in reversed(self.pages) if start <= character), None)


class Sources(msgspec.Struct, frozen=True):
    """The documents in the order of their names, and what of folders is none."""

    documents: list[Source]
    passed_over: list[PassedOver]


def read_sources(paths: Sequence[Path]) -> Sources:
    """Every document that is named, or stands below a folder that is. Names in folders are relative to the folder.

    What is named and is no document is refused; in a folder it is passed over, and refused where nothing else is there.

    Raises:
        TuneGateError: `unreadable_path` for what is not there, `invalid_input` with everything that is no document;
            `missing_extra` for a PDF without the library that reads it.
    """
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise TuneGateError("unreadable_path", f"{', '.join(map(str, missing))}: no such file or folder.")
    documents: list[Source] = []
    errors: list[ErrorItem] = []
    passed_over: list[ErrorItem] = []
    for path in paths:
        folder = path.is_dir()
        before = len(documents)
        for file, name in _files(path):
            made = _read_in(file, name) if folder else _read(file, name)
            if isinstance(made, Source):
                documents.append(made)
            else:
                (passed_over if folder else errors).append(made)
        if folder and len(documents) == before:
            errors += [*passed_over] or [ErrorItem(str(path), "a folder without files", KINDS)]
    if errors or not documents:
        raise TuneGateError(
            "invalid_input",
            f"{len(errors)} source(s) cannot be read."
            + (f" The first {_SHOWN} are named." if len(errors) > _SHOWN else ""),
            remedy=f"Take them out, or give {KINDS}.",
            errors=list(dict.fromkeys(errors))[:_SHOWN],
        )
    unread = [
        PassedOver(f"{one.name}: page(s) {', '.join(map(str, one.unread))}", "no text: empty, or scanned")
        for one in documents
        if one.unread
    ]
    return Sources(documents, [*(PassedOver(one.where, str(one.seen)) for one in passed_over), *unread])


def _files(path: Path) -> Iterator[tuple[Path, str]]:
    if not path.is_dir():
        yield path, str(path)
        return
    for file in sorted(one for one in path.rglob("*") if one.is_file()):
        yield file, file.relative_to(path).as_posix()


def _read_in(path: Path, name: str) -> Source | ErrorItem:
    """A file of a folder: a library that is not here is needed by this one alone."""
    try:
        return _read(path, name)
    except TuneGateError as error:
        if error.code != "missing_extra":
            raise
        return ErrorItem(name, f"a PDF, which takes {error.remedy}", KINDS)


def _read(path: Path, name: str) -> Source | ErrorItem:
    if not path.is_file():
        return ErrorItem(name, "a pipe or device", KINDS)
    if path.suffix.lower() == SUFFIX and path.stat().st_size:
        return _of_pages(path, name)
    found, content, why = paragraphs_of(path)
    if why is not None:
        return ErrorItem(name, "an empty file" if path.stat().st_size == 0 else why, KINDS)
    return _made(name, content, found)


def _of_pages(path: Path, name: str) -> Source | ErrorItem:
    """A PDF; paragraphs end with their page."""
    texts = pdf_texts(path)
    if texts.why is not None:
        return ErrorItem(f"{name}: page {texts.page}" if texts.page else name, texts.why, "a PDF with text in it")
    numbered = [(n, one) for n, text in enumerate(texts.pages, 1) for one in plain_paragraphs(text) if one.strip()]
    made = _made(name, path.read_bytes(), [one.strip() for _, one in numbered])
    begins = {page: start for (start, _), (page, _) in reversed([*zip(made.paragraphs, numbered, strict=True)])}
    return msgspec.structs.replace(
        made,
        pages=sorted((start, page) for page, start in begins.items()),
        unread=[n for n in range(1, len(texts.pages) + 1) if n not in begins],
    )


def _made(name: str, content: bytes, found: Sequence[str]) -> Source:
    places, start = [], 0
    for paragraph in found:
        places.append((start, start + len(paragraph)))
        start += len(paragraph) + len(BREAK)
    return Source(name, hashlib.sha256(content).hexdigest(), len(content), BREAK.join(found), places)
