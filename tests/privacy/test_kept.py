"""What is kept between runs: read when it is whole and ours, made anew when it is not, safe with several processes."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from service.privacy.plan import DECODER
from service.privacy.scanner import Scanner
from service.privacy.settings import PrivacySettings

# few and small databases, so that they are made in no time
SETTINGS = PrivacySettings(entities=("EMAIL_ADDRESS", "US_SSN"))
TEXTS = ("mail joe@example.com", "ssn 536-90-4399", "müller: joe@example.com", "nothing")
SCAN = """
    import sys
    from service.privacy.scanner import Scanner
    from service.privacy.settings import PrivacySettings
    scanner = Scanner(PrivacySettings(entities=("EMAIL_ADDRESS", "US_SSN")))
    scanner.prepare()
    print([len(scanner.scan(text)) for text in {texts!r}], scanner.notes, "presidio_analyzer" in sys.modules)
"""
FOUND = "[1, 1, 1, 0] ()"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path))
    return tmp_path / "cache" / "privacy"


def scans() -> list[int]:
    scanner = Scanner(SETTINGS)
    scanner.prepare()
    assert scanner.notes == ()
    return [len(scanner.scan(text)) for text in TEXTS]


def start(home: Path, texts: tuple[str, ...] = TEXTS) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(SCAN.format(texts=texts))]
    env = {**os.environ, "TUNEGATE_HOME": str(home.parents[1])}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def kept(home: Path) -> dict[str, bytes]:
    return {path.suffix: path.read_bytes() for path in home.iterdir() if path.suffix != ".lock"}


def test_only_who_makes_the_databases_is_told_of_the_wait(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    del home
    caplog.set_level(logging.INFO, "service.privacy")
    for told in (1, 0):
        caplog.clear()
        assert scans() == [1, 1, 1, 0]
        assert [one.name for one in caplog.records].count("service.privacy.guard") == told


def test_the_folder_is_the_users_alone_and_a_second_run_reads_what_the_first_wrote(home: Path) -> None:
    assert scans() == [1, 1, 1, 0]
    assert home.stat().st_mode & 0o777 == 0o700
    before = kept(home)
    assert set(before) == {".ascii", ".ascii-digits", ".unicode", ".unicode-digits", ".plan", ".classes"}
    assert scans() == [1, 1, 1, 0]
    assert kept(home) == before


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("nothing", {".ascii"}),
        ("ssn 536-90-4399", {".ascii", ".ascii-digits"}),
        ("müller", {".unicode", ".classes"}),
        ("\u0661 müller", {".unicode", ".unicode-digits", ".classes"}),
    ],
)
def test_a_text_waits_for_the_databases_that_it_needs_and_for_no_other(home: Path, text: str, made: set[str]) -> None:
    Scanner(SETTINGS).scan(text)
    assert set(kept(home)) == {".plan", *made}


def test_where_nothing_can_be_kept_a_few_texts_wait_for_no_database(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home.parent.write_text("a file in its place")
    caplog.set_level(logging.INFO, "service.privacy")
    assert [len(Scanner(SETTINGS).scan(text)) for text in TEXTS] == [1, 1, 1, 0]
    assert "service.privacy.guard" not in [one.name for one in caplog.records]


def test_presidio_is_not_imported_for_texts_in_which_nothing_can_fire(home: Path) -> None:
    assert scans() == [1, 1, 1, 0]
    output, _ = start(home, ("nothing", "to see — here")).communicate(timeout=60)
    assert output.strip() == "[0, 0] () False"


@pytest.mark.parametrize("damage", [b"", b"\0" * 40, None])
def test_a_damaged_file_is_made_anew(home: Path, damage: bytes | None) -> None:
    assert scans() == [1, 1, 1, 0]
    before = kept(home)
    for path in home.iterdir():
        content = path.read_bytes()
        path.write_bytes(
            content[: len(content) // 2] + b"\xff" + content[len(content) // 2 :] if damage is None else damage
        )
    assert scans() == [1, 1, 1, 0]
    after = kept(home)
    assert set(after) == set(before)
    assert after[".plan"] == before[".plan"]


def test_a_file_that_others_can_write_is_not_read(home: Path) -> None:
    assert scans() == [1, 1, 1, 0]
    for path in home.iterdir():
        path.chmod(0o666)
    assert scans() == [1, 1, 1, 0]
    assert {path.stat().st_mode & 0o022 for path in home.iterdir() if path.suffix != ".lock"} == {0}


def test_a_folder_that_cannot_be_made_keeps_nothing_and_breaks_nothing(home: Path) -> None:
    home.parent.write_text("a file in its place")
    assert scans() == [1, 1, 1, 0]


def test_a_plan_of_other_recognizers_is_not_used(home: Path) -> None:
    """Whatever made it stale, Presidio's own objects decide once they are there."""
    assert scans() == [1, 1, 1, 0]
    other = PrivacySettings(entities=("US_SSN",))
    scanner = Scanner(other)
    scanner.prepare()
    plans = sorted(home.glob("*.plan"), key=lambda path: path.stat().st_size)
    assert len(plans) == 2
    small, large = plans
    for suffix in (".plan", ".ascii"):
        large.with_suffix(suffix).write_bytes(small.with_suffix(suffix).read_bytes())
    misled = Scanner(SETTINGS)
    assert len(misled.scan("ssn 536-90-4399 joe@example.com")) == 2


def test_two_processes_may_start_at_once(home: Path) -> None:
    both = [start(home), start(home)]
    outputs = [one.communicate(timeout=120)[0] for one in both]
    assert [output.strip() for output in outputs] == [f"{FOUND} True"] * 2
    assert not [path for path in home.iterdir() if path.name.startswith(".")]
    assert scans() == [1, 1, 1, 0]


@pytest.mark.parametrize("when", [".lock", ".plan"])
def test_a_process_killed_at_work_harms_nobody(home: Path, when: str) -> None:
    process = start(home)
    deadline = time.monotonic() + 60
    while not (home.is_dir() and any(path.suffix == when for path in home.iterdir())):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert scans() == [1, 1, 1, 0]
    assert set(kept(home)) >= {".ascii", ".unicode", ".plan", ".classes"}


RULE = """
[[rule]]
id = "SECRET_OURS"
title = "A token of ours"
shape = "digits behind own="
why = "It opens our service."
rotate = "Ask for another one."
source = "own docs"
read-on = 2026-11-21
regex = '(?<=own=)[0-9]*'
"""


def test_an_expression_that_no_database_can_hold_costs_its_own_recognizer_the_gate_and_no_other(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vectorscan drops the lookbehind, and looks for nothing at all; rules of one's own are not tried before."""
    rules = tmp_path / "rules" / "privacy"
    rules.mkdir(parents=True)
    (rules / "secrets-ours.toml").write_text(RULE)
    monkeypatch.setenv("TUNEGATE_RULES", str(rules.parent))
    settings = PrivacySettings(entities=("EMAIL_ADDRESS", "SECRET_OURS"))
    for _ in range(2):
        scanner = Scanner(settings)
        scanner.prepare()
        found = [one.entity for one in scanner.scan("own=90417263 joe@example.com")]
        assert found == ["SECRET_OURS", "EMAIL_ADDRESS"]
        assert scanner.notes == ()
    (plan,) = home.glob("*.plan")
    content = DECODER.decode(plan.read_bytes()[32:])
    assert [content.names[number] for number in content.always] == ["SECRET_OURS"]
