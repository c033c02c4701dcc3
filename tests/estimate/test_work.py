"""How much is worked out for one estimate, and what a command that makes one imports: both decide its speed."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from service.data import rule_files
from service.estimate import record, solver
from service.estimate.notation import Case, Run
from service.estimate.phases import phases
from service.models.architecture import read_architecture
from service.models.catalogue import catalogue
from service.settings import load_settings
from service.verbs.estimate import estimate, read_inputs

ROOT = Path(__file__).parents[2]
SETTINGS = load_settings({"TUNEGATE_HOME": str(Path("does-not-exist").absolute())})
RULES = rule_files()
# both ends, the answer, its neighbour; for a length one more, because masks make its needs a parabola
MOST = 1 + 3 + 5
# what prices, pages, tables for people, writers and ZeRO need
NOT_NEEDED = (
    "service.cli.estimate_text", "service.estimate.cost", "service.estimate.gathering", "service.estimate.services",
    "service.estimate.sharded_phases", "service.files", "service.models.hub", "service.verbs.estimating.cost",
    "service.verbs.estimating.measured", "service.verbs.estimating.simulated", "tempfile", "torch",
)  # fmt: skip
PROGRAM = """
import sys
from service.cli.app import run
code = run(sys.argv[1:])
sys.stderr.write(" ".join(sorted(set(sys.modules).intersection({names!r}))))
sys.exit(code)
"""


@pytest.mark.parametrize("technique", ["full", "lora", "qlora", "qdora"])
def test_an_estimate_with_the_largest_sizes_works_its_phases_out_a_few_times(
    technique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Case] = []

    def counted(case: Case) -> Any:
        looked.append(case)
        return phases(case)

    monkeypatch.setattr(record, "phases", counted)
    asked = {"model": "llama-3.1-8b", "techniques": [technique], "gpu": "H100-80GB", "seq_len": 512}
    (made,) = estimate(read_inputs(asked), rules=RULES, settings=SETTINGS)
    assert made.fits[0].max_seq_len is not None
    assert 1 <= len(looked) <= MOST


def test_devices_that_run_the_same_way_share_one_working_out(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Run] = []

    def counted(case: Case) -> Any:
        looked.append(case.run)
        return phases(case)

    monkeypatch.setattr(record, "phases", counted)
    asked = {"model": "llama-3.2-1b", "techniques": ["lora"]}
    (made,) = estimate(read_inputs(asked), rules=RULES, settings=SETTINGS, peak_only=True)
    assert len(looked) == len(set(looked)) < len(made.fits)


def test_the_catalogue_is_parsed_once_for_the_same_content(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    loads = tomllib.loads

    def counted(text: str) -> dict[str, Any]:
        parsed.append(text)
        return loads(text)

    content = RULES.read("models.toml") + b"\n# read for the first time\n"
    rules = RULES.overlaid({"models.toml": content})
    monkeypatch.setattr(tomllib, "loads", counted)
    assert catalogue(rules) == catalogue(rules) == catalogue(RULES)
    assert parsed.count(content.decode()) == 1


@pytest.mark.parametrize("technique", ["full", "lora", "dora", "qdora", "prompt"])
@pytest.mark.parametrize("stage", [0, 2, 3])
@pytest.mark.parametrize("kernel", ["flash", "efficient", "math", "eager"])
@pytest.mark.parametrize("name", ["llama-3.2-1b", "gemma-3-1b"])
def test_another_size_of_a_case_is_the_case_made_anew(name: str, kernel: Any, stage: int, technique: str) -> None:
    model = read_architecture(catalogue(RULES)[name].config, where=name)

    def case(micro_batch: int, seq_len: int) -> Case:
        made = Run(
            technique=technique, micro_batch=micro_batch, seq_len=seq_len, kernel=kernel, padded=kernel == "efficient",
            repeated_kv=kernel != "flash", masks_windows=kernel == "flash", zero_stage=stage, gpus=1 + stage,
            dropout=stage == 2, virtual_tokens=20 if technique == "prompt" else 0,
        )  # fmt: skip
        return Case(model, made)

    first = case(1, 300)
    phases(first)
    longer = first.of_length(700)
    assert phases(first.of_batch(5)) == phases(case(5, 300))
    assert phases(longer) == phases(case(1, 700))
    assert phases(longer.of_batch(3)) == phases(case(3, 700))
    assert phases(first) == phases(case(1, 300))


def test_the_command_imports_nothing_that_a_formula_answered_as_json_has_no_use_for(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(names=NOT_NEEDED), "estimate", "llama-3.1-8b", "--technique", "lora",
         "--format", "json"],
        cwd=tmp_path, env=os.environ | {"TUNEGATE_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert '"evidence": "formula"' in done.stdout


def test_the_search_for_the_largest_size_begins_where_the_needs_are_known() -> None:
    looks: list[int] = []

    def needs(size: int) -> list[float]:
        looks.append(size)
        return [7.0 * size]

    assert solver.largest(needs, 70_000, limit=65_536, start=8) == 10_000
    assert looks == [8, 65_536, 10_000, 10_001]
