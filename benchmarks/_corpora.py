"""The text that benchmarks count, lint and hold: prose of the documentation in the installed packages."""

from __future__ import annotations

import gzip
import os
import pydoc_data.topics
import re
from collections.abc import Iterator
from importlib.metadata import distribution, distributions
from pathlib import Path

from service.lint.tokens.encodings import RANKS

SENTENCES_PER_TEXT = 6


def prose() -> Iterator[str]:
    """Descriptions of the installed packages, the language reference, and the texts that packages ship."""
    yield from pydoc_data.topics.topics.values()
    for package in sorted(distributions(), key=lambda one: one.name):
        yield package.read_text("METADATA") or ""
        for path in sorted(package.files or [], key=str):
            if path.suffix in {".md", ".rst", ".py"}:
                yield Path(str(path.locate())).read_text(encoding="utf-8", errors="ignore")


def texts(megabytes: float) -> list[str]:
    """Texts of a few sentences each; no sentence comes twice."""
    seen: set[str] = set()
    made: list[str] = []
    size, pending = 0, []
    for document in prose():
        for sentence in re.findall(r"[A-Z][^.!?<>{}=|*_#\\]{30,300}[.!?](?=\s)", document):
            plain = " ".join(sentence.split())
            if plain in seen:
                continue
            seen.add(plain)
            pending.append(plain)
            if len(pending) == SENTENCES_PER_TEXT:
                made.append(" ".join(pending))
                size += len(made[-1].encode())
                pending = []
            if size >= megabytes * 1e6:
                return made
    return made


def ranks(folder: Path) -> None:
    """The dev group's verified ranks, where tiktoken looks for them."""
    for name in ("o200k_base", "cl100k_base"):
        packed = Path(str(distribution("bpe-openai").locate_file(f"bpe_openai/data/{name}.tiktoken.gz")))
        (folder / RANKS[name].cache_name).write_bytes(gzip.decompress(packed.read_bytes()))
        assert RANKS[name].at_hand(folder)
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
