"""Finds the passages that belong to a question: BM25, by bm25s."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from service.errors import missing_extra
from service.evaluate.documents import Passage

# one letter is a word too: the library's own pattern leaves such out
_WORD = r"(?u)\b\w+\b"


class PassageIndex:
    """The index of one set of passages.

    BM25 in the variant of Lucene with k1 = 1.5 and b = 0.75, the library's defaults; no stop words and no stemming,
    because the language is not known.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        """Build it, in a second per some ten thousand passages.

        Raises:
            TuneGateError: `missing_extra`.

        """
        try:
            import bm25s
        except ImportError as error:
            raise missing_extra("evaluate", "retrieval", error) from error
        self._tokenize = bm25s.tokenize
        words = self._words([one.text for one in passages])
        # the library takes no text without a word
        self._places = [place for place, found in enumerate(words) if found]
        self._passages = list(passages)
        self._index: Any = bm25s.BM25() if self._places else None
        if self._index is not None:
            self._index.index([found for found in words if found], show_progress=False)
        self._found: dict[tuple[str, int], list[str]] = {}

    def texts(self, question: str, count: int) -> list[str]:
        """The best passages that share a word with the question, the best first, equal ones in their order."""
        key = question, count
        if key not in self._found:
            self._found[key] = [self._passages[place].text for place in self.ranking(question)[:count]]
        return self._found[key]

    def ranking(self, question: str) -> list[int]:
        """The places, from 0, of all passages that share a word with the question, in the same order."""
        import numpy as np

        if self._index is None:
            return []
        words = [word for word in self._words([question])[0] if word in self._index.vocab_dict]
        if not words:
            return []
        scores = self._index.get_scores(words)
        order = np.argsort(-scores, kind="stable")
        return [self._places[one] for one in order[scores[order] > 0].tolist()]

    def _words(self, texts: list[str]) -> list[list[str]]:
        found: list[list[str]] = self._tokenize(
            texts, token_pattern=_WORD, stopwords=None, return_ids=False, show_progress=False
        )
        return found
