"""What holds for the files that a verb makes: nothing of the user's is written over unasked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from service.errors import ErrorItem, TuneGateError


def refuse_taken(outputs: Sequence[Path], inputs: Sequence[Path], *, force: bool) -> None:
    """Refuse outputs that are inputs, folders, or (without `force`) there already; all of them at once.

    Raises:
        TuneGateError: `usage` for an input, `output_exists` for the others.
    """
    same = [out for out in outputs if any(_same(out, one) for one in inputs)]
    if same:
        raise TuneGateError(
            "usage",
            "An input would be written over.",
            remedy="Name another output: nothing is rewritten in place.",
            errors=[ErrorItem(str(out), "an input of this command", "a path of its own") for out in same],
        )
    taken = [out for out in outputs if out.is_dir() or (out.exists() and not force)]
    if taken:
        raise TuneGateError(
            "output_exists",
            f"{len(taken)} output(s) are there already.",
            remedy="Name another output, or give --force to write over files.",
            errors=[ErrorItem(str(out), "a folder" if out.is_dir() else "a file", "a new path") for out in taken],
        )


def _same(out: Path, path: Path) -> bool:
    try:
        return out.resolve() == path.resolve() or out.samefile(path)
    except OSError:
        return False
