"""rules/peft-methods.toml is what the installed peft says and does."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainers.describe_peft import main

RULES = Path(__file__).resolve().parents[3] / "rules" / "peft-methods.toml"


def test_the_list_of_methods_is_the_installed_one(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    same = capsys.readouterr().out == RULES.read_text(encoding="utf-8")
    assert same, "run: python -m trainers.describe_peft > rules/peft-methods.toml"
