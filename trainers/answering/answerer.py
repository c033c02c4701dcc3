"""Answers one question after the other with a loaded model: render, check, generate, say."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec

from trainers.answering.calls import CallReader
from trainers.answering.engines import Choose, Model, open_model
from trainers.answering.pieces import Characters, Until
from trainers.answering.sampling import chooser
from trainers.answers import (
    DEFAULT_MAX_TOKENS,
    Answered,
    Began,
    CalledTool,
    Engine,
    FinishReason,
    Piece,
    Question,
    Said,
)
from trainers.chat_template import RefusedByTemplate, UnfitMessage
from trainers.labels import render
from trainers.problems import TrainerError


class Answerer:
    """A model with its tokenizer; `context` counts prompt and answer together, `ends` are tokens that end an answer.

    A conversation that grows past `switch` tokens (LongRoPE) is read again there: its cache holds keys of the other
    rotation.
    """

    def __init__(
        self, model: Model, tokenizer: Any, *, context: int | None, ends: Collection[int], switch: int | None
    ) -> None:
        self.engine = model.engine
        self.context = context
        self._model = model
        self._tokenizer = tokenizer
        self._ends = ends
        self._switch = switch
        backend = tokenizer.backend_tokenizer if tokenizer.is_fast else tokenizer
        self._decode = lambda ids: str(backend.decode(ids, skip_special_tokens=False))
        self._special = {
            number: str(token) for number, token in tokenizer.added_tokens_decoder.items() if token.special
        }

    def answer(self, question: Question, left: Callable[[], bool] = lambda: False) -> Iterator[Said]:
        """`began`, the pieces, `answered`; ends early, without a word, once `left` says that nobody waits.

        Raises:
            TrainerError: `invalid_input` for a conversation that cannot be rendered, `context_overflow`.
        """
        started = time.perf_counter()
        ids = self._prompt(question)
        most = self._room(question, len(ids))
        yield Began(question.id, len(ids))
        text = _AnswerText(self._decode, self._special, question, self._tokenizer)
        count, reason, said = 0, "length", []
        for token in self._tokens(ids, most, chooser(_seeded(question))):
            if left():
                return
            count += 1
            if token in self._ends:
                reason = "stop"
                break
            if piece := text.add(token):
                said.append(piece)
                yield Piece(question.id, piece)
            if text.stopped:
                reason = "stop"
                break
        last, calls = text.finish()
        if last:
            said.append(last)
            yield Piece(question.id, last)
        ended: FinishReason = "length" if reason == "length" else "tool_calls" if calls else "stop"
        yield Answered(
            id=question.id,
            text="".join(said),
            calls=calls,
            finish_reason=ended,
            prompt_tokens=len(ids),
            completion_tokens=count,
            seconds=time.perf_counter() - started,
        )

    def _prompt(self, question: Question) -> list[int]:
        if not question.messages:
            raise TrainerError("invalid_input", "The conversation has no messages.", remedy="Give at least one.")
        try:
            text = render(self._tokenizer, question.messages, question.tools, prompt=True)
        except (UnfitMessage, RefusedByTemplate) as error:
            remedy = "Give messages of roles and shapes that the model was trained on, with text as content."
            raise TrainerError("invalid_input", f"The conversation is one {error}.", remedy=remedy) from error
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _room(self, question: Question, prompt: int) -> int:
        """Tokens that the answer may have."""
        wanted = question.max_tokens
        if self.context is None:
            return wanted or DEFAULT_MAX_TOKENS
        room = self.context - prompt
        if room < (wanted or 1):
            raise TrainerError(
                "context_overflow",
                f"The prompt has {prompt} tokens and the answer may have {wanted or 'at least 1'}; "
                f"the model's context holds {self.context} together.",
                remedy="Shorten the conversation" + (" or lower max_tokens." if room > 0 else "."),
            )
        return wanted or min(room, DEFAULT_MAX_TOKENS)

    def _tokens(self, ids: list[int], most: int, choose: Choose | None) -> Iterator[int]:
        text, longest = list(ids), len(ids) + most
        decoding = self._model.start(text, longest=longest)
        while len(text) < longest:
            if self._switch is not None and len(ids) <= self._switch and len(text) == self._switch + 1:
                decoding = self._model.start(text, longest=longest)
            text.append(decoding.next(choose))
            yield text[-1]


class _AnswerText:
    """Tokens to the text that is shown: up to a stop text, and without what may be a tool call."""

    def __init__(
        self, decode: Callable[[list[int]], str], special: dict[int, str], question: Question, tokenizer: Any
    ) -> None:
        self._reader = CallReader(tokenizer, question.tools) if question.tools else None
        seen = self._reader.special if self._reader else ""
        self._characters = Characters(decode, {number for number, text in special.items() if text not in seen})
        self._until_stop = Until(question.stop)
        self._until_call = Until(self._reader.marks if self._reader else [])
        self._bare: str | None = "" if self._reader else None  # the answer so far, while it may be a call as a whole

    @property
    def stopped(self) -> bool:
        return self._until_stop.reached

    def add(self, token: int) -> str:
        return self._shown(self._until_stop.add(self._characters.add(token)))

    def finish(self) -> tuple[str, list[CalledTool]]:
        """The rest of the text, and the calls that are no text."""
        shown = self._shown("" if self.stopped else self._until_stop.finish())
        if self._reader is None:
            return shown, []
        held = self._bare if self._bare is not None else self._until_call.finish() + self._until_call.rest
        calls = self._reader.read(held) if held.strip() else []
        return (shown if calls else shown + held), calls

    def _shown(self, text: str) -> str:
        if self._reader is None:
            return text
        if self._bare is not None:
            self._bare += text
            if not self._bare.strip() or self._reader.may_begin_bare(self._bare):
                return ""
            text, self._bare = self._bare, None
        return self._until_call.add(text)


def _seeded(question: Question) -> Question:
    return msgspec.structs.replace(question, seed=secrets.randbits(63)) if question.seed is None else question


def open_answerer(folder: Path, engine: Engine, *, threads: int = 0) -> Answerer:
    """Model and tokenizer of a folder, from this disk alone.

    Raises:
        TrainerError: `unreadable_model`.
    """
    from transformers import AutoTokenizer

    from trainers.onnx.graph import end_tokens

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model = open_model(folder, engine, threads=threads)
        ends = end_tokens(folder) | {tokenizer.eos_token_id} - {None}
        context, switch = _lengths(folder)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise TrainerError(
            "unreadable_model",
            f"{folder.name}: {engine} cannot open the model or its tokenizer ({type(error).__name__}).",
            remedy="The folder must hold model.onnx or safetensors, the configs and a tokenizer.json.",
        ) from error
    if not tokenizer.chat_template:
        raise TrainerError(
            "unreadable_model", f"{folder.name}: the tokenizer has no chat template.", remedy="Add chat_template.jinja."
        )
    return Answerer(model, tokenizer, context=context, ends=ends, switch=switch)


def _lengths(folder: Path) -> tuple[int | None, int | None]:
    """(longest conversation, where LongRoPE switches), from the builder's config and the model's."""
    from transformers import AutoConfig

    from trainers.onnx.reference import rope_switch

    context = switch = None
    if (folder / "config.json").exists():
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        context = getattr(config.get_text_config(), "max_position_embeddings", None)
        switch = rope_switch(config)
    if (folder / "genai_config.json").exists():
        context = int(msgspec.json.decode((folder / "genai_config.json").read_bytes())["model"]["context_length"])
    return context, switch
