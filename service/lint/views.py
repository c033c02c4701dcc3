"""What of a row a check reads: the row, or of preference data its input and the messages of its outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from service.lint.check import OF_WHOLE_ROWS, Row
from service.lint.shape import implicit_prompt, outputs

# what is wrong with a message wherever it stands; the order of turns is a matter of the input
_OF_MESSAGES = frozenset((
    "R006", "R020", "R021", "R022", "R024", "R025", "R026", "T010", "T011", "T012", "T013", "T014", "T015", "T016",
    "T027", "M001", "M002", "M003", "Q021", "Q022", "Q023", "Q024", "Q025", "Q026",
))  # fmt: skip
# an answer that is not preferred may be bad on purpose
_OF_QUALITY = "Q"
_MESSAGES = "/messages"
Part = Literal["all", "row", "input", "preferred", "other"]


class View(NamedTuple):
    """A row to look at; `messages` is where its messages stand in the whole row, `place` where it stands itself.

    `of` says what of preference data it is; anything else is one whole row.
    """

    row: Row
    of: Part = "all"
    place: str = ""
    messages: str = _MESSAGES

    @property
    def whole(self) -> bool:
        """Whether places in it are places in the row."""
        return self.of in ("all", "row")

    def takes(self, code: str) -> bool:
        """Whether the rule is about this part."""
        if self.of == "all" or code[0] in OF_WHOLE_ROWS:
            return self.whole
        if self.of == "input":
            return code not in _OF_MESSAGES or self.messages != "/chosen"
        return code in _OF_MESSAGES and (self.of == "preferred" or (self.of == "other" and code[0] != _OF_QUALITY))

    def pointer(self, inner: str | None) -> str | None:
        """A JSON Pointer into the whole row."""
        if inner is not None and inner.startswith(_MESSAGES):
            return self.messages + inner.removeprefix(_MESSAGES)
        return f"{self.place}{inner}" if inner else self.place or inner


def views(data: dict[str, Any], method: str, row: Callable[[dict[str, Any]], Row]) -> list[View]:
    """The rows that checks look at; `row` makes one of an object. Changing a message there changes it here."""
    asked = _asked(data) if method == "dpo" else None
    if asked is None:
        return [View(row(data))]
    inner, place, messages = asked
    tools = {"tools": inner["tools"]} if "tools" in inner else {}
    parts: tuple[Part, Part] = ("preferred", "other")
    return [
        View(row(data), "row"),
        View(row(inner), "input", place, messages),
        *(
            View(row({"messages": output, **tools}), part, "", f"/{key}")
            for part, (key, output) in zip(parts, outputs(Row(data)), strict=False)
        ),
    ]


def _asked(data: dict[str, Any]) -> tuple[dict[str, Any], str, str] | None:
    """(input, where it stands, where its messages stand) of preference data with messages."""
    inner = data.get("input")
    if isinstance(inner, dict):
        return inner, "/input", "/input/messages"
    tools = {key: data[key] for key in ("tools",) if key in data}
    if isinstance(data.get("prompt"), list):
        return {"messages": data["prompt"], **tools}, "", "/prompt"
    shared = implicit_prompt(data)
    return ({"messages": data["chosen"][:shared], **tools}, "", "/chosen") if shared else None
