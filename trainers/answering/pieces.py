"""Text out of tokens while they arrive: in whole characters, cut exactly at a stop text."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

_UNREADABLE = "\ufffd"
_LONGEST_CHARACTER = 4  # bytes of UTF-8


class Characters:
    """Whole characters of a growing list of tokens; `skipped` tokens have no text.

    A token may end inside a character: its part is decoded as U+FFFD and held back until the rest has come. Tokens are
    decoded together with those just before them, because a decoder treats the beginning of a text differently.
    """

    def __init__(self, decode: Callable[[list[int]], str], skipped: Collection[int]) -> None:
        self._decode = decode
        self._skipped = skipped
        self._window: list[int] = []
        self._before = 0  # tokens of the window whose text has been given, all of it
        self._given = 0  # characters of the window's text that have been given

    def add(self, token: int) -> str:
        """The text that is now certain."""
        if token in self._skipped:
            return ""
        self._window.append(token)
        text = self._decode(self._window)
        certain = text[: len(text) - min(_open_end(text), _LONGEST_CHARACTER - 1)]
        piece, self._given = certain[self._given :], max(self._given, len(certain))
        if certain == text:
            self._window, self._before = self._window[self._before :], len(self._window) - self._before
            self._given = len(self._decode(self._window))
        return piece


def _open_end(text: str) -> int:
    return len(text) - len(text.rstrip(_UNREADABLE))


class Until:
    """Text up to the first of some texts that is complete; what may be the beginning of one is held back.

    Of two that end at the same character the longer one counts, so that the cut does not depend on how text arrives.
    """

    def __init__(self, ends: Sequence[str]) -> None:
        self._ends = [end for end in ends if end]
        self._held = ""
        self.reached = False
        self.rest = ""  # from the text that was reached on

    def add(self, text: str) -> str:
        """What certainly stands before all of them."""
        if self.reached:
            self.rest += text
            return ""
        self._held += text
        found = [(place + len(end), place) for end in self._ends if (place := self._held.find(end)) >= 0]
        if found:
            self.reached, (_, place) = True, min(found)
            given, self.rest, self._held = self._held[:place], self._held[place:], ""
            return given
        keep = max((self._begun(end) for end in self._ends), default=0)
        cut = len(self._held) - keep
        given, self._held = self._held[:cut], self._held[cut:]
        return given

    def finish(self) -> str:
        """What was held back, when no more text comes."""
        given, self._held = self._held, ""
        return given

    def _begun(self, end: str) -> int:
        """Characters at the end of the held text with which `end` begins."""
        longest = min(len(end) - 1, len(self._held))
        return next((n for n in range(longest, 0, -1) if self._held.endswith(end[:n])), 0)
