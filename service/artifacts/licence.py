"""The base model's licence, as its own card names it."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from service.launch.local import work_plan
from trainers.contract import TrainPlan

# an identifier as the hub writes them (apache-2.0, llama3.1, other), so that nothing else slips into our front matter
_LICENCE = re.compile(r"^license:\s*[\"']?([A-Za-z0-9][A-Za-z0-9.+-]{0,60})[\"']?\s*$", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A---\r?\n(.*?)^---\s*$", re.DOTALL | re.MULTILINE)
_READ_BYTES = 64 * 1024


def base_licence(out: Path) -> str | None:
    """The licence in the front matter of the base model's README.md, or None when it names none."""
    try:
        plan = msgspec.json.decode(work_plan(out).read_bytes(), type=TrainPlan)
        start = plan.starts_from
        # a tuned model has its card beside it, in the run's folder
        place = Path(start.path) if start and start.path and start.kind == "model" else Path(plan.model)
        with (place / "README.md").open("rb") as handle:
            card = handle.read(_READ_BYTES).decode(errors="replace")
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    matter = _FRONT_MATTER.match(card)
    found = _LICENCE.search(matter[1]) if matter else None
    return found[1] if found else None
