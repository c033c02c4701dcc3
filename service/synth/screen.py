"""What a model wrote, looked at before it may be a row: form, refusals, loops, personal data, copies of the sources."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from service.lint.patterns import repeats
from service.privacy.redaction.row import Redactor
from service.synth.likeness import Likeness
from service.synth.overlap import Runs
from service.synth.rulebook import Limits

Personal = Literal["drop", "redact"]
_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL | re.IGNORECASE)
# the names that redaction gives to values
_TAG = re.compile(r"<[A-Z][A-Z0-9_]*(?:_[0-9]+)?>")


class Unusable(Exception):  # noqa: N818 - it names the result
    """Why a reply is no row: the name of a reason, never the reply's words."""

    def __init__(self, reason: str, *, personal: Counter[str] | None = None) -> None:
        super().__init__(reason)
        self.reason, self.personal = reason, personal or Counter()


class Written(NamedTuple):
    """A question with its answer; `personal` counts what was taken out of them by entity."""

    question: str
    answer: str
    personal: Counter[str]

    @property
    def text(self) -> str:
        return f"{self.question}\n{self.answer}"


class _Reply(msgspec.Struct, frozen=True):
    question: str
    answer: str


class Screen:
    """The checks that need no other row; `refused` tells refusals, `sources` are the texts that must not be copied."""

    def __init__(
        self,
        limits: Limits,
        redactor: Redactor,
        *,
        personal: Personal,
        refused: Callable[[str], bool],
        instructions: Sequence[str],
        sources: Sequence[str],
        pieces: Sequence[str],
    ) -> None:
        self._limits, self._redactor, self._personal, self._refused = limits, redactor, personal, refused
        self._instructions, self._sources = Runs(instructions), Runs(sources)
        self._near = Likeness(limits.near_copy.value)
        for piece in pieces:
            self._near.add(piece)

    def written(self, reply: str | None, *, may_refuse: bool) -> Written:
        """The question and the answer of a reply.

        Raises:
            Unusable: with the reason.
        """
        said = self._parsed(reply)
        question, answer = said.question.strip(), said.answer.strip()
        if not question or not answer:
            raise Unusable("empty")
        if not may_refuse and self._refused(answer):
            raise Unusable("refused")
        if repeats(answer) or repeats(question):
            raise Unusable("looping")
        if _TAG.search(question) or _TAG.search(answer):
            raise Unusable("placeholder")
        self._not_copied(f"{question}\n{answer}")
        return self._without_personal(question, answer)

    def _parsed(self, reply: str | None) -> _Reply:
        text = (reply or "").strip()
        if not text:
            raise Unusable("empty")
        if self._instructions.copied(text).run >= self._limits.prompt_run_words.value:
            raise Unusable("prompt-copied")
        fenced = _FENCE.match(text)
        try:
            return msgspec.json.decode(fenced.group(1) if fenced else text, type=_Reply)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            reason = "refused" if self._refused(text) else "looping" if repeats(text) else "invalid-json"
            raise Unusable(reason) from error

    def _not_copied(self, text: str) -> None:
        copied = self._sources.copied(text)
        if copied.run >= self._limits.copied_run_words.value or copied.share >= self._limits.copied_share.value:
            raise Unusable("copied-passage")
        if any(self._near.like(one) for one in (text, text.partition("\n")[2])):
            raise Unusable("near-copy")

    def _without_personal(self, question: str, answer: str) -> Written:
        row: dict[str, Any] = {
            "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        }
        redacted = self._redactor.redacted(row)
        if redacted.counts and self._personal == "drop":
            raise Unusable("personal-data", personal=redacted.counts)
        user, assistant = redacted.row["messages"]
        return Written(str(user["content"]), str(assistant["content"]), redacted.counts)
