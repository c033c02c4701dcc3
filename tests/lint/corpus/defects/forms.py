"""Files that are sound in a form of their own: endings, packing, spelling of JSON."""

from __future__ import annotations

import gzip
import json

from defects.case import GOOD, jsonl

CLEAN = jsonl(GOOD)
# name of the form -> (name of the file, its bytes)
FORMS: dict[str, tuple[str, bytes]] = {
    "no line end at the end": ("train.jsonl", CLEAN.rstrip(b"\n")),
    "a blank line at the end": ("train.jsonl", CLEAN + b"\n"),
    "CRLF": ("train.jsonl", CLEAN.replace(b"\n", b"\r\n")),
    "gzip": ("train.jsonl.gz", gzip.compress(CLEAN)),
    "spaces around rows": ("train.jsonl", b"".join(b" " + row + b" \n" for row in CLEAN.splitlines())),
    "compact JSON": ("train.jsonl", b"".join(json.dumps(r, separators=(",", ":")).encode() + b"\n" for r in GOOD)),
    "ASCII escapes": ("train.jsonl", b"".join(json.dumps(r).encode() + b"\n" for r in GOOD)),
    "content before role": (
        "train.jsonl",
        jsonl({"messages": [dict(reversed(m.items())) for m in r["messages"]]} for r in GOOD),
    ),
    "slashes escaped": ("train.jsonl", CLEAN.replace(b"geography", b"geo\\/graphy")),
}
