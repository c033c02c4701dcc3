"""The door of this room: the counter for a target, and why there is none where there is none."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from service.errors import TuneGateError
from service.lint.tokens.encodings import DEFAULT, RANKS, encoding_of
from service.lint.tokens.engines import Engine, engine_for
from service.lint.tokens.framing import Framing, chat_completions_framing
from service.lint.tokens.local import local_counter

Mode = Literal["off", "auto", "exact"]
_OF_OPENAI = ("openai", "azure-openai")


class TokenCounter(Protocol):
    """Counts texts; frozen and picklable, and loaded anew in each process that counts."""

    @property
    def name(self) -> str:
        """What counted, not how fast: "o200k_base", "tokenizer.json 1a2b3c4d"."""

    @property
    def note(self) -> str | None:
        """What was assumed in choosing it, for the report."""

    def count(self, texts: list[str]) -> list[int]:
        """Tokens of each text; the text of a special token counts as plain text."""

    def framing(self) -> Framing:
        """What surrounds the texts of a row."""


class EncodingCounter(msgspec.Struct, frozen=True):
    """Counts in one of OpenAI's encodings, by whichever engine is at hand: they give the same counts."""

    name: str
    note: str | None = None

    def count(self, texts: list[str]) -> list[int]:
        return _loaded(self.name)(texts)

    def framing(self) -> Framing:
        return chat_completions_framing(self.count)


def counter_for(
    *, target: str, model: str | None, model_folder: Path | None, mode: Mode
) -> tuple[TokenCounter | None, str | None]:
    """(counter, None), or (None, why there is none). Nothing is downloaded.

    OpenAI's vocabularies are loaded at the first count (up to half a second), a model folder's tokenizer at once.

    Raises:
        TuneGateError: in the mode "exact", `missing_encoder` (exit 3) where something has to be installed or named, and
            `unreadable_model` for a tokenizer.json that is none.

    """
    if mode == "off":
        return None, "Counting is switched off (--tokens off)"
    try:
        if target in _OF_OPENAI:
            return _encoding_counter(model), None
        return local_counter(target, model_folder), None
    except TuneGateError as error:
        if mode == "exact":
            raise
        return None, error.detail.removesuffix(".")


def _encoding_counter(model: str | None) -> TokenCounter:
    encoding = DEFAULT if model is None else encoding_of(model)
    if encoding is None:
        raise TuneGateError(
            "missing_encoder",
            f"The encoding of model {model!r} is not known: the name is not one of OpenAI's.",
            remedy="Name the base model (--model gpt-4.1-mini), not a deployment, or use --tokens auto.",
        )
    if engine_for(encoding) is None:
        raise _no_engine(encoding)
    note = (
        None
        if model is not None
        else f"counted in {DEFAULT}, as no model is named: every model tuned here today counts in it"
    )
    return EncodingCounter(encoding, note)


@lru_cache
def _loaded(encoding: str) -> Engine:
    engine = engine_for(encoding)
    if engine is None:
        raise _no_engine(encoding)
    return engine


def _no_engine(encoding: str) -> TuneGateError:
    if encoding not in RANKS:
        return TuneGateError(
            "missing_encoder", f"No engine counts in {encoding}.", remedy="Name another model, or use --tokens auto."
        )
    ranks = RANKS[encoding]
    return TuneGateError(
        "missing_encoder",
        f"Nothing installed here counts in {encoding}.",
        remedy=(
            f"pip install toktok-rs (it holds o200k_base, o200k_harmony and cl100k_base), or pip install "
            f"'tunegate[tokens]' and put {ranks.url} (sha256 {ranks.sha256}) as {ranks.cache_name} into the folder "
            f"that TIKTOKEN_CACHE_DIR names."
        ),
    )
