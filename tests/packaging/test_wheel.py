"""The wheel, built and installed into an empty environment outside the tree, does the base verbs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT_BYTES = 80 * 1000 * 1000
ROW = {
    "messages": [
        {"role": "system", "content": "Answer briefly."},
        {"role": "user", "content": "Question {n}?"},
        {"role": "assistant", "content": "Answer {n}."},
    ]
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--installer", "pip", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("empty") / "venv"
    venv.create(place, with_pip=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "-q", str(wheel), "-c", str(ROOT / "constraints.txt")]
    done = subprocess.run(pip, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


def tunegate(installed: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "TUNEGATE_HOME": str(cwd / "home")}
    return subprocess.run(
        [str(installed / "bin" / "tunegate"), *arguments], cwd=cwd, env=environment, capture_output=True, text=True
    )


def test_the_base_install_is_small(installed: Path) -> None:
    (packages,) = installed.glob("lib/python*/site-packages")
    kept = [path for path in packages.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in kept if "/pip" not in path.as_posix().split("site-packages", 1)[1][:5])
    assert size <= LIMIT_BYTES, f"{size / 1e6:.1f} MB"


def test_lint_works_from_the_base_install(installed: Path, tmp_path: Path) -> None:
    rows = [json.dumps(ROW).replace("{n}", str(n)) for n in range(12)]
    (tmp_path / "data.jsonl").write_text("\n".join(rows) + "\n")
    done = tunegate(installed, tmp_path, "lint", "data.jsonl", "--target", "openai", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["facts"]["data.rows"] == 12


def test_advise_works_from_the_base_install(installed: Path, tmp_path: Path) -> None:
    done = tunegate(installed, tmp_path, "advise", "--set", "eval.exists=no", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["answer"]["step"] == "build-evaluation"


def test_estimate_works_from_the_base_install(installed: Path, tmp_path: Path) -> None:
    done = tunegate(installed, tmp_path, "estimate", "phi-3-mini-4k", "--technique", "lora", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["technique"] == "lora"


def test_a_verb_that_needs_an_extra_says_which(installed: Path, tmp_path: Path) -> None:
    done = tunegate(installed, tmp_path, "serve", "--port", "0")
    assert done.returncode == 3
    assert "tunegate[service]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("platform", "python"), [("win_amd64", "3.11"), ("macosx_11_0_arm64", "3.13")])
def test_the_base_install_resolves_for_other_systems(wheel: Path, tmp_path: Path, platform: str, python: str) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "-q", "--target", str(tmp_path), "--platform", platform]
    pip += ["--python-version", python, "--only-binary=:all:", "--ignore-installed", str(wheel)]
    done = subprocess.run(pip, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
