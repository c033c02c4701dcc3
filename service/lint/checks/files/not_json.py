r"""F008 The line is not JSON.

## What it finds
A line that no other rule explains and that is not JSON.

## Why it matters
The service stops at it, often without naming the line.

## Example
{"messages": [

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
openai-cookbook
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.lint.check import Check, Hit, Line

_PLAINLY = {"Input data was truncated": "the line ends before all that it opens is closed"}
# what a line looks like -> what to do
_HINTS = (
    (re.compile(rb"\A(?:<{7}|={7}|>{7})"), "; a merge left its marker here: settle the conflict"),
    (re.compile(rb"\A(?://|#|/\*)"), "; JSON has no comments: leave the line out"),
    (re.compile(rb"\A<"), "; it looks like HTML: was a page of an error saved as data?"),
    (re.compile(rb"\A\{\s*'"), "; write keys and texts in double quotes, as json.dumps does"),
    (re.compile(rb"\A\{\s*[A-Za-z_]"), "; write keys in double quotes"),
    (re.compile(rb"\A\{\s*\xe2\x80[\x9c\x9d]"), "; write keys and texts in straight double quotes"),
    (re.compile(rb"[:,\[]\s*(?:None|True|False)\s*[,}\]]"), "; JSON writes null, true and false"),
    (re.compile(rb"[\x00-\x08\x09\x0b-\x1f]"), "; write control characters in texts as escapes: \\t, \\n"),
    (re.compile(rb",\s*[}\]]"), "; leave the comma before a closing bracket out"),
    (re.compile(rb'\A(?!\{)[^"]'), "; a line is one JSON object, from { to }"),
)


def find(line: Line) -> Iterator[Hit]:
    if line.error is not None:
        text = line.raw.strip()
        hint = next((said for looks, said in _HINTS if looks.search(text)), "")
        yield Hit(f"not JSON: {_PLAINLY.get(line.error, line.error)}{hint}")


CHECK = Check(code="F008", scope="line", severity="EEEE", find=find, fallback=True, needs=("no-row",))
