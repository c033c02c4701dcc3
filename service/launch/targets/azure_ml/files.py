"""The folder that becomes the job's code: the trainers' sources and the plan."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from typing import Any

from service.errors import TuneGateError
from service.launch.targets.azure_ml.plan import PLAN_FILE, TRAINERS
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
    folder.mkdir(parents=True)
    # one file to upload instead of 130
    with zipfile.ZipFile(folder / TRAINERS, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(source.rglob("*")):
            name = path.relative_to(source.parent)
            if path.is_file() and "__pycache__" not in name.parts:
                archive.writestr(zipfile.ZipInfo(name.as_posix()), path.read_bytes(), zipfile.ZIP_DEFLATED)
    (folder / PLAN_FILE).write_bytes(canonical_json(plan))
