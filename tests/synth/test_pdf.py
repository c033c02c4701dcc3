"""PDF among the sources: pages in the origins; what cannot be read is told by file and page, without a word of it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from service.errors import TuneGateError
from service.synth.pdf_process import MOST_PAGES
from service.synth.sources import read_sources
from tests.synth.conftest import PASSAGES, Ask, rows_of

MAIL = "carla.weiss@quokkas.org"
SECRET = "what nobody is to read in an error"


def words(text: str) -> bytes:
    """The stream of a page with one line for every seven words."""
    parts = text.split()
    lines = [" ".join(parts[n : n + 7]) for n in range(0, len(parts), 7)]
    return b"BT /F1 10 Tf 14 TL 40 780 Td " + b" ".join(b"(%s) Tj T*" % one.encode() for one in lines) + b" ET"


def pdf(streams: Sequence[bytes], *, deflated: bool = False) -> bytes:
    """A PDF with a page for each stream, written byte by byte."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(streams)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids.encode(), len(streams)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for n, stream in enumerate(streams):
        content = b"/Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R" % (5 + 2 * n)
        objects.append(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] %s >>" % content)
        packed, how = (zlib.compress(stream, 9), b"/Filter /FlateDecode ") if deflated else (stream, b"")
        objects.append(b"<< %s/Length %d >>\nstream\n%s\nendstream" % (how, len(packed), packed))
    out, places = b"%PDF-1.7\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, table) + trailer


def encrypted(content: bytes, folder: Path) -> bytes:
    (folder / "open.pdf").write_bytes(content)
    writer = PdfWriter(clone_from=PdfReader(folder / "open.pdf"))
    (folder / "open.pdf").unlink()
    writer.encrypt("a password", algorithm="RC4-128")
    writer.write(folder / "locked.pdf")
    return (folder / "locked.pdf").read_bytes()


def test_rows_name_the_page_that_they_come_from(folder: Path, ask: Ask) -> None:
    (folder / "docs").mkdir()
    pages = [words(f"{MAIL} wrote this. {PASSAGES[0]}"), b"", *(words(one) for one in PASSAGES[1:])]
    (folder / "docs" / "Handbook.PDF").write_bytes(pdf(pages))
    made = ask(rows=8, chunk_tokens=40).record
    origins = rows_of(Path("out.provenance.jsonl"))
    assert {one["page"] for one in origins} == {1, 3, 4, 5}
    assert all(one["page"] == one["last_page"] and one["document"] == "Handbook.PDF" for one in origins)
    assert [(one.what, one.why) for one in made.passed_over] == [
        ("Handbook.PDF: page(s) 2", "no text: empty, or scanned")
    ]
    assert (made.verdict, made.redacted) == ("pass", {"EMAIL_ADDRESS": 1})
    assert MAIL not in Path("out.jsonl").read_text()
    (one,) = read_sources([Path("docs")]).documents
    assert " ".join(one.text.split()).endswith(PASSAGES[3])
    assert [one.page_at(start) for start, _ in one.paragraphs] == [1, 3, 4, 5]


def test_every_unreadable_one_is_told_at_once_without_its_text(folder: Path) -> None:
    whole = pdf([words(SECRET), words(SECRET)])
    files = {
        "bomb.pdf": (pdf([words("fine"), bytes(80 << 20)], deflated=True), "bomb.pdf: page 2", "unpacks to more than"),
        "busy.pdf": (
            pdf([b"BT " + b"(a) Tj " * 2_100_000 + b"ET"], deflated=True),
            "busy.pdf: page 1",
            "unpacks to more",
        ),
        "empty.pdf": (b"", "empty.pdf", "an empty file"),
        "locked.pdf": (encrypted(whole, folder), "locked.pdf", "encrypted"),
        "long.pdf": (pdf([b""] * (MOST_PAGES + 1)), "long.pdf", "2,001 pages, more than 2,000"),
        "other.pdf": (SECRET.encode(), "other.pdf", "damaged, or no PDF"),
        "scanned.pdf": (pdf([b"", b""]), "scanned.pdf", "no text on any of its 2 page(s)"),
        "short.pdf": (whole[:150], "short.pdf", "damaged, or no PDF"),
    }
    for name, (content, _, _) in files.items():
        (folder / name).write_bytes(content)
    with pytest.raises(TuneGateError) as raised:
        read_sources([Path(name) for name in files])
    errors = raised.value.errors
    assert [one.where for one in errors] == [where for _, where, _ in files.values()]
    for one, (_, _, why) in zip(errors, files.values(), strict=True):
        assert why in str(one.seen), one
    assert SECRET not in str([raised.value.detail, *errors])


def test_a_pdf_that_takes_too_long_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "slow.pdf").write_bytes(pdf([words(SECRET)]))
    # no process has started by then
    monkeypatch.setattr("service.synth.pdf._WAIT_SECONDS", 0.001)
    with pytest.raises(TuneGateError) as raised:
        read_sources([Path("slow.pdf")])
    assert [(one.where, one.seen) for one in raised.value.errors] == [
        ("slow.pdf", "it takes more than 60 s, or too much memory, to read")
    ]


def test_without_its_library_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.pdf").write_bytes(pdf([words(SECRET)]))
    monkeypatch.setitem(__import__("sys").modules, "pypdf", None)
    with pytest.raises(TuneGateError) as raised:
        read_sources([Path("a.pdf")])
    assert raised.value.code == "missing_extra"
    # of a folder the other files are read
    (folder / "b.md").write_text("A parcel may be sent back.")
    found = read_sources([Path()])
    assert [one.name for one in found.documents] == ["b.md"]
    assert [(one.what, one.why) for one in found.passed_over] == [
        ("a.pdf", "a PDF, which takes pip install 'tunegate[synth]'")
    ]
    assert "tunegate[synth]" in raised.value.remedy
