"""Tool calls in OpenAI's shape, whole and in pieces, as its client's own types read them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from service.artifacts.answerable import Answerable
from service.records.manifest import Chain, Evaluation, Manifest
from service.verbs.chat import Asked, chunks, completion
from service.verbs.chat_request import chat_question
from trainers.answers import Answered, CalledTool, Piece, Said

ARGUMENTS = {"place": "map room", "floor": 2}
BODY = {"messages": [{"role": "user", "content": "where?", "refusal": None, "annotations": []}], "stop": "."}
WHOLE = Answered(
    id="q", text="Let me look.", calls=[CalledTool("find", ARGUMENTS)] * 2, finish_reason="tool_calls",
    prompt_tokens=3, completion_tokens=4, seconds=1.0,
)  # fmt: skip


def asked(**more: Any) -> Asked:
    chain = Chain(None, None, None, plan="p", job="j")
    manifest = Manifest(id="m" * 64, chain=chain, files=[], onnx=[], evaluation=Evaluation(None, None))
    model = Answerable(name="int4", folder=Path(), engine="onnxruntime", why="it differs", manifest=manifest)
    return Asked(chat_question(json.dumps(BODY | more).encode(), job_id="j"), model, 1)


def test_a_whole_answer_with_calls() -> None:
    read = ChatCompletion.model_validate(json.loads(msgspec.json.encode(completion(asked(), WHOLE))))
    message = read.choices[0].message
    assert (message.content, read.choices[0].finish_reason) == ("Let me look.", "tool_calls")
    assert message.tool_calls is not None
    calls: list[Any] = list(message.tool_calls)
    assert [json.loads(call.function.arguments) for call in calls] == [ARGUMENTS] * 2
    assert [call.function.name for call in calls] == ["find"] * 2
    assert len({call.id for call in calls}) == 2
    assert all(len(call.id) == 9 and call.id.isalnum() for call in calls)
    alone = completion(asked(), msgspec.structs.replace(WHOLE, text=""))
    assert alone.choices[0].message.content is None
    assert alone.tunegate.why == "it differs"


def test_the_same_in_pieces() -> None:
    async def said() -> AsyncIterator[Said]:
        for one in (Piece("q", "Let me"), Piece("q", " look."), WHOLE):
            yield one

    async def heard() -> list[Any]:
        question = asked(stream=True, stream_options={"include_usage": True})
        encoded = [json.loads(msgspec.json.encode(one)) async for one in chunks(question, said())]
        return [ChatCompletionChunk.model_validate(one) for one in encoded]

    read = asyncio.run(heard())
    assert "".join(one.choices[0].delta.content or "" for one in read[:-1]) == "Let me look."
    (calls,) = [one.choices[0].delta.tool_calls for one in read[:-1] if one.choices[0].delta.tool_calls]
    assert [(call.index, call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        (0, "find", ARGUMENTS), (1, "find", ARGUMENTS),
    ]  # fmt: skip
    assert [one.choices[0].finish_reason for one in read[:-1]][-1] == "tool_calls"
    assert read[-1].usage.total_tokens == 7


def test_a_question_keeps_what_a_chat_row_has() -> None:
    question = asked(tools=[{"type": "function", "function": {"name": "find", "parameters": {}}}], seed=None).chat
    assert question.question.messages == [{"role": "user", "content": "where?"}]
    assert question.question.stop == ["."]
    assert question.question.tools is not None
    assert question.question.tools[0]["function"]["name"] == "find"
    assert question.model is None
