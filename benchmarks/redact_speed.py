"""CPU of `service.privacy.redaction` against the scan that it rests on, in one process: the ratio counts.

Run: python benchmarks/redact_speed.py [rows]. Chat rows of installed documentation with one system message, of which
one in twenty holds personal data. Absolute times mean nothing on a shared machine.
"""

from __future__ import annotations

import io
import json
import platform
import random
import sys
import time
from collections.abc import Callable
from statistics import median

from _corpora import texts

from service.privacy.fields import texts as texts_of
from service.privacy.redaction.copy import Copier
from service.privacy.redaction.map import Content, MapReader, MapWriter
from service.privacy.redaction.restore import SameFile
from service.verbs.redact import redactor_for
from service.verbs.redacting.options import RedactOptions, scan_of

PARTS = 3
SHARE = 20
HELD = ("mail ada@example.org", "my ssn is 536-90-4399", "card 4111 1111 1111 1111", "call 415-555-0132")


def rows(count: int) -> list[bytes]:
    """Chat rows, each text once but for the system message."""
    chance = random.Random(1)
    found = []
    for number, text in enumerate(texts(count * 600 / 1e6)[:count]):
        held = f" {chance.choice(HELD)}" if number % SHARE == 0 else ""
        contents = {"system": "You are a helpful assistant. Be brief.", "user": text[:400] + held, "assistant": "Yes."}
        messages = [{"role": role, "content": content} for role, content in contents.items()]
        found.append(json.dumps({"messages": messages}).encode() + b"\n")
    return found


def cpu_seconds(work: Callable[[], object]) -> float:
    """One pass, in CPU seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def scanned(part: list[bytes]) -> None:
    """Every text once, each with the words beside it, and nothing remembered."""
    scan = scan_of(RedactOptions())
    for row in part:
        for text in texts_of(json.loads(row)):
            scan(text.text, text.context)


def redacted(part: list[bytes], sink: io.BytesIO | None = None) -> bytes:
    """All rows as the verb does it."""
    writer = MapWriter(sink) if sink else None
    stream = io.BufferedReader(io.BytesIO(b"".join(part)))  # type: ignore[arg-type]
    made = b"".join(Copier(redactor_for(RedactOptions())).blocks(stream, "-", writer))
    if writer:
        writer.end(Content("", 0), Content("", 0))
    return made


def main() -> None:
    """Print the ratios with their conditions."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
    every = rows(count)
    scanned(every[:5])
    parts = [every[i::PARTS] for i in range(PARTS)]
    # scanned after it was redacted, so that neither always has the warm caches
    ratios = sorted(cpu_seconds(lambda part=part: redacted(part)) / cpu_seconds(lambda part=part: scanned(part))
                    for part in parts)  # fmt: skip
    sink = io.BytesIO()
    made = redacted(every, sink)
    sink.seek(0)
    back: list[bytes] = []
    stream = io.BufferedReader(io.BytesIO(made))  # type: ignore[arg-type]
    seconds = cpu_seconds(lambda: back.extend(SameFile(MapReader(sink, "map")).blocks(stream)))
    assert b"".join(back) == b"".join(every)
    assert made.count(b"_1>") >= len(every) // SHARE
    size = sum(map(len, every)) / 1e6
    print(f"redact speed: {len(every)} rows, {size:.1f} MB, one in {SHARE} with personal data;", end=" ")
    print(f"Python {platform.python_version()}, {platform.machine()}, median of {PARTS} parts")
    print(f"  redact   {median(ratios):.2f} x the scan of every text ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    print(f"  restore  {size / seconds:.0f} MB per CPU s")


if __name__ == "__main__":
    main()
