"""Code that a model brings: trusted by a flag each time, and part of what was planned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.cli.app import run


@pytest.fixture
def plan(tiny: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Plans on the command line; returns the file."""

    def make(*flags: str) -> Path:
        path = tmp_path / f"plan{len(flags)}.json"
        base = ["--model", str(tiny.place / "base"), "--technique", "lora", "--onnx", "none"]
        assert run(["plan", *tiny.options(), *base, *flags, "--format", "json", "--output", str(path)]) == 0
        capsys.readouterr()
        return path

    return make


def test_a_plan_says_that_code_is_run_and_needs_the_flag_again(
    plan: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trusting, plain = plan("--trust-remote-code"), plan()
    assert json.loads(trusting.read_bytes())["trust_remote_code"] is True
    assert json.loads(plain.read_bytes())["trust_remote_code"] is False
    assert run(["train", str(trusting), "-o", str(tmp_path / "run")]) == 2
    assert "give --trust-remote-code" in capsys.readouterr().err
    assert run(["train", str(plain), "--trust-remote-code", "-o", str(tmp_path / "run")]) == 2
    assert "Leave out --trust-remote-code" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_that_trusted_code_is_exported_with_the_flag_alone(
    tiny: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    base = ["--model", str(tiny.place / "base"), "--technique", "lora", "--epochs", "1"]
    assert tiny.train(out, *base, "--trust-remote-code") == 0
    assert "code of the base model" in (out / "README.md").read_text()
    capsys.readouterr()
    assert run(["export", str(out), "-o", str(tmp_path / "exported")]) == 2
    assert "give --trust-remote-code" in capsys.readouterr().err
    assert not (tmp_path / "exported").exists()
