"""A chat row as the vendors document it: one line of a fine-tuning dataset; schemas/chat-row.schema.json is made of it.

It says which shapes there are. What makes a row of a right shape a bad one (order, pairing, limits, text) is what the
checks of `tunegate lint` say; they read rows of any shape, so none of them rests on this one. Keys beyond these are
allowed: most targets drop them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Name = Annotated[str, msgspec.Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]


class TextPart(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    text: str


class OnlyText(msgspec.Struct, frozen=True):
    """A text part where no other kind may stand: a tag is asked for only where it chooses between structs."""

    type: Literal["text"]
    text: str


class ImageUrl(msgspec.Struct, frozen=True):
    """`url` is an address or a data URI with the image in base64."""

    url: str
    detail: Literal["auto", "low", "high"] = "auto"


class ImagePart(msgspec.Struct, frozen=True, tag_field="type", tag="image_url"):
    image_url: ImageUrl


class FunctionCall(msgspec.Struct, frozen=True):
    """`arguments` are JSON written as text."""

    name: Name
    arguments: str


class ToolCall(msgspec.Struct, frozen=True):
    id: str
    type: Literal["function"]
    function: FunctionCall


class SystemMessage(msgspec.Struct, frozen=True, tag_field="role", tag="system"):
    content: str | list[OnlyText]
    name: Name | None = None


class DeveloperMessage(msgspec.Struct, frozen=True, tag_field="role", tag="developer"):
    content: str | list[OnlyText]
    name: Name | None = None


class UserMessage(msgspec.Struct, frozen=True, tag_field="role", tag="user"):
    content: str | list[TextPart | ImagePart]
    name: Name | None = None


class AssistantMessage(msgspec.Struct, frozen=True, tag_field="role", tag="assistant"):
    """`weight` 0 leaves the message out of training, 1 trains it; content may be missing where a call stands for it."""

    content: str | list[OnlyText] | None = None
    name: Name | None = None
    weight: Literal[0, 1] | None = None
    tool_calls: Annotated[list[ToolCall], msgspec.Meta(min_length=1)] | None = None
    function_call: FunctionCall | None = None
    refusal: str | None = None


class ToolMessage(msgspec.Struct, frozen=True, tag_field="role", tag="tool"):
    """`tool_call_id` is the id of the call that this is the result of."""

    content: str | list[OnlyText]
    tool_call_id: str


class FunctionMessage(msgspec.Struct, frozen=True, tag_field="role", tag="function"):
    """The result of a `function_call`; superseded by tools."""

    content: str | None
    name: Name


class FunctionDeclaration(msgspec.Struct, frozen=True):
    """`parameters` are a JSON Schema."""

    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(msgspec.Struct, frozen=True):
    type: Literal["function"]
    function: FunctionDeclaration


Message = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage


class ChatRow(msgspec.Struct, frozen=True):
    """One line of a dataset for supervised fine-tuning."""

    messages: Annotated[list[Message], msgspec.Meta(min_length=1)]
    tools: list[Tool] | None = None
    parallel_tool_calls: bool | None = None
    functions: list[FunctionDeclaration] | None = None
