"""The second worker: ONNX by the onnxruntime-genai model builder, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

from trainers.contract import TrainPlan
from trainers.outfiles import WORK, complete_folder
from trainers.problems import TrainerError
from trainers.progress import ProgressWriter

ROUTE = "genai-builder"
# what the CPU provider can run (fp16 and bf16 graphs build for it, but fail when run)
PRECISIONS = ("fp32", "int8", "int4")


def export(plan: TrainPlan, out: Path, progress: ProgressWriter) -> None:
    """OUT/onnx/<precision>/ for every asked precision: model.onnx, its data, tokenizer, template, configs.

    Raises:
        TrainerError: `job_failed` when the builder does not know the architecture.
    """
    if all((out / "onnx" / precision).is_dir() for precision in plan.outputs.onnx):
        return
    progress.phase("export")
    merged = out / WORK / "merged"
    for precision in plan.outputs.onnx:
        if (out / "onnx" / precision).is_dir():
            progress.log(f"ONNX {precision} was built before the interruption")
            continue
        progress.log(f"building ONNX {precision}")
        with complete_folder(out / "onnx" / precision) as folder:
            _build(merged, folder, precision, cache=out / WORK / "builder-cache")
            _readable_by_others(folder, merged)


def _build(merged: Path, folder: Path, precision: str, *, cache: Path) -> None:
    from onnxruntime_genai.models.builder import create_model, parse_extra_options

    cache.mkdir(exist_ok=True)
    places = (str(merged), str(folder), precision, "cpu", str(cache))
    try:
        with contextlib.redirect_stdout(sys.stderr):
            options = parse_extra_options(None, *places, [])
            create_model(None, *places, **options)
    except NotImplementedError as error:
        architecture = json.loads((merged / "config.json").read_text()).get("architectures")
        raise TrainerError(
            "job_failed",
            f"No ONNX route for the architecture {architecture}.",
            remedy="The adapter is in OUT/adapter; choose a base model that the ONNX builder knows.",
        ) from error


def _readable_by_others(folder: Path, merged: Path) -> None:
    """Undo that transformers 5 names its own tokenizer class, which transformers 4 does not know."""
    for name in ("chat_template.jinja",):
        if not (folder / name).exists() and (merged / name).exists():
            (folder / name).write_bytes((merged / name).read_bytes())
    config = folder / "tokenizer_config.json"
    values = json.loads(config.read_text())
    if values.get("tokenizer_class") == "TokenizersBackend":
        values["tokenizer_class"] = "PreTrainedTokenizerFast"
    config.write_text(json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
