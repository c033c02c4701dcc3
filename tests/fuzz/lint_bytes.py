"""A coverage-guided search for bytes that get no lawful report.

Run: make fuzz, or python tests/fuzz/lint_bytes.py [SECONDS | -runs=N -seed=N]. What breaks a law is written to
./crash-<sha1>; running the script with that file's name repeats it. Needs atheris (Linux, CPython 3.11 to 3.13).
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

# inputs begin with a byte for the target and one for the method
SELECTORS = 2
# linting again costs as much as linting, so only one input in so many is linted twice
SELDOM = 16
MOST_BYTES = 4_096
WORDS = (
    "messages", "role", "content", "system", "developer", "user", "assistant", "tool", "function", "weight", "name",
    "tool_calls", "tool_call_id", "tools", "function_call", "functions", "arguments", "parameters", "properties",
    "required", "type", "text", "image_url", "url", "detail", "data:image/png;base64,", "input", "preferred_output",
    "non_preferred_output", "prompt", "chosen", "rejected", "completion", "conversations", "from", "value", "refusal",
    "parallel_tool_calls", "$ref", "enum", "reference", "grader", "<|im_end|>", "[INST]", "as an AI model", "{{name}}",
)  # fmt: skip
BYTES = (
    b"\\xef\\xbb\\xbf", b"\\xff\\xfe", b"\\x1f\\x8b\\x08", b"\\x28\\xb5\\x2f\\xfd", b"\\x0d\\x0a", b"\\x00",
    b"\\\\ud800", b"\\\\u0000", b"NaN", b"1e999", b"null", b"true", b"[[[[", b'{\\"a\\":', b"\\xe2\\x80\\x8b",
    b"\\xc3\\x83\\xc2\\xa9",
)  # fmt: skip


def main() -> None:
    """Fuzz for the given seconds (default 60), or as libFuzzer's own flags say."""
    import atheris

    arguments = sys.argv[1:] or ["60"]
    if arguments[0].isdigit():
        arguments[0] = f"-max_total_time={arguments[0]}"
    with atheris.instrument_imports(include=["service.lint", "service.verbs.lint"]):
        import service.verbs.lint

    import lint_laws
    import lint_rows

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        """Every other time something is put into a row, which flipping bytes rarely manages."""
        chance = random.Random(seed)
        raw = changed(data[SELECTORS:], chance) if seed % 2 else None
        return bytes(atheris.Mutate(data, most)) if raw is None else (data[:SELECTORS] + raw)[:most]

    def changed(raw: bytes, chance: random.Random) -> bytes | None:
        first, _, others = raw.partition(b"\n")
        try:
            row: Any = json.loads(first)
            if lint_rows.places(row):
                row = lint_rows.planted(row, *(chance.randrange(1_000) for _ in range(3)))
            return json.dumps(row).encode() + b"\n" + others
        except (ValueError, RecursionError):
            return None

    def one(data: bytes) -> None:
        pick, raw = data[:SELECTORS], data[SELECTORS:]
        if len(pick) == SELECTORS:
            target = lint_laws.TARGETS[pick[0] % len(lint_laws.TARGETS)]
            method = service.verbs.lint.METHODS[pick[1] % len(service.verbs.lint.METHODS)]
            lint_laws.judge(raw, target, method, pick[1] % 3 * 7, twice=sum(raw) % SELDOM == 0)

    with tempfile.TemporaryDirectory() as folder:
        corpus, words = Path(folder) / "corpus", Path(folder) / "words"
        corpus.mkdir()
        rows = [json.dumps(row).encode() for row in lint_rows.ROWS]
        for number, seed in enumerate([*lint_laws.seeds(), *rows]):
            (corpus / str(number)).write_bytes(bytes([number % 6, number % 3]) + seed)
        quoted = [f'"\\"{word}\\""' for word in WORDS] + [f'"{one.decode()}"' for one in BYTES]
        words.write_text("\n".join(quoted) + "\n")
        flags = [f"-dict={words}", f"-max_len={MOST_BYTES}", "-timeout=20", *arguments]
        repeating = any(not flag.startswith("-") for flag in arguments)
        atheris.Setup([sys.argv[0], *flags, *([] if repeating else [str(corpus)])], one, custom_mutator=mutated)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
