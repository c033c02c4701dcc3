"""A trainer loads the large libraries that its plan needs, and not whatever is installed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trainers.contract import Compute

FOUND = """
import importlib.util, sys
import msgspec
from trainers.contract import TrainPlan
from trainers.libraries import load_only_for
with open(sys.argv[1], "rb") as file:
    load_only_for(msgspec.json.decode(file.read(), type=TrainPlan))
print(*(name for name in ("bitsandbytes", "deepspeed", "scipy") if importlib.util.find_spec(name)))
"""
LOADED = """
import sys
from trainers.libraries import load_only
load_only()
import accelerate, peft, transformers.trainer
print(*(name for name in ("bitsandbytes", "boto3", "deepspeed", "scipy") if sys.modules.get(name)))
"""


def installed(*names: str) -> list[str]:
    """Not every platform has each of them."""
    return [name for name in names if importlib.util.find_spec(name)]


def printed(code: str, *arguments: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"technique": "qlora", "sharding": "zero2", "processes": 2}, ["bitsandbytes", "deepspeed", "scipy"]),
        ({"compute": Compute(optimizer="adamw_8bit")}, ["bitsandbytes", "scipy"]),
        ({"trust_remote_code": True}, ["bitsandbytes", "deepspeed", "scipy"]),
    ],
)
def test_only_what_the_plan_needs_is_found(make_plan: Any, changes: dict[str, Any], expected: list[str]) -> None:
    assert printed(FOUND, str(make_plan(**changes))) == installed(*expected)


def test_a_model_that_is_quantised_already_may_load_anything(make_plan: Any, model: Path, tmp_path: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text(json.dumps(config | {"quantization_config": {"bits": 4}}))
    assert printed(FOUND, str(make_plan(model=str(tmp_path / "base")))) == installed(
        "bitsandbytes", "deepspeed", "scipy"
    )


def test_the_libraries_of_a_trainer_do_without_the_others() -> None:
    assert printed(LOADED) == []
