"""What a model folder's safetensors headers say of its weights: names and shapes, without loading any."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

Shapes = Mapping[str, tuple[int, ...]]

# a header of hundreds of MB is no model's
_LARGEST_HEADER = 256 * 2**20
_WEIGHT = ".weight"
_METADATA = "__metadata__"


def module_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Module name -> shape of its weight (out, in for a linear layer); empty when there is no readable header."""
    found: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        for name, tensor in _header(path).items():
            if name.endswith(_WEIGHT) and isinstance(tensor, dict) and isinstance(tensor.get("shape"), list):
                found[name.removesuffix(_WEIGHT)] = tuple(tensor["shape"])
    return found


def fp32_bytes(folder: Path) -> int:
    """What all weights of the folder take once they are saved in fp32, as the trainer saves them; 0 if unknown."""
    tensors = (one for path in folder.glob("*.safetensors") for one in _header(path).values())
    shapes = (one["shape"] for one in tensors if isinstance(one, dict) and isinstance(one.get("shape"), list))
    return sum(4 * math.prod(shape) for shape in shapes)


def parameter_count(folder: Path | None) -> int | None:
    """Elements of all tensors in the files; None when no header can be read."""
    files = sorted(folder.glob("*.safetensors")) if folder else []
    tensors = [one for path in files for name, one in _header(path).items() if name != _METADATA]
    shapes = [one["shape"] for one in tensors if isinstance(one, dict) and isinstance(one.get("shape"), list)]
    return sum(math.prod(shape) for shape in shapes) or None


def is_linear(name: str, shape: tuple[int, ...]) -> bool:
    """Whether "all-linear" means this module: a matrix that is neither an embedding nor the head."""
    last = name.rsplit(".", 1)[-1]
    return len(shape) == 2 and not ("embed" in last or last in {"lm_head", "wte", "wpe"})


def _header(path: Path) -> dict[str, object]:
    """The JSON at the start of the file; `check_weights` refuses broken files, so here they are simply silent."""
    try:
        with path.open("rb") as handle:
            length = int.from_bytes(handle.read(8), "little")
            header = json.loads(handle.read(length)) if length <= _LARGEST_HEADER else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return header if isinstance(header, dict) else {}
