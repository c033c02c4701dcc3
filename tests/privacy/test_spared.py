"""One command's scan needs no torch and no transformers; a service, whose next request may want a model, keeps both."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

# both are installed here, as stand-ins that say when they are imported
STAND_IN = "import sys\nsys.stderr.write('imported ' + __name__ + '\\n')\nraise ImportError(__name__)\n"
PROGRAM = """
    import sys
    from service.privacy.scanner import Scanner
    from service.privacy.settings import PrivacySettings
    from service.privacy.spared import one_request

    if sys.argv[1] == "command":
        one_request()
    scanner = Scanner(PrivacySettings(recognizers=sys.argv[2] or None))
    print(*sorted(one.entity for one in scanner.scan("mail joe@example.co.uk or +1 212 555 0123 or B-12")))
    before = len(sys.meta_path)
    try:
        import transformers
    except ImportError as error:
        print(before, error)
"""
BADGE = "{name: Badge, supported_entity: BADGE, patterns: [{name: b, regex: 'B-[0-9]+', score: 0.9}]}"
OF_PRESIDIO = "{name: UrlRecognizer, type: predefined}"


def _scan(tmp_path: Path, process: str, recognizers: str = "") -> subprocess.CompletedProcess[str]:
    for name in ("torch", "transformers"):
        (tmp_path / f"{name}.py").write_text(STAND_IN)
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), process, recognizers],
        env={"PYTHONPATH": f"{tmp_path}:{root}", "TUNEGATE_HOME": str(tmp_path / "home")},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_command_imports_neither_and_finds_the_same(tmp_path: Path) -> None:
    spared, whole = _scan(tmp_path, "command"), _scan(tmp_path, "service")
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
        ("service", [BADGE], True),
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
