"""What of a row a check reads: the row, or of preference data its input and the messages of its outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from service.lint.check import Row
from service.lint.shape import implicit_prompt, outputs

# checks of files and of preference rows read the whole row, the others its conversation
_OF_WHOLE_ROWS = "FD"
# what is wrong with a message wherever it stands; the order of turns is a matter of the input
_OF_MESSAGES = frozenset((
    "R006", "R020", "R021", "R022", "R024", "R025", "R026", "T010", "T011", "T012", "T013", "T014", "T015", "T016",
    "T027", "M001", "M002", "M003", "Q021", "Q022", "Q023", "Q024", "Q025", "Q026", "S010", "S012", "S021", "S022",
))  # fmt: skip
# an answer that is not preferred may be bad on purpose
_OF_QUALITY = ("Q", "S012")
_MESSAGES = "/messages"


class View(NamedTuple):
    """A row to look at; `messages` is where its messages stand in the whole row, `place` where it stands itself."""

    row: Row
    place: str = ""
    messages: str = _MESSAGES

    def pointer(self, inner: str | None) -> str | None:
        """A JSON Pointer into the whole row."""
        if inner is not None and inner.startswith(_MESSAGES):
            return self.messages + inner.removeprefix(_MESSAGES)
        return f"{self.place}{inner}" if inner else self.place or inner


def views(code: str, data: dict[str, Any], method: str, row: Callable[[dict[str, Any]], Row]) -> Iterator[View]:
    """The rows that a check looks at; `row` makes one of an object. Changing a message there changes it here."""
    asked = _asked(data) if method == "dpo" and code[0] not in _OF_WHOLE_ROWS else None
    if asked is None:
        yield View(row(data))
        return
    inner, place, messages = asked
    if code not in _OF_MESSAGES or messages != "/chosen":
        yield View(row(inner), place, messages)
    if code in _OF_MESSAGES:
        tools = {key: inner[key] for key in ("tools",) if key in inner}
        for number, (key, output) in enumerate(outputs(Row(data))):
            if number == 0 or not code.startswith(_OF_QUALITY):
                yield View(row({"messages": output, **tools}), "", f"/{key}")


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
