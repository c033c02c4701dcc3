r"""F022 An unknown key beside messages.

## What it finds
A top-level key that chat fine-tuning does not know. One key is known here: `"_tunegate": {"ignore": ["R030", "Q0"]}`,
or the bare list, says that this row's findings of these rules are meant; they are counted as suppressed. Where its
value is anything else, or an id starts no rule on rows, it takes nothing back and is a finding.

## Why it matters
Some services reject the file; none uses the key. That is true of `_tunegate` too: a service that refuses unknown keys
refuses it, so keep it in the file that you work on and take it out of the file that you upload. The trainers that come
with tunegate read only messages and tools.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}], "note": 1}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
Safe: no trainer reads the key. Keys that some do (images, chat_template_kwargs and the like) and `_tunegate` stay.

## References
together
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, Hit, Row
from service.lint.shape import TOP_KEYS, pointer
from service.lint.suppression import KEY, problems


def find(row: Row) -> Iterator[Hit]:
    if "messages" not in row.data:
        return
    for key in row.data:
        if key == KEY:
            yield from (Hit(why, pointer=f"/{KEY}{place}") for place, why in problems(row.data[KEY]))
        elif key not in TOP_KEYS and key.strip().lower() not in TOP_KEYS:
            yield Hit("unknown top-level key", pointer=pointer(key))


CHECK = Check(code="F022", scope="row", severity="WWWI", find=find, fix="safe", methods=("sft",), needs=("top-key",))
