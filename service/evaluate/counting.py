"""Counts tokens where nobody else does: for passages, and where an endpoint does not say them."""

from __future__ import annotations

from functools import lru_cache

from service.lint.tokens.counter import TokenCounter, counter_for

_BYTES_PER_TOKEN = 4


@lru_cache(maxsize=1)
def counter() -> TokenCounter | None:
    """OpenAI's newest encoding where it is installed."""
    return counter_for(target="openai", model=None, model_folder=None, mode="auto")[0]


def tokens_or_none(text: str) -> int | None:
    """Tokens of a text, or None where nothing can count them."""
    found = counter()
    return None if found is None else found.count([text])[0]


def tokens(text: str) -> int:
    """Tokens of a text, at four bytes each where nothing can count them."""
    found = tokens_or_none(text)
    return found if found is not None else -(-len(text.encode(errors="replace")) // _BYTES_PER_TOKEN)


def counted_by() -> str:
    """What counts."""
    found = counter()
    return found.name if found is not None else f"{_BYTES_PER_TOKEN} bytes a token"
