"""The texts of a PDF, page by page, read by a limited process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec

import service
from service.errors import missing_extra
from service.synth.pdf_process import CPU_SECONDS, PdfTexts

SUFFIX = ".pdf"
_LARGEST_BYTES = 64 << 20
# of a machine that is busy with other things too
_WAIT_SECONDS = 5 * CPU_SECONDS
# what Python needs to start and find its packages; keys and tokens of the surroundings stay here
_KEPT = ("PATH", "PYTHONPATH", "PYTHONHOME", "HOME", "USERPROFILE", "APPDATA", "SYSTEMROOT", "LANG", "LC_ALL")


def require_pdf() -> None:
    """Raises `missing_extra` where the library is not installed."""
    try:
        import pypdf  # noqa: F401
    except ImportError as error:
        raise missing_extra("synth", "Reading PDF", error) from error


def pdf_texts(path: Path) -> PdfTexts:
    """The text of each page, or why the file is no document; never a word of it in that.

    Raises:
        TuneGateError: `missing_extra`.
    """
    require_pdf()
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            return PdfTexts(why=f"more than {_LARGEST_BYTES >> 20} MiB")
        found = _answered(path)
    except OSError as error:
        return PdfTexts(why=str(error.strerror))
    if found.why is None and not any(one.strip() for one in found.pages):
        why = f"no text on any of its {len(found.pages)} page(s), as when they are scanned: have them recognized (OCR)"
        return PdfTexts(why=why)
    return found


def _answered(path: Path) -> PdfTexts:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "service.synth.pdf_process", str(path.resolve())],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_WAIT_SECONDS,
            cwd=str(Path(service.__file__).parents[1]), env=kept, check=False,
        )  # fmt: skip
        return msgspec.json.decode(done.stdout, type=PdfTexts)
    except (subprocess.TimeoutExpired, msgspec.DecodeError):
        # it was ended by its limits, and says nothing
        return PdfTexts(why=f"it takes more than {CPU_SECONDS} s, or too much memory, to read")
