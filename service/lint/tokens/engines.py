"""What counts in an encoding: toktok (fast, holds its vocabularies) or tiktoken (the reference, needs ranks)."""

from __future__ import annotations

from collections.abc import Callable

from service.lint.tokens.characters import comparable
from service.lint.tokens.encodings import RANKS, cache_folder

Engine = Callable[[list[str]], list[int]]
_TOKTOK = frozenset({"o200k_base", "o200k_harmony", "cl100k_base"})


def engine_for(encoding: str) -> Engine | None:
    """The faster engine at hand, or None. Its vocabulary is loaded at the first count (0.2 to 0.5 s of CPU)."""
    return toktok_engine(encoding) or tiktoken_engine(encoding)


def toktok_engine(encoding: str) -> Engine | None:
    """toktok, or None where it is not installed or does not hold the encoding."""
    if encoding not in _TOKTOK:
        return None
    try:
        from toktok import batch_count
    except ImportError:
        return None
    # its defaults are another encoding and every core
    return lambda texts: list(batch_count(comparable(texts), encoding=encoding, threads=1))


def tiktoken_engine(encoding: str) -> Engine | None:
    """tiktoken, or None unless it is installed and the ranks lie in its cache folder, whole: it never downloads."""
    if encoding not in RANKS or not RANKS[encoding].at_hand(cache_folder()):
        return None
    try:
        from tiktoken import get_encoding
    except ImportError:
        return None

    def count(texts: list[str]) -> list[int]:
        # its batch call is slower than the loop: it keeps the ids of the whole batch
        encode = get_encoding(encoding).encode_ordinary
        return [len(encode(text)) for text in comparable(texts)]

    return count
