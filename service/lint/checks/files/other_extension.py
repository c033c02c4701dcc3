r"""F007 The file is not called .jsonl.

## What it finds
A name without .jsonl (before .gz or .zst); Parquet is read here, but no hosted service takes it.

## Why it matters
Portals filter and detect by the name.

## Example
(a file called data.json)

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-skills
"""

from __future__ import annotations

from collections.abc import Iterator

from service.lint.check import Check, FileFacts, Hit

_TABLES = (".csv", ".tsv")


def find(facts: FileFacts) -> Iterator[Hit]:
    name = facts.name.removesuffix(".gz").removesuffix(".zst")
    if name != "-" and not name.endswith(".jsonl"):
        hint = "; tunegate convert makes JSONL of a table" if name.endswith(_TABLES) else ""
        yield Hit(f"the name does not end in .jsonl{hint}")


CHECK = Check(code="F007", scope="file", severity="WWWI", find=find)
