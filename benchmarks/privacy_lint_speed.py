"""CPU of a lint with the privacy scan against the same lint without it, by turns: the ratio counts.

Run: python benchmarks/privacy_lint_speed.py [megabytes]. Chats of installed documentation, each sentence once: as it
stands, and without the rows in which a pattern can match anything at all. What the scan keeps is made before. Then the
command itself on a file of 40 rows, a process each time: its start against that of Python with a few modules, and what
its first use on a machine takes.
"""

from __future__ import annotations

import io
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from _corpora import texts

from service.data import rule_files
from service.lint.catalogue import entries
from service.lint.profile import load_profile
from service.verbs.lint import LintInput, LintRequest, lint
from service.verbs.linting.privacy import Mode, PrivacyRequest, scan_for

REPEATS = 3
STARTS = 7
SMALL_ROWS = 40
ROOT = Path(__file__).resolve().parents[1]
BARE = ("-c", "import msgspec, argparse")
COMMAND = ("-m", "service", "lint", "small.jsonl", "--target", "azure-openai", "--tokens", "off", "--privacy")
RULES = rule_files()
# what every pattern of the shipped recognizers needs one of, and the words behind which a secret may stand
_MAY_MATCH = re.compile(r"[0-9@]|://|secret|token|password|key|bearer|basic", re.IGNORECASE)


def rows(chosen: list[str]) -> bytes:
    """Chats of a question and an answer."""
    said = [
        {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}
        for question, answer in zip(chosen[::2], chosen[1::2], strict=False)
    ]
    return b"".join(json.dumps(row).encode() + b"\n" for row in said)


def linted(raw: bytes, mode: Mode) -> float:
    """CPU seconds of one report."""
    request = LintRequest(
        inputs=[LintInput(None, "-")], target="azure-openai", tokens="off", privacy=PrivacyRequest(mode=mode)
    )
    start = time.process_time()
    lint(request, rules=RULES, stdin=io.BytesIO(raw))
    return time.process_time() - start


def started(arguments: tuple[str, ...], folder: Path) -> float:
    """CPU seconds of one Python process, bytecode kept as a user has it."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TUNEGATE_HOME": str(folder / "home")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=env, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode > 1:
        raise SystemExit(done.stderr.decode())
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def print_starts(name: str, raw: bytes) -> None:
    """The ratios of one small file."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "small.jsonl").write_bytes(raw)
        kinds = (BARE, (*COMMAND, "off"), (*COMMAND, "patterns"))
        started(kinds[1], folder)  # its bytecode
        first = started(kinds[2], folder)
        bare, off, on = (median(each) for each in zip(*(
            [started(kind, folder) for kind in kinds] for _ in range(STARTS)
        ), strict=True))  # fmt: skip
    print(
        f"  {name:28} {on / bare:5.1f} x a bare Python, {on / off:.2f} x without the scan ({off / bare:.1f} x); "
        f"first use {first / bare:.0f} x"
    )


def main() -> None:
    """Print the ratios."""
    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
    chosen = texts(megabytes)
    scan, why = scan_for(PrivacyRequest(mode="patterns"), set(entries()), load_profile("azure-openai", RULES), RULES)
    if scan is None:
        raise SystemExit(why)
    scan.scanner.prepare()
    print(f"lint with privacy: Python {platform.python_version()}, one process, medians of {REPEATS} by turns")
    quiet = [text for text in chosen if not _MAY_MATCH.search(text)]
    for name, said in (("nothing can match", quiet), ("documentation as it stands", chosen)):
        raw = rows(said)
        both = [(linted(raw, "patterns"), linted(raw, "off")) for _ in range(REPEATS)]
        ratio = median(one / other for one, other in both)
        goal = " (goal 4)" if said is quiet else ""
        print(f"  {name:28} {ratio:5.2f} x the lint without it{goal}, {len(raw) / 1e6:.1f} MB")
    print(f"tunegate lint, {SMALL_ROWS} rows, a process each, medians of {STARTS} by turns")
    plain = rows(quiet[: 2 * SMALL_ROWS])
    print_starts("nothing can match", plain)
    mail = {"role": "user", "content": "Write to ana.ruiz@example.com or call 020 7946 0123."}
    hit = json.dumps({"messages": [mail, {"role": "assistant", "content": "Done."}]}).encode() + b"\n"
    print_starts("one row with a finding", plain + hit)


if __name__ == "__main__":
    main()
