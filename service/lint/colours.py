"""The colour mode of an image from its first bytes, without an image library."""

from __future__ import annotations

import binascii
from collections.abc import Iterator

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_MODES = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGBA"}
# a JPEG of three components is YCbCr, which every decoder gives as RGB
_JPEG_MODES = {1: "grey", 3: "RGB", 4: "CMYK"}
# start-of-frame markers; C4, C8 and CC are other segments
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# photos carry previews and profiles in front of the frame; what lies further back is not looked for
_HEAD_CHARACTERS = 1 << 18


def colour_mode(encoded: str) -> str | None:
    """The mode of a base64 image: RGB, RGBA, grey, grey with alpha, palette or CMYK; None if it cannot be told."""
    head = encoded[:_HEAD_CHARACTERS]
    try:
        raw = binascii.a2b_base64(head[: len(head) // 4 * 4])
    except (binascii.Error, ValueError):
        return None
    if raw.startswith(_PNG) and raw[12:16] == b"IHDR" and len(raw) > 25:
        return _PNG_MODES.get(raw[25])
    if raw.startswith(b"\xff\xd8"):
        return next((_JPEG_MODES.get(raw[at + 9]) for at in _frames(raw)), None)
    return "RGB" if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP" else None


def _frames(raw: bytes) -> Iterator[int]:
    """Where a frame header begins, if the head holds one."""
    at = 2
    while at + 9 < len(raw) and raw[at] == 0xFF:
        if raw[at + 1] in _FRAMES:
            yield at
            return
        at += 2 + int.from_bytes(raw[at + 2 : at + 4], "big")
