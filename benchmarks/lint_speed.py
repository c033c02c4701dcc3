"""CPU of `lint` against bare loops over the same lines, each ratio measured in one run.

Run: python benchmarks/lint_speed.py [MB]. The text is prose of the installed documentation, each sentence once; one row
in five hundred has a broken role. The rows of calls ask a declared tool, get its result and answer. Absolute times mean
nothing on a shared machine, so what is compared is run by turns.
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
from statistics import median
from typing import Any

import msgspec
from _corpora import ranks, texts

from service.data import rule_files
from service.lint.fast import DECODER
from service.verbs.lint import LintInput, LintRequest, lint

SEED = 7
REPEATS = 5
STARTS = 21
TOOLS = ("search_pages", "read_page", "list_versions", "open_issue")
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


class Function(msgspec.Struct):
    """A call's function, its arguments as JSON text."""

    name: str
    arguments: str


class Call(msgspec.Struct):
    """What a model asks a tool."""

    id: str
    type: str
    function: Function


class Message(msgspec.Struct):
    """A message of a row with calls."""

    role: str
    content: str | None = None
    tool_calls: list[Call] = []
    tool_call_id: str | None = None


class Called(msgspec.Struct):
    """A row with calls, its declared tools as they are."""

    messages: list[Message]
    tools: list[dict[str, Any]]


CALLED = msgspec.json.Decoder(Called)


def corpus_of_calls(megabytes: float) -> bytes:
    """Chats in which the assistant calls one of a few tools before it answers."""
    chance = random.Random(SEED)
    chosen = texts(megabytes)
    lines = []
    for number, (question, answer) in enumerate(zip(chosen[::2], chosen[1::2], strict=False)):
        tools = [tool(name) for name in TOOLS[: chance.randint(1, len(TOOLS))]]
        arguments = json.dumps({"query": question[:40], "limit": chance.randint(1, 9)})
        call = {"id": f"call_{number}", "type": "function", "function": {"name": TOOLS[0], "arguments": arguments}}
        said = [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": question},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": json.dumps({"result": answer[:200]})},
            {"role": "assistant", "content": answer},
        ]
        lines.append(json.dumps({"messages": said, "tools": tools}, ensure_ascii=chance.random() < 0.5).encode())
    return b"\n".join(lines) + b"\n"


def tool(name: str) -> dict[str, Any]:
    """The declaration of a tool."""
    properties = {"query": {"type": "string", "description": "What is looked for."}, "limit": {"type": "integer"}}
    parameters = {"type": "object", "properties": properties, "required": ["query"]}
    described = {"name": name, "description": "Looks something up.", "parameters": parameters}
    return {"type": "function", "function": described}


def decode(raw: bytes, decoder: msgspec.json.Decoder[Any] = DECODER) -> None:
    """The reference: one typed decode per line, errors ignored."""
    for line in raw.splitlines():
        try:
            decoder.decode(line)
        except ValueError:
            continue


def count(raw: bytes) -> None:
    """The reference of counting: a loop over tiktoken's encode_ordinary."""
    from tiktoken import get_encoding

    encode = get_encoding("o200k_base").encode_ordinary
    for line in raw.splitlines():
        for message in json.loads(line)["messages"]:
            len(encode(message["content"]))


def ratio(ours: Callable[[], object], reference: Callable[[], object], repeats: int = REPEATS) -> float:
    """The best of several runs by turns, in CPU of this process."""
    times = [(cpu_seconds(ours), cpu_seconds(reference)) for _ in range(repeats)]
    return min(mine for mine, _ in times) / min(theirs for _, theirs in times)


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


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
    for encoding in ("cl100k_base", "o200k_base"):
        checked_and_counted(path, encoding)
        share = ratio(lambda: linted(raw, "exact"), lambda name=encoding: checked_and_counted(path, name), 2)
        print(f"  all checks, exact o200k    {share:.2f} x the cookbook's script written anew ({encoding})")


def children_seconds(*command: str) -> float:
    """CPU seconds, user and system, of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def linted(raw: bytes, tokens: str) -> None:
    """One report."""
    request = LintRequest(inputs=[LintInput(None, "-")], target="azure-openai", tokens=tokens)  # type: ignore[arg-type]
    lint(request, rules=RULES, stdin=io.BytesIO(raw))


RULES = rule_files()


# what the scan for personal data costs is the matter of privacy_lint_speed.py
LINT = (sys.executable, "-m", "service", "lint", "--target", "azure-openai", "--tokens", "off", "--privacy", "off")
BARE = (sys.executable, "-c", "import msgspec, argparse")


def start_up(rows: dict[str, list[bytes]], folder: Path) -> None:
    """A whole command on a small file of each kind of rows."""
    for name, lines in rows.items():
        path = folder / f"{name.replace(' ', '-')}.jsonl"
        path.write_bytes(b"".join(lines))
        # the first run writes the bytecode
        children_seconds(*LINT, str(path))
        times = [(children_seconds(*LINT, str(path)), children_seconds(*BARE)) for _ in range(STARTS)]
        share = median(mine for mine, _ in times) / median(theirs for _, theirs in times)
        print(f"  {name:<26} {share:.1f} x `python -c '{BARE[-1]}'`, medians of {STARTS} (goal 3)")


def workers(raw: bytes, folder: Path) -> None:
    """What several processes cost."""
    large = folder / "large.jsonl"
    large.write_bytes(raw * max(1, round(100e6 / len(raw))))
    one, two = (
        min(children_seconds(*LINT, str(large), "--workers", number) for _ in range(REPEATS)) for number in ("1", "2")
    )
    print(f"  two workers                {two / one:.2f} x the CPU of one (goal 1.2)")


def main() -> None:
    """Print the ratios with their conditions."""
    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 8.0
    raw = corpus(megabytes)
    rows = raw.count(b"\n")
    print(f"lint speed: {len(raw) / 1e6:.1f} MB in {rows} rows of prose, each sentence once;", end=" ")
    print(f"Python {platform.python_version()}, {platform.machine()}, best of {REPEATS}")
    linted(raw[:300_000], "off")
    plain = ratio(lambda: linted(raw, "off"), lambda: decode(raw))
    print(f"  no tokens                  {plain:.1f} x a typed decode of each line (goal 8)")
    calls = corpus_of_calls(megabytes / 2)
    linted(calls[:300_000], "off")
    of_calls = ratio(lambda: linted(calls, "off"), lambda: decode(calls, CALLED))
    print(f"  rows of calls, no tokens   {of_calls:.1f} x a typed decode of each line, {len(calls) / 1e6:.1f} MB")
    with tempfile.TemporaryDirectory() as name:
        ranks(Path(name))
        linted(raw[:300_000], "exact")
        count(raw[:300_000].rpartition(b"\n")[0])
        exact = ratio(lambda: linted(raw, "exact"), lambda: count(raw))
        print(f"  exact o200k counts         {exact:.2f} x a loop over tiktoken (goal 0.4)")
        notebook(raw, Path(name))
        lines = raw.splitlines(keepends=True)[:100]
        plain_lines = [line.replace(b'"Assistant"', b'"assistant"') for line in lines]
        wrong = [*plain_lines[:-1], plain_lines[-1].replace(b'"assistant"', b'"Assistant"')]
        called = calls.splitlines(keepends=True)[:100]
        start_up({"a small plain file": plain_lines, "one row not plain": wrong, "rows of calls": called}, Path(name))
        workers(raw, Path(name))


if __name__ == "__main__":
    main()
