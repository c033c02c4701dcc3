"""Documents that come with an evaluation over HTTP: named texts of the body, never a path of the host."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from service.evaluate.documents import SUFFIXES
from service.evaluate.given import Given

FOLDER = "documents"
_MOST = 1000
# a name becomes a file's: no part of it may lead elsewhere
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")


class EvaluationDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document: `name` says by its ending what `text` is (.txt, .md, .html, .csv, .json ...)."""

    name: str
    text: str


def read_inline(given: Given) -> list[EvaluationDocument]:
    """The documents of a body; what is wrong with any of them is noted in its errors."""
    tables = given.tables("documents")
    if len(tables) > _MOST:
        given.wrong("documents", f"{len(tables)} documents", f"at most {_MOST}")
        return []
    found: dict[str, EvaluationDocument] = {}
    for one in tables:
        name, text = one.text("name", asked=True), one.text("text", asked=True)
        one.close()
        if name is None or text is None:
            continue
        ending = Path(name).suffix.lower()
        if not _NAME.fullmatch(name) or ending not in SUFFIXES:
            one.wrong(
                "name", "another kind of name", f"letters, digits, and . _ -; its end one of {', '.join(SUFFIXES)}"
            )
        elif name.lower() in found:
            one.wrong("name", "a name that is used twice", "names that differ by more than upper and lower case")
        elif _unwritable(text):
            one.wrong("text", "a text that is not Unicode, or holds a zero", "text")
        else:
            found[name.lower()] = EvaluationDocument(name, text)
    return list(found.values())


def _unwritable(text: str) -> bool:
    return "\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text)
