"""Which of the large libraries that others load wherever they are installed a process needs.

peft loads bitsandbytes, accelerate DeepSpeed and boto3 (its SageMaker questions), transformers SciPy (the losses of
object detection), at their own import: a third of the time in which a trainer starts, and memory while it runs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from trainers.contract import TrainPlan
from trainers.techniques import FOUR_BIT

_OPTIONAL = ("bitsandbytes", "boto3", "deepspeed", "scipy")
PLAIN_OPTIMIZER = "adamw"


def needed_by(plan: TrainPlan) -> list[str]:
    """The optional libraries that the plan's training cannot do without."""
    needed = []
    if plan.technique in FOUR_BIT or plan.compute.optimizer != PLAIN_OPTIMIZER:
        needed.append("bitsandbytes")
    if plan.sharding != "none":
        needed.append("deepspeed")
    return needed


def load_only(*needed: str) -> None:
    """Have the others count as not installed in this process; before any library is loaded."""
    for name in _OPTIONAL:
        if name not in needed:
            # for find_spec and import alike: there is no such module (importlib.util.find_spec, "import" statement)
            sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def load_only_for(plan: TrainPlan) -> None:
    """What a plan needs; everything where the model may need more: by its own code, or by how it is quantised."""
    if not plan.trust_remote_code and _is_plain(Path(plan.model)):
        needed = needed_by(plan)
        load_only(*needed, *(["scipy"] if "bitsandbytes" in needed else []))  # some of its 8-bit maps are SciPy's


def _is_plain(model: Path) -> bool:
    """Whether the folder describes weights as they are; false also where it says nothing."""
    try:
        config = json.loads((model / "config.json").read_text())
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and "quantization_config" not in json.dumps(config)
