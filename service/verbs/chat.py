"""chat: a job's artifact answers a conversation, whole or in pieces; nothing of it is kept or logged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import anyio.to_thread
import msgspec

from service.artifacts.answerable import Answerable, answerables, chosen, require_intact
from service.errors import TuneGateError
from service.launch.answering import ENDED, Answerers, AnsweringProcess, Listen, error_of
from service.records.chat_completion import (
    AnswerChoice,
    AnswerMessage,
    CalledFunction,
    ChatChunk,
    ChatCompletion,
    ChatModel,
    ChatModels,
    ChunkChoice,
    Delta,
    MadeCall,
    Source,
    Usage,
)
from service.verbs.chat_request import ChatQuestion, new_id
from service.verbs.context import Context
from service.verbs.jobs import artifact
from trainers.answers import Answered, CalledTool, FinishReason, Piece, Refused, Said

# Mistral's templates take no other ids back than nine letters or digits
_CALL_ID_LENGTH = 9


class Answering(Protocol):
    """What answers: the processes, and whose turn it is to wait for them."""

    answerers: Answerers
    chatting: anyio.CapacityLimiter


class Asked(msgspec.Struct, frozen=True):
    """A question on its way to a model; `created` in seconds since 1970."""

    chat: ChatQuestion
    model: Answerable
    created: int

    @property
    def source(self) -> Source:
        # a folder of no artifact has no manifest; only its name is known
        known = self.model.manifest.id if self.model.manifest is not None else self.model.folder.name
        return Source(known, self.model.name, self.model.engine, self.model.why)

    @property
    def fingerprint(self) -> str:
        """The same for as long as the same seed gives the same answer."""
        return f"{self.source.artifact[:12]}-{self.model.name}-{self.model.engine}"


def models(context: Context, job_id: str) -> ChatModels:
    """The precisions of a job's artifact, the one that answers unasked first.

    Raises:
        TuneGateError: `unknown_id`, `artifact_not_ready`, `target_cannot`, `not_found`.
    """
    run, manifest = artifact(context, job_id)
    made = int((run / "manifest.json").stat().st_mtime)
    return ChatModels([ChatModel(id=model.name, created=made) for model in answerables(run, manifest)])


async def asked(context: Context, job_id: str, chat: ChatQuestion) -> Asked:
    """The question with the model that it is for, whose files are checked before they are loaded.

    Raises:
        TuneGateError: `unknown_id`, `artifact_not_ready`, `target_cannot`, `not_found`, `artifact_corrupt`.
    """
    model = await anyio.to_thread.run_sync(_model, context, job_id, chat.model, limiter=context.chatting)
    return Asked(chat, model, int(time.time()))


async def complete(context: Answering, question: Asked) -> ChatCompletion:
    """The whole answer.

    Raises:
        TuneGateError: `busy`, `context_overflow`, `invalid_input`, `answer_failed`, ...
    """
    async with _heard(context, question) as said:
        async for one in said:
            if isinstance(one, Answered):
                return completion(question, one)
    raise TuneGateError(ENDED, "The process that answers has ended.", remedy="Ask again.")


@asynccontextmanager
async def streamed(context: Answering, question: Asked) -> AsyncIterator[AsyncIterator[ChatChunk]]:
    """The answer in pieces; the block is entered once the question is known to be sound.

    Raises:
        TuneGateError: as `complete`.
    """
    async with _heard(context, question) as said:
        await anext(said)  # it began
        yield chunks(question, said)


def _model(context: Context, job_id: str, name: str | None) -> Answerable:
    model = chosen(answerables(*artifact(context, job_id)), name)
    if not context.answerers.running(model.folder, model.engine):
        require_intact(model)
    return model


@asynccontextmanager
async def _heard(context: Answering, question: Asked) -> AsyncIterator[AsyncIterator[Said]]:
    """What is said of a question; when the block ends before the answer does, the answer ends too."""
    loop = asyncio.get_running_loop()
    heard: asyncio.Queue[Said] = asyncio.Queue()

    def listen(said: Said) -> None:
        loop.call_soon_threadsafe(heard.put_nowait, said)

    process = await _ask(context, question, listen)
    try:
        first = await heard.get()
        if isinstance(first, Refused) and first.code == ENDED:
            # it went to rest while the question was on its way
            process = await _ask(context, question, listen)
            first = await heard.get()
        yield _until_answered(first, heard)
    finally:
        # not awaited: this block may be ending because it was cancelled
        loop.run_in_executor(None, process.cancel, question.chat.question.id)


async def _ask(context: Answering, question: Asked, listen: Listen) -> AnsweringProcess:
    def ask() -> AnsweringProcess:
        model, text = question.model, question.chat.question
        return context.answerers.ask(model.folder, model.engine, text, listen)

    return await anyio.to_thread.run_sync(ask, limiter=context.chatting)


async def _until_answered(first: Said, heard: asyncio.Queue[Said]) -> AsyncIterator[Said]:
    said = first
    while True:
        if isinstance(said, Refused):
            raise error_of(said)
        yield said
        if isinstance(said, Answered):
            return
        said = await heard.get()


def completion(question: Asked, answered: Answered) -> ChatCompletion:
    """An answer in OpenAI's shape."""
    calls = [_made(call) for call in answered.calls]
    message = AnswerMessage(
        content=None if calls and not answered.text else answered.text, tool_calls=calls or msgspec.UNSET
    )
    return ChatCompletion(
        id=answered.id,
        created=question.created,
        model=question.model.name,
        choices=[AnswerChoice(message, answered.finish_reason)],
        usage=_usage(answered),
        system_fingerprint=question.fingerprint,
        tunegate=question.source,
    )


async def chunks(question: Asked, said: AsyncIterator[Said]) -> AsyncIterator[ChatChunk]:
    """The same in pieces; calls come whole, after the text."""
    yield _chunk(question, Delta(role="assistant", content=""))
    async for one in said:
        if isinstance(one, Piece):
            yield _chunk(question, Delta(content=one.text))
        elif isinstance(one, Answered):
            calls = [msgspec.structs.replace(_made(call), index=index) for index, call in enumerate(one.calls)]
            if calls:
                yield _chunk(question, Delta(tool_calls=calls))
            yield _chunk(question, Delta(), one.finish_reason)
            if question.chat.usage:
                yield msgspec.structs.replace(_chunk(question, Delta()), choices=[], usage=_usage(one))


def _chunk(question: Asked, delta: Delta, finished: FinishReason | None = None) -> ChatChunk:
    return ChatChunk(
        id=question.chat.question.id,
        created=question.created,
        model=question.model.name,
        choices=[ChunkChoice(delta, finished)],
        usage=None if question.chat.usage else msgspec.UNSET,
        system_fingerprint=question.fingerprint,
        tunegate=question.source,
    )


def _made(call: CalledTool) -> MadeCall:
    arguments = msgspec.json.encode(call.arguments).decode()
    return MadeCall(new_id("", _CALL_ID_LENGTH), CalledFunction(call.name, arguments))


def _usage(answered: Answered) -> Usage:
    prompt, answer = answered.prompt_tokens, answered.completion_tokens
    return Usage(prompt, answer, prompt + answer)
