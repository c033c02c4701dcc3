"""A scan needs no torch and no transformers where the settings of its process name no model: a command's, a service's.

Programs that import the package keep both: their next settings may name one.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

# both are installed here, as stand-ins that say when they are imported
STAND_IN = "import sys\nsys.stderr.write('imported ' + __name__ + '\\n')\nraise ImportError(__name__)\n"
PROGRAM = """
    from service.privacy.scanner import Scanner
    from service.privacy.settings import PrivacySettings
    from service.privacy.spared import one_request, only_parts_of

    settings = PrivacySettings(recognizers=sys.argv[2] or None)
    if sys.argv[1] == "command":
        one_request()
    elif sys.argv[1] == "service":
        only_parts_of(settings)
    scanner = Scanner(settings)
    print(*sorted(one.entity for one in scanner.scan("mail joe@example.co.uk or +1 212 555 0123 or B-12")))
    before = len(sys.meta_path)
    try:
        import transformers
    except ImportError as error:
        print(before, error)
"""
LATER = """
    from service.errors import TuneGateError
    from service.privacy.scanner import Scanner
    from service.privacy.settings import PrivacySettings
    from service.privacy.spared import only_parts_of

    only_parts_of(PrivacySettings())
    print(*(one.entity for one in Scanner(PrivacySettings()).scan("mail joe@example.co.uk")))
    try:
        Scanner(PrivacySettings(recognizers=sys.argv[2])).scan("B-12")
    except TuneGateError as error:
        print(error.code, error.remedy)
"""
BADGE = "{name: Badge, supported_entity: BADGE, patterns: [{name: b, regex: 'B-[0-9]+', score: 0.9}]}"
OF_PRESIDIO = "{name: UrlRecognizer, type: predefined}"


def _scan(
    tmp_path: Path, process: str, recognizers: str = "", program: str = PROGRAM
) -> subprocess.CompletedProcess[str]:
    for name in ("torch", "transformers"):
        (tmp_path / f"{name}.py").write_text(STAND_IN)
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-c", "import sys\n" + textwrap.dedent(program), process, recognizers],
        env={"PYTHONPATH": f"{tmp_path}:{root}", "TUNEGATE_HOME": str(tmp_path / "home")},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("process", ["command", "service"])
def test_our_own_processes_import_neither_and_find_the_same(tmp_path: Path, process: str) -> None:
    spared, whole = _scan(tmp_path, process), _scan(tmp_path, "program")
    assert "EMAIL_ADDRESS" in spared.stdout
    assert "PHONE_NUMBER" in spared.stdout
    assert spared.stdout == whole.stdout
    assert "imported torch" not in spared.stderr
    assert "imported torch" in whole.stderr
    # only while Presidio was imported: afterwards transformers can be had again
    assert spared.stderr.count("imported transformers") == 1


@pytest.mark.parametrize(
    ("process", "rows", "imports"),
    [
        ("command", [BADGE], False),
        ("command", [BADGE, OF_PRESIDIO], True),
        ("service", [BADGE], False),
        ("service", [BADGE, OF_PRESIDIO], True),
        ("program", [BADGE], True),
    ],
)
def test_classes_of_presidio_that_a_user_names_may_want_a_model(
    tmp_path: Path, process: str, rows: list[str], imports: bool
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("recognizers:\n" + "".join(f"  - {row}\n" for row in rows))
    done = _scan(tmp_path, process, str(own))
    assert "BADGE" in done.stdout
    assert ("imported torch" in done.stderr) is imports


def test_a_service_that_spared_them_says_that_a_model_named_since_needs_a_restart(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(f"recognizers:\n  - {BADGE}\n  - {OF_PRESIDIO}\n")
    done = _scan(tmp_path, "later", str(own), LATER)
    assert done.stdout.splitlines() == ["EMAIL_ADDRESS URL", "environment Restart the service."], done.stderr
