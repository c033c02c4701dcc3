"""Fixes inside the text of messages: what is written is what is trained on, so all of them are unsafe."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from itertools import zip_longest

from service.lint.check import Row
from service.lint.every_text import every_text
from service.lint.fixes.fix import RowFix
from service.lint.patterns import CODE, MARKUP, MOJIBAKE, apart, template_tokens, visible
from service.lint.shape import PLAIN_TEXT, shape_of

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
# what UTF-8 read as Windows-1252 looks like; five bytes have no letter there and are read as Latin-1
_CP1252 = bytes(range(0x80, 0x100)).decode("cp1252", "ignore")
_WRONGLY_READ = re.compile(f"[{re.escape(_CP1252)}\x80-\x9f]{{2,}}")
_BREAK = re.compile(r"<br\s*/?>|</(?:p|div|li|tr|h[1-6])>", re.IGNORECASE)
_ROUNDS = 8


def _rewritten(row: Row, rewrite: Callable[[str], str]) -> Iterator[str]:
    """Rewrite what messages say; a text that would be empty, or hold a template token that it did not have, stays."""
    for i, message in row.messages:
        content = message.get("content")
        if isinstance(content, str):
            message["content"] = _checked(content, rewrite)
            if message["content"] != content:
                yield f"/messages/{i}/content"
        for j, part in enumerate(content if isinstance(content, list) else []):
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                before, part["text"] = part["text"], _checked(part["text"], rewrite)
                if part["text"] != before:
                    yield f"/messages/{i}/content/{j}/text"


def _checked(text: str, rewrite: Callable[[str], str]) -> str:
    new = rewrite(text)
    worse = len(template_tokens(new)) > len(template_tokens(text))
    return text if worse or (text.strip() and not new.strip()) else new


def _everywhere(row: Row, rewrite: Callable[[str], str]) -> Iterator[str]:
    """The same for every text that the rules of safety read."""
    for one in every_text(row):
        before = one.text
        one.holder[one.key] = _checked(before, rewrite)
        if one.text != before:
            yield one.place


def control_characters(row: Row) -> Iterator[str]:
    yield from _rewritten(row, lambda text: _CONTROL.sub("", text))


def invisible(row: Row) -> Iterator[str]:
    yield from _everywhere(row, visible)


def special_tokens(row: Row) -> Iterator[str]:
    """A space behind the first bracket: the words stay readable and no tokenizer takes them for a marker."""
    if shape_of(row.data) != PLAIN_TEXT:
        yield from _everywhere(row, apart)


def mojibake(row: Row) -> Iterator[str]:
    yield from _rewritten(row, lambda text: _settled(text, lambda one: _WRONGLY_READ.sub(_read_again, one)))


def _read_again(found: re.Match[str]) -> str:
    """The letters that these bytes are in UTF-8, or what stood there."""
    if not MOJIBAKE.search(found[0]):
        return found[0]
    try:
        return b"".join(_byte(letter) for letter in found[0]).decode()
    except UnicodeError:
        return found[0]


def _byte(letter: str) -> bytes:
    try:
        return letter.encode("cp1252")
    except UnicodeEncodeError:
        return letter.encode("latin-1")


def markup(row: Row) -> Iterator[str]:
    yield from _rewritten(row, lambda text: _settled(text, _without_markup))


def _without_markup(text: str) -> str:
    """Outside of code, which stands where it stood."""
    code = CODE.findall(text)
    return "".join(map("".join, zip_longest(map(_plain, CODE.split(text)), code, fillvalue="")))


def _plain(text: str) -> str:
    return MARKUP.sub(lambda found: html.unescape(found[0]) if found[0][0] == "&" else "", _BREAK.sub("\n", text))


def _settled(text: str, rewrite: Callable[[str], str]) -> str:
    """Damage may lie over damage: rewrite until nothing changes."""
    for _ in range(_ROUNDS):
        new = rewrite(text)
        if new == text:
            break
        text = new
    return text


UNSAFE = (
    RowFix("F016", "removed the control characters", control_characters),
    RowFix("S021", "removed the invisible characters", invisible),
    RowFix("Q024", "read the text in its right encoding", mojibake),
    RowFix("Q025", "removed the markup", markup),
    RowFix("S010", "put a space into the template token", special_tokens),
)
