"""CPU of a lint with the privacy scan against the same lint without it, one process, by turns: the ratio counts.

Run: python benchmarks/privacy_lint_speed.py [megabytes]. Chats of installed documentation, each sentence once: as it
stands, and without the rows in which a pattern can match anything at all. What the scan keeps is made before.
"""

from __future__ import annotations

import io
import json
import platform
import re
import sys
import time
from statistics import median

from _corpora import texts

from service.data import rule_files
from service.lint.catalogue import entries
from service.lint.profile import load_profile
from service.verbs.lint import LintInput, LintRequest, lint
from service.verbs.lint_privacy import Mode, PrivacyRequest, scan_for

REPEATS = 3
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


if __name__ == "__main__":
    main()
