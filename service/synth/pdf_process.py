"""Reads the texts of a PDF in a process of its own, which it first limits: a kilobyte of it can unpack to gigabytes.

Argument: the file. stdout: what was found, as JSON; it is all that is said, for warnings may repeat text.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

MOST_PAGES = 2_000
MOST_CHARACTERS = 16 << 20
_MEMORY_BYTES = 2 << 30
CPU_SECONDS = 60
_ENCRYPTED = "encrypted: give a copy that opens without a password"


class PdfTexts(msgspec.Struct, frozen=True):
    """The text of each page, in order; or why there is none, with the page where it was met (null for the file)."""

    pages: list[str] = []
    why: str | None = None
    page: int | None = None


def limit() -> None:
    """CPU time and memory of this process, where the system has such limits."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {resource.RLIMIT_CPU: CPU_SECONDS, resource.RLIMIT_AS: _MEMORY_BYTES, resource.RLIMIT_CORE: 0}
    for which, most in limits.items():
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (most, most))


def texts(path: Path) -> PdfTexts:
    """What can be read of a file."""
    from pypdf import PdfReader

    found: list[str] = []
    characters = 0
    # null until its pages are known
    at: int | None = None
    try:
        reader = PdfReader(path)
        if (count := len(reader.pages)) > MOST_PAGES:
            return PdfTexts(why=f"{count:,} pages, more than {MOST_PAGES:,}: split it")
        for at in range(1, count + 1):
            found.append(_text(reader.pages[at - 1]))
            characters += len(found[-1])
            if characters > MOST_CHARACTERS:
                return PdfTexts(why=f"more than {MOST_CHARACTERS:,} characters of text: split it", page=at)
    except Exception as error:  # noqa: BLE001 - of what others wrote anything may come; its words may repeat text
        return PdfTexts(why=_why(error), page=at)
    return PdfTexts(found)


def _text(page: Any) -> str:
    # half of a surrogate pair, and a zero, are in no text that goes on from here
    return str(page.extract_text()).replace("\0", "").encode(errors="replace").decode()


def _why(error: Exception) -> str:
    from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError, WrongPasswordError

    if isinstance(error, FileNotDecryptedError | WrongPasswordError | DependencyError):
        return _ENCRYPTED
    if isinstance(error, LimitReachedError):
        # the library's own limits: 75 MB of an unpacked stream, 2 million operands of a page, depths and counts
        return "a part of it unpacks to more than any document's does"
    if isinstance(error, MemoryError):
        return "it needs more memory than reading a document may take"
    return "damaged, or no PDF"


def main() -> int:
    """Answer the one request in the arguments."""
    limit()
    logging.disable()
    said = sys.stdout.buffer
    # what a library prints is not said
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123
    said.write(msgspec.json.encode(texts(Path(sys.argv[1]))))
    said.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
