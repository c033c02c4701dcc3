"""A row with a different value in every place that is scanned, and where each must be found."""

from __future__ import annotations

import json
from typing import Any

CARD = "4026 0071 2345 6789"
IBAN = "DE75512108001245126199"


def mail(number: int) -> str:
    """Unusual enough to be looked for in anything that was written."""
    return f"zq{number:02}vexil@harrowgate-mill.com"


PLACES = {
    "/messages/0/content": 1,
    "/messages/1/name": 2,
    "/messages/1/content/0/text": 3,
    "/messages/1/content/1/image_url/url": 4,
    "/messages/2/content": 5,
    "/messages/2/refusal": 6,
    "/messages/2/tool_calls/0/function/arguments": 7,
    "/messages/3/content": 10,
    "/messages/4/content": 11,
    "/tools/0/function/description": 12,
    "/tools/0/function/parameters/properties/to/description": 13,
    "/tools/0/function/parameters/properties/to/enum/0": 14,
    "/metadata/owner": 15,
    "/metadata": 16,
}
# in one string of arguments: two values of one object, and a key
IN_ARGUMENTS = (7, 8, 9)
VALUES = [mail(number) for number in range(1, 17)]


def row() -> dict[str, Any]:
    # escapes of JSON in JSON hide a value from whoever reads the raw line
    escaped = mail(7).replace("@", "\\u0040")
    arguments = f'{{"to": "{escaped}", "note": "a\\n{mail(8)}", "{mail(9)}": 1}}'
    call = {"id": "call_1", "type": "function", "function": {"name": "send", "arguments": arguments}}
    schema = {"to": {"type": "string", "description": f"Not {mail(13)}.", "enum": [mail(14)]}}
    picture = {"type": "image_url", "image_url": {"url": f"https://{mail(4)}/p.png"}}
    return {
        "messages": [
            {"role": "system", "content": f"You are {mail(1)}."},
            {"role": "user", "name": mail(2), "content": [{"type": "text", "text": f"Ask {mail(3)}."}, picture]},
            {"role": "assistant", "content": f"Yes, {mail(5)}.", "refusal": mail(6), "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": json.dumps({"from": mail(10)})},
            {"role": "assistant", "content": f"Done: {mail(11)}."},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "send",
                    "description": f"Sends to {mail(12)}.",
                    "parameters": {"type": "object", "properties": schema},
                },
            }
        ],
        "metadata": {"owner": mail(15), mail(16): "x"},
    }


def leaks(content: str | bytes) -> list[str]:
    """The planted values, or their unusual half, that something holds."""
    text = content if isinstance(content, str) else content.decode("utf-8", "replace")
    known = [value.partition("@")[0] for value in VALUES] + [CARD, CARD.replace(" ", ""), IBAN, "harrowgate"]
    return [value for value in known if value in text]
