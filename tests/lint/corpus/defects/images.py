"""Parts of messages and images."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

from defects.case import Case, Row, bot, chat, row_case, user

HOSTED = "EEEWWW"
# content is text in other rows and parts in these, which Arrow may not take
ARROW = "F025"
SITE = "https://example.com/{}.png"


def png(colour: int = 2) -> bytes:
    """One pixel; colour 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixel = zlib.compress(b"\0" + b"\x7f" * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour])
    palette = chunk(b"PLTE", b"\x7f\x7f\x7f") if colour == 3 else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, colour, 0, 0, 0))
        + palette
        + chunk(b"IDAT", pixel)
        + chunk(b"IEND", b"")
    )


def data_uri(raw: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(raw).decode()}"


def image(url: Any = "https://example.com/map.png", **more: Any) -> Row:
    return {"type": "image_url", "image_url": {"url": url, **more}}


TEXT = {"type": "text", "text": "Which river is this?"}
PLAIN = chat(user([TEXT, image()]), bot())
WHERE = "/messages/1/content/1"


def case(
    name: str, rule: str, grades: str, part: Any, key: str = "", also: str = "", good: Row = PLAIN, **more: Any
) -> Case:
    return row_case(name, rule, grades, chat(user([TEXT, part]), bot()), good, WHERE + key, f"{also} {ARROW}", **more)


INLINE = chat(user([TEXT, image(data_uri(png()))]), bot())
CASES = [
    case("part without type", "M001", HOSTED, {"text": "Which river?"}),
    case(
        "part of unknown type",
        "M001",
        HOSTED,
        {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}},
    ),
    case("audio part", "M001", HOSTED, {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}),
    case("part is a string", "M001", HOSTED, "Which river?"),
    case("text part without text", "M001", HOSTED, {"type": "text"}),
    case("image_url a string", "M002", HOSTED, {"type": "image_url", "image_url": SITE.format("map")}, "/image_url"),
    case("image_url without url", "M002", HOSTED, {"type": "image_url", "image_url": {"detail": "low"}}, "/image_url"),
    case("image_url missing", "M002", HOSTED, {"type": "image_url"}, "/image_url"),
    case("url a number", "M002", HOSTED, image(5), "/image_url"),
    case("url empty", "M002", HOSTED, image(""), "/image_url", "M008"),
    row_case(
        "image from the assistant",
        "M003",
        HOSTED,
        chat(user(), bot([{"type": "text", "text": "Here."}, image()])),
        PLAIN,
        "/messages/2/content/1",
        ARROW,
    ),
    row_case(
        "image from the system",
        "M003",
        HOSTED,
        {"messages": [{"role": "system", "content": [{"type": "text", "text": "Look."}, image()]}, user(), bot()]},
        PLAIN,
        "/messages/0/content/1",
        f"Q011 {ARROW}",
    ),
    row_case(
        "65 images",
        "M004",
        "EE----",
        chat(user([image(SITE.format(i)) for i in range(65)]), bot()),
        chat(user([image(SITE.format(i)) for i in range(10)]), bot()),
        "/messages",
        ARROW,
    ),
    case(
        "image over 10 MB",
        "M006",
        "E",
        image(data_uri(png() + b"\0" * (10 * 2**20 + 1))),
        good=INLINE,
        targets=("azure-openai",),
    ),
    case("gif", "M007", HOSTED, image(data_uri(b"GIF89a\1\0\1\0\0\0\0;", "image/gif")), good=INLINE),
    case("svg", "M007", HOSTED, image(data_uri(b"<svg/>", "image/svg+xml")), good=INLINE),
    case("bytes of another kind", "M007", HOSTED, image(data_uri(png(), "image/jpeg")), good=INLINE),
    case("broken base64", "M007", HOSTED, image("data:image/png;base64,@@@@"), good=INLINE),
    case(
        "base64 without its data: start",
        "M008",
        "WWWIII",
        image(base64.b64encode(png()).decode()),
        good=INLINE,
    ),
    case("local path", "M008", "WWWIII", image("C:\\maps\\elbe.png")),
    case("file url", "M008", "WWWIII", image("file:///maps/elbe.png")),
    case("http url", "M008", "WWWIII", image("http://example.com/a.png")),
    case("private host", "M008", "WWWIII", image("https://10.0.0.5/a.png")),
    case("localhost", "M008", "WWWIII", image("https://localhost:8000/a.png")),
    case("grey image", "M009", "WW----", image(data_uri(png(0))), good=INLINE),
    case("palette image", "M009", "WW----", image(data_uri(png(3))), good=INLINE),
    case("detail medium", "M010", "EE----", image(detail="medium"), "/image_url/detail"),
    row_case("text-only model", "M011", "EEEEEE", PLAIN, chat(user(), bot()), "/messages", ARROW, model="gpt-4.1-nano"),
    row_case("empty list of parts", "R022", "EEEEEE", chat(user(), bot([])), PLAIN, "/messages/2/content", ARROW),
    row_case(
        "empty list of parts from user", "R023", "WWWWWW", chat(user([]), bot()), PLAIN, "/messages/1/content", ARROW
    ),
]
