"""What a run folder already holds: the plan it belongs to, and what a killed try left behind."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from trainers.contract import STARTED_PLAN, Result, TrainPlan
from trainers.outfiles import WORK, write_atomically
from trainers.problems import TrainerError

_PLAN = Path(WORK) / STARTED_PLAN
_TEMPORARY = re.compile(r"\..+\.\d+")  # what outfiles names its unfinished files and folders: .NAME.PID
_SHOWN_DIFFERENCES = 6
_UNTOLD = ("labels", "chat_template")
_SHOWN_CHARACTERS = 60


def claim(out: Path, plan: TrainPlan) -> bool:
    """Bind the folder to the plan; True when an earlier try at the same plan is there to go on with.

    Raises:
        TrainerError: `plan_mismatch` naming the settings that differ; nothing is changed then.
    """
    earlier = _earlier_plan(out)
    if earlier is not None and (changed := list(_differences(earlier, plan))):
        shown = "; ".join(changed[:_SHOWN_DIFFERENCES])
        more = f"; and {len(changed) - _SHOWN_DIFFERENCES} more" if len(changed) > _SHOWN_DIFFERENCES else ""
        raise TrainerError(
            "plan_mismatch",
            f"{out} holds a run of another plan ({shown}{more}).",
            remedy="Name a new folder for this plan, or go on with the plan that the run was started with.",
        )
    if not (out / _PLAN).is_file():  # plan.json alone may be edited between two tries
        write_atomically(out / _PLAN, msgspec.json.encode(plan))
    return earlier is not None


def carried_out(out: Path, plan: TrainPlan) -> bool:
    """Whether the run of this plan has already succeeded here."""
    if (out / "manifest.json").is_file():
        return True
    try:
        result = msgspec.json.decode((out / "result.json").read_bytes(), type=Result)
    except (FileNotFoundError, msgspec.DecodeError):
        return False
    return result.status == "succeeded" and result.plan == plan.id


def clear_leftovers(out: Path) -> None:
    """Remove the verdict of an earlier try and the unfinished files of a killed one."""
    for path in (out / "result.json", out / WORK / "failure.json"):
        path.unlink(missing_ok=True)
    for place in (out, out / WORK, out / "onnx"):
        for path in place.glob(".*"):
            if not _TEMPORARY.fullmatch(path.name):
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def link_tree(source: Path, target: Path) -> None:
    """The same files under another name: no second copy of large weights where the disk can share them."""
    shutil.copytree(source, target, copy_function=_link, dirs_exist_ok=True)


def link_weights(source: Path, target: Path) -> None:
    """Large weights under another name; everything else is copied, since the copy may be written to."""
    shutil.copytree(source, target, copy_function=_link_weights, dirs_exist_ok=True)


def _link_weights(source: str, target: str) -> None:
    if source.endswith(".safetensors"):
        _link(source, target)
    else:
        shutil.copyfile(source, target)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def _earlier_plan(out: Path) -> TrainPlan | None:
    for path in (out / _PLAN, out / "plan.json"):
        try:
            return msgspec.json.decode(path.read_bytes(), type=TrainPlan)
        except (FileNotFoundError, msgspec.DecodeError):
            continue
    return None


def _differences(earlier: TrainPlan, plan: TrainPlan) -> Iterator[str]:
    """Settings with another value; where files lie on this host is no setting (their hashes are)."""
    before, now = _settings(earlier), _settings(plan)
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            # of what comes out of the data, and of long texts, only that it differs
            told = not name.startswith(_UNTOLD)
            yield (
                f"{name}: {_short(before.get(name))} there, {_short(now.get(name))} here" if told else f"{name} differs"
            )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def _settings(plan: TrainPlan) -> dict[str, Any]:
    content = msgspec.to_builtins(plan)
    content.pop("model")  # a path; load_model and the plan's fingerprint answer for what lies there
    for reference in ("dataset", "validation"):
        if content[reference]:
            content[reference].pop("path")
    if content["starts_from"]:
        content["starts_from"].pop("path")
    return dict(_flat(content, ""))


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value
