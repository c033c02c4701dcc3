"""CPU of `lint` against bare loops over the same lines, each ratio measured in one run.

Run: python benchmarks/lint_speed.py [MB]. The text is prose of the installed documentation, each sentence once; one row
in five hundred has a broken role. Absolute times mean nothing on a shared machine.
"""

from __future__ import annotations

import io
import json
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from _corpora import ranks, texts

from service.data import rule_files
from service.lint.fast import DECODER
from service.verbs.lint import LintInput, LintRequest, lint

SEED = 7
REPEATS = 5
SYSTEM = "Answer from the documentation of the library."


def corpus(megabytes: float) -> bytes:
    """Chats of a question and an answer, a kilobyte or two each."""
    chance = random.Random(SEED)
    chosen = texts(megabytes)
    lines = []
    for question, answer in zip(chosen[::2], chosen[1::2], strict=False):
        role = "assistant" if chance.random() > 0.002 else "Assistant"
        said = (("system", SYSTEM), ("user", question), (role, answer))
        row = {"messages": [{"role": who, "content": text} for who, text in said]}
        lines.append(json.dumps(row, ensure_ascii=chance.random() < 0.5).encode() + b"\n")
    return b"".join(lines)


def decode(raw: bytes) -> None:
    """The reference: one typed decode per line, errors ignored."""
    for line in raw.splitlines():
        try:
            DECODER.decode(line)
        except ValueError:
            continue


def count(raw: bytes) -> None:
    """The reference of counting: a loop over tiktoken's encode_ordinary."""
    from tiktoken import get_encoding

    encode = get_encoding("o200k_base").encode_ordinary
    for line in raw.splitlines():
        for message in json.loads(line)["messages"]:
            len(encode(message["content"]))


ROLES = {"system", "user", "assistant", "function"}
KEYS = {"role", "content", "name", "function_call", "weight"}


def checked_and_counted(path: Path, encoding: str) -> tuple[Counter[str], list[int]]:
    """What OpenAI's published notebook of data preparation does, written anew from its description.

    All rows are loaded with json.loads and held, one loop over them counts seven kinds of format errors, and another
    one the tokens: 3 of framing for each message and for the row, and tiktoken's `encode` of each text field.
    """
    from tiktoken import get_encoding

    with path.open(encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    errors: Counter[str] = Counter()
    for row in rows:
        errors.update(format_errors(row))
    encode = get_encoding(encoding).encode
    lengths = []
    for row in rows:
        tokens = 3
        for message in row["messages"]:
            tokens += 3 + sum(len(encode(text)) for text in message.values() if isinstance(text, str))
            tokens += "name" in message
        lengths.append(tokens)
    return errors, lengths


def format_errors(row: Any) -> Iterator[str]:
    """The kinds of errors of a row, each as often as it is there."""
    if not isinstance(row, dict):
        yield "data type"
        return
    messages = row.get("messages")
    if not messages:
        yield "no messages"
        return
    for message in messages:
        if "role" not in message or "content" not in message:
            yield "key missing"
        if any(key not in KEYS for key in message):
            yield "key unknown"
        if message.get("role") not in ROLES:
            yield "role unknown"
        content = message.get("content")
        if (not content and not message.get("function_call")) or not isinstance(content, str):
            yield "content missing"
    if not any(message.get("role") == "assistant" for message in messages):
        yield "no assistant"


def notebook(raw: bytes, folder: Path) -> None:
    """Ours against that way of checking, with its encoding and with that of today's models."""
    path = folder / "notebook.jsonl"
    path.write_bytes(raw)
    ours = cpu_seconds(lambda: linted(raw, "exact"), 2)
    for encoding in ("cl100k_base", "o200k_base"):
        checked_and_counted(path, encoding)
        theirs = cpu_seconds(lambda name=encoding: checked_and_counted(path, name), 2)
        print(
            f"  all checks, exact o200k    {ours / theirs:.2f} x our re-implementation of the cookbook's script", end=""
        )
        print(f" ({encoding}, seven checks)")


def cpu_seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """The best of several runs, in CPU seconds of this process."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def children_seconds(*command: str) -> float:
    """The best of several runs of a command, in CPU seconds of it and its children."""
    best = float("inf")
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def linted(raw: bytes, tokens: str) -> None:
    """One report."""
    request = LintRequest(inputs=[LintInput(None, "-")], target="azure-openai", tokens=tokens)  # type: ignore[arg-type]
    lint(request, rules=RULES, stdin=io.BytesIO(raw))


RULES = rule_files()


def commands(raw: bytes, folder: Path) -> None:
    """Start-up, and what several processes cost."""
    small, large = folder / "small.jsonl", folder / "large.jsonl"
    small.write_bytes(b"".join(raw.splitlines(keepends=True)[:100]))
    large.write_bytes(raw * max(1, round(100e6 / len(raw))))
    lint_ = (sys.executable, "-m", "service", "lint", "--target", "azure-openai", "--tokens", "off")
    bare = children_seconds(sys.executable, "-c", "import msgspec, argparse")
    start = children_seconds(*lint_, str(small))
    print(f"  small file, whole command  {start / bare:.1f} x `python -c 'import msgspec, argparse'` (goal 3)")
    one, two = (children_seconds(*lint_, str(large), "--workers", number) for number in ("1", "2"))
    print(f"  two workers                {two / one:.2f} x the CPU of one (goal 1.2)")


def main() -> None:
    """Print the ratios with their conditions."""
    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 8.0
    raw = corpus(megabytes)
    rows = raw.count(b"\n")
    print(f"lint speed: {len(raw) / 1e6:.1f} MB in {rows} rows of prose, each sentence once;", end=" ")
    print(f"Python {platform.python_version()}, {platform.machine()}, best of {REPEATS}")
    linted(raw[:300_000], "off")
    reference, ours = cpu_seconds(lambda: decode(raw)), cpu_seconds(lambda: linted(raw, "off"))
    print(f"  no tokens                  {ours / reference:.1f} x a typed decode of each line (goal 8)")
    with tempfile.TemporaryDirectory() as name:
        ranks(Path(name))
        linted(raw[:300_000], "exact")
        count(raw[:300_000].rpartition(b"\n")[0])
        theirs = cpu_seconds(lambda: count(raw), 2)
        exact = cpu_seconds(lambda: linted(raw, "exact"), 2)
        print(f"  exact o200k counts         {exact / theirs:.2f} x a loop over tiktoken (goal 0.4)")
        notebook(raw, Path(name))
        commands(raw, Path(name))


if __name__ == "__main__":
    main()
