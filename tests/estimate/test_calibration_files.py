"""calibrations/DEVICE.json: nothing is lost between threads, processes and devices, and a bad file stops nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from service.data import rule_files
from service.estimate.calibration import Row
from service.estimate.reserve import FUSED
from service.records.estimate import Estimate
from service.settings import Settings, load_settings
from service.verbs.estimate import estimate, read_inputs
from service.verbs.estimating.calibrations import DeviceFile, Key, add_rows, known_calibrations

RULES = rule_files(None)
KEY = Key(torch="2.13.0", transformers="5.23.0", attention="sdpa", quantisation="none")
ASKED = {"model": "llama-3.2-1b", "techniques": ["lora"], "gpu": "T4-16GB"}
# as a process of its own: its number, the folder
ADDS = """
import sys
from pathlib import Path
from tests.estimate.test_calibration_files import add
from service.settings import load_settings
for place in range(8):
    add(load_settings({"TUNEGATE_HOME": sys.argv[2]}), "GPU-X", f"{sys.argv[1]}.{place}")
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"TUNEGATE_HOME": str(tmp_path)})


def add(settings: Settings, device: str, model: str = "m") -> str:
    """One row of a measurement on `device`; the file it went to."""
    file = DeviceFile(device=device, reported_as=device, capability=8.0, capacity_gib=24.0)
    row = Row(
        measured_at="2026-11-21", model=model, technique="lora", micro_batch=1, seq_len=64, allocated_mib=4096.0,
        reserved_mib=4300.0, context_mib=400.0, constant_mib=32.0,
    )  # fmt: skip
    return add_rows(settings, file, KEY, [row], published=FUSED).file


def models(settings: Settings) -> list[str]:
    (known,) = known_calibrations(settings).known
    return sorted(row.model for row in known.calibration.rows)


def answered(settings: Settings, **changes: Any) -> Estimate:
    return estimate(read_inputs({**ASKED, **changes}), rules=RULES, settings=settings)[0]


def test_threads_that_add_at_once_lose_no_row(settings: Settings) -> None:
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda place: add(settings, "GPU-X", f"m{place}"), range(20)))
    assert models(settings) == sorted(f"m{place}" for place in range(20))


def test_processes_that_add_at_once_lose_no_row(settings: Settings, tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    running = [
        subprocess.Popen([sys.executable, "-c", ADDS, str(number), str(tmp_path)], cwd=root) for number in range(3)
    ]
    assert [one.wait() for one in running] == [0, 0, 0]
    assert models(settings) == [f"{number}.{place}" for number in range(3) for place in range(8)]


def test_devices_whose_names_are_alike_have_files_of_their_own(settings: Settings) -> None:
    names = ["GPU-X", "GPU X", "GPU/X", "-GPU-X", "..", "", "GPU X" * 99, "GPU X" * 100]
    files = [add(settings, name) for name in names]
    assert len(set(files)) == len(names)
    assert files[0] == "calibrations/GPU-X.json"
    assert sorted(known.device for known in known_calibrations(settings).known) == sorted(names)
    # measured again, each finds its own, also where it has another name
    (settings.calibrations / "GPU-X.json").rename(settings.calibrations / "T4-16GB.json")
    assert [add(settings, name, "again") for name in names] == ["calibrations/T4-16GB.json", *files[1:]]
    assert add(settings, "T4-16GB").startswith("calibrations/T4-16GB-")
    assert len(known_calibrations(settings).known) == len(names) + 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"schema":"tunegate.calibration/1","device":"T4-1', "truncated"),
        (b"\xff\xfe", ""),
        (json.dumps({"device": 3}).encode(), "device"),
        (b'{"schema":"tunegate.calibration/9"}', "tunegate.calibration/9"),
    ],
)
@pytest.mark.parametrize("name", ["T4-16GB.json", "another.json"])
def test_a_file_that_cannot_be_read_is_named_and_left_out(
    settings: Settings, name: str, content: bytes, said: str
) -> None:
    before = answered(settings)
    settings.calibrations.mkdir(parents=True)
    (settings.calibrations / name).write_bytes(content)
    after = answered(settings)
    assert (after.peak, after.breakdown, after.fits) == (before.peak, before.breakdown, before.fits)
    (note,) = [note for note in after.assumptions["notes"] if name in note]
    assert said in note
    assert "--measure" in note


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reserved_p50": 1.3, "reserved_p90": 1.1}, "reserved_p90 is below reserved_p50"),
        ({"reserved_p50": 0.2}, ">= 1"),
        ({"context_mib": -1}, ">= 0"),
    ],
)
def test_figures_that_no_measurement_gives_are_not_used(
    settings: Settings, changes: dict[str, float], said: str
) -> None:
    path = settings.home / add(settings, "T4-16GB")
    content = json.loads(path.read_text())
    content["calibrations"][0] |= changes
    path.write_text(json.dumps(content))
    found = answered(settings)
    assert "calibrated_by" not in found.assumptions
    assert any(said in note for note in found.assumptions["notes"])


def test_a_measurement_is_kept_beside_a_file_that_cannot_be_read(settings: Settings) -> None:
    settings.calibrations.mkdir(parents=True)
    (settings.calibrations / "T4-16GB.json").write_text("not ours")
    assert add(settings, "T4-16GB") == "calibrations/T4-16GB.json"
    assert models(settings) == ["m"]
    assert (settings.calibrations / "T4-16GB.json.unreadable").read_text() == "not ours"
    assert known_calibrations(settings).unread == []
