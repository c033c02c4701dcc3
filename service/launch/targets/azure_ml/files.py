"""The folder that becomes the job's code: the trainers' sources and the plan."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

from service.errors import TuneGateError
from service.launch.targets.azure_ml.plan import PLAN_FILE
from service.records.identity import canonical_json


def code_folder(folder: Path, plan: dict[str, Any]) -> None:
    """Write the code that the job runs; the same plan and version give the same bytes.

    Raises:
        TuneGateError: `environment` where the trainers are not installed.
    """
    found = importlib.util.find_spec("trainers")
    if found is None or not found.submodule_search_locations:
        raise TuneGateError("environment", "The package trainers is not installed.", remedy="Reinstall tunegate.")
    source = Path(next(iter(found.submodule_search_locations)))
    shutil.copytree(source, folder / "trainers", ignore=shutil.ignore_patterns("__pycache__", "*.pyc", ".*"))
    (folder / PLAN_FILE).write_bytes(canonical_json(plan))
