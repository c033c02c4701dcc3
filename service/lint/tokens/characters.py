"""The text that every engine is given, so that all of them give the same count."""

from __future__ import annotations

import re

# U+3FFFD is assigned in no version of Unicode: every engine reads it as a symbol, of four bytes like most of these
_STAND_IN = "\U0003fffd"
# Letters, marks and digits that are new in Unicode 17.0 (September 2025). tiktoken 0.14.0 splits text by Unicode 16 and
# reads them as symbols, toktok 0.3.0 by 17; found 2026-11-21 by asking both about every code point.
_NEW = (
    (0x88F, 0x88F), (0xC5C, 0xC5C), (0xCDC, 0xCDC), (0x1ACF, 0x1ADD), (0x1AE0, 0x1AEB), (0xA7CE, 0xA7CF),
    (0xA7D2, 0xA7D2), (0xA7D4, 0xA7D4), (0xA7F1, 0xA7F1), (0x10940, 0x10959), (0x10EC5, 0x10EC7), (0x10EFA, 0x10EFB),
    (0x11B60, 0x11B67), (0x11DB0, 0x11DDB), (0x11DE0, 0x11DE9), (0x16EA0, 0x16EB8), (0x16EBB, 0x16ED3),
    (0x16FF2, 0x16FF6), (0x187F8, 0x187FF), (0x18D09, 0x18D1E), (0x18D80, 0x18DF2), (0x1E6C0, 0x1E6DE),
    (0x1E6E0, 0x1E6F5), (0x1E6FE, 0x1E6FF), (0x2B73A, 0x2B73F), (0x2CEA2, 0x2CEAD), (0x323B0, 0x33479),
)  # fmt: skip
_DISPUTED = re.compile(f"[{''.join(f'{chr(first)}-{chr(last)}' for first, last in _NEW)}]")
# tiktoken folds case and takes "'" + long s for the contraction 's, toktok does not; the count differs where another
# apostrophe follows (all texts of up to seven such characters were tried)
_LONG_S = re.compile("'\u017f(?=')")
# a superset of the text that needs no change, in ranges ordered by how common they are: 1 ns per character, against 30
# for the class above (2026-11-21); the rest is looked at closely
_SETTLED = re.compile("[\x00-\u017e\u0180-\u088e\u2000-\ua7cd\uac00-\ud7ff\ue000-\uffff\U0001f000-\U0001faff]*+")


def comparable(texts: list[str]) -> list[str]:
    """The texts with all that engines read differently replaced; other texts are the same objects.

    Lone surrogates become U+FFFD as in tiktoken, characters newer than Unicode 16 count as unassigned ones, and a long
    s between apostrophes counts as s.
    """
    return [text if text.isascii() or _SETTLED.fullmatch(text) else _replaced(text) for text in texts]


def well_formed(text: str) -> str:
    """The text with lone surrogates replaced by U+FFFD, and pairs of them joined, as tiktoken does."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _replaced(text: str) -> str:
    return _LONG_S.sub("'s", _DISPUTED.sub(_STAND_IN, well_formed(text)))
