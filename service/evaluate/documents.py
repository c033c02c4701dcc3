"""A folder of documents as passages: text, Markdown, HTML, CSV and JSON, cut at paragraphs."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.lint.decoding import decode

_LARGEST_BYTES = 64 << 20
_SHOWN = 20


class Passage(msgspec.Struct, frozen=True):
    """`id` is the file below the folder and the passage's number in it, from 1."""

    id: str
    text: str


class Documents(msgspec.Struct, frozen=True):
    """The passages, and the folder as the record describes it."""

    passages: list[Passage]
    described: dict[str, Any]


def read_documents(
    folder: Path, *, passage_tokens: int, count: Callable[[str], int], called: str | None = None
) -> Documents:
    """The passages of all documents below a folder, in the order of their names; it is `called` so in what is said.

    Raises:
        TuneGateError: `unreadable_path` for what is no folder, `invalid_input` when nothing in it can be read, with
            what was passed over.

    """
    if not folder.is_dir():
        raise TuneGateError("unreadable_path", f"{folder}: no folder.", remedy="Name a folder of documents.")
    passages: list[Passage] = []
    passed_over: list[ErrorItem] = []
    digest, files = hashlib.sha256(), 0
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        name = path.relative_to(folder).as_posix()
        paragraphs, why = _paragraphs(path, digest, name)
        if why is not None:
            passed_over.append(ErrorItem(name, why, KINDS))
            continue
        files += 1
        texts = cut(paragraphs, passage_tokens, count)
        passages += [Passage(f"{name}#{n}", text) for n, text in enumerate(texts, 1)]
    if not passages:
        seen = "nothing" if not passed_over else f"{len(passed_over)} file(s), none of them a document with text"
        raise TuneGateError(
            "invalid_input",
            f"{called or folder}: the folder of documents holds {seen}.",
            remedy=f"Give {KINDS}.",
            errors=passed_over[:_SHOWN],
        )
    described = {
        "path": called or str(folder),
        "sha256": digest.hexdigest(),
        "files": files,
        "passages": len(passages),
        "passage_tokens": passage_tokens,
        "passed_over": [{"what": one.where, "why": one.seen} for one in passed_over],
    }
    return Documents(passages, described)


def cut(paragraphs: list[str], most: int, count: Callable[[str], int]) -> list[str]:
    """Paragraphs put together while they stay within `most` tokens; one that is longer is cut between its words."""
    found: list[str] = []
    held: list[str] = []
    size = 0
    for piece in (piece for paragraph in paragraphs for piece in _pieces(paragraph, most, count)):
        tokens = count(piece)
        if held and size + tokens > most:
            found.append("\n\n".join(held))
            held, size = [], 0
        held.append(piece)
        size += tokens
    return [*found, "\n\n".join(held)] if held else found


def _pieces(paragraph: str, most: int, count: Callable[[str], int]) -> Iterator[str]:
    if count(paragraph) <= most:
        yield paragraph
        return
    words = paragraph.split()
    # a word is a token at least, and cutting in half needs few counts
    if len(words) <= 1:
        yield paragraph
        return
    middle = len(words) // 2
    yield from _pieces(" ".join(words[:middle]), most, count)
    yield from _pieces(" ".join(words[middle:]), most, count)


def _paragraphs(path: Path, digest: Any, name: str) -> tuple[list[str], str | None]:
    """(paragraphs, None), or ([], why the file is passed over)."""
    found, content, why = paragraphs_of(path)
    if why is None:
        digest.update(f"{name}\0{len(content)}\0".encode(errors="surrogateescape"))
        digest.update(content)
    return found, why


def paragraphs_of(path: Path) -> tuple[list[str], bytes, str | None]:
    """(paragraphs, content of the file, None), or ([], b"", why it is no document)."""
    read = _READERS.get(path.suffix.lower())
    if read is None:
        return [], b"", "another kind of file"
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            return [], b"", f"more than {_LARGEST_BYTES >> 20} MiB"
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        return [], b"", str(error.strerror)
    except UnicodeDecodeError:
        return [], b"", "binary, or not UTF-8"
    if "\0" in text:
        return [], b"", "binary"
    try:
        found = [one.strip() for one in read(text) if one.strip()]
    except ValueError:
        return [], b"", "damaged"
    if not found:
        return [], b"", "without text"
    return found, content, None


def plain_paragraphs(text: str) -> Iterator[str]:
    """What stands between blank lines; the last one may be empty."""
    held: list[str] = []
    for line in text.splitlines():
        if line.strip():
            held.append(line.rstrip())
        elif held:
            yield "\n".join(held)
            held = []
    yield "\n".join(held)


class _Html(HTMLParser):
    """The texts of a page, one paragraph per block."""

    _SILENT = frozenset(("script", "style", "template", "noscript", "head"))
    _INLINE = frozenset(("a", "b", "i", "em", "strong", "span", "code", "small", "sub", "sup", "u", "mark", "abbr"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.paragraphs: list[list[str]] = [[]]
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._silent += tag in self._SILENT
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(0, self._silent - (tag in self._SILENT))
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.paragraphs[-1].append(data)

    def _break(self, tag: str) -> None:
        if tag not in self._INLINE and self.paragraphs[-1]:
            self.paragraphs.append([])


def _html(text: str) -> Iterator[str]:
    page = _Html()
    page.feed(text)
    page.close()
    return (" ".join("".join(one).split()) for one in page.paragraphs)


def _csv(text: str) -> Iterator[str]:
    try:
        dialect: Any = csv.Sniffer().sniff(text[:4096], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel
    try:
        for row in csv.DictReader(io.StringIO(text), dialect=dialect):
            yield "; ".join(f"{key}: {value}" for key, value in row.items() if key and isinstance(value, str) and value)
    except csv.Error as error:
        raise ValueError from error


def _json(text: str) -> Iterator[str]:
    content, why = decode(text.encode())
    items = content if isinstance(content, list) else [content]
    if why is not None:
        decoded = [decode(line.encode()) for line in text.splitlines() if line.strip()]
        if any(broken is not None for _, broken in decoded):
            raise ValueError
        items = [one for one, _ in decoded]
    return ("; ".join(_said(one, "")) for one in items)


def _said(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _said(one, key)
    elif isinstance(value, list):
        for one in value:
            yield from _said(one, name)
    elif value is not None and str(value).strip():
        yield f"{name}: {value}" if name else str(value)


_READERS: dict[str, Callable[[str], Iterator[str]]] = {
    **dict.fromkeys((".txt", ".text", ".md", ".markdown", ".rst"), plain_paragraphs),
    ".html": _html, ".htm": _html, ".csv": _csv, ".tsv": _csv, ".json": _json, ".jsonl": _json, ".ndjson": _json,
}  # fmt: skip
SUFFIXES = tuple(_READERS)
KINDS = f"documents in UTF-8: {', '.join(SUFFIXES)}"
