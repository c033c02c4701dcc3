"""No socket is ever opened, and nothing is written outside the home."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

PROGRAM = """
    import sys

    def refuse(event, arguments):
        # name resolution and connections of any kind, in every library
        if event.startswith("socket."):
            sys.stderr.write(f"{event}\\n")
            raise RuntimeError("a socket was opened")

    sys.addaudithook(refuse)
    from service.privacy.scanner import Scanner
    from service.privacy.settings import PrivacySettings
    assert not {"presidio_analyzer", "spacy", "hyperscan", "phonenumbers", "regex", "yaml"} & set(sys.modules)
    scanner = Scanner(PrivacySettings(languages=("en", "de")))
    text = "mail joe@example.co.uk or +1 212 555 0123, https://www.example.org/a, DE89370400440532013000"
    for language in ("en", "de"):
        print(sorted({one.entity for one in scanner.scan(text, language=language)}))
"""


def test_an_email_is_found_without_any_socket(tmp_path: Path) -> None:
    home = tmp_path / "user"
    home.mkdir()
    env = {**os.environ, "HOME": str(home), "TUNEGATE_HOME": str(tmp_path / "tunegate"), "XDG_CACHE_HOME": ""}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)],
        env=env, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # urllib3 makes one on import to see whether there is IPv6, and goes on without
    assert {line for line in done.stderr.splitlines() if line.startswith("socket.")} <= {"socket.__new__"}
    for line in done.stdout.splitlines():
        assert "EMAIL_ADDRESS" in line
        assert "IBAN_CODE" in line
    assert len(done.stdout.splitlines()) == 2
    assert list(home.rglob("*tldextract*")) == []


def test_the_program_above_would_see_a_socket(tmp_path: Path) -> None:
    program = textwrap.dedent(PROGRAM) + "\nimport socket\nsocket.getaddrinfo('localhost', 80)\n"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TUNEGATE_HOME": str(tmp_path)}, cwd=Path(__file__).parents[2],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "socket.getaddrinfo" in done.stderr
