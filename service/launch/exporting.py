"""ONNX of what is trained already: who may ask for it, and the plan that the trainers' exporter carries out."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import msgspec

from service.errors import TuneGateError
from service.files import write_atomically
from service.launch.local import work_plan
from service.launch.targets.kaito.settings import HERE, KAITO, kaito_settings
from service.settings import Settings
from trainers.contract import STARTED_PLAN, Compute, DatasetRef, Outputs, TrainPlan

_LIBRARIES = ("torch", "transformers", "peft", "onnx", "onnxruntime", "onnxruntime_genai")
_OF_FOUR_BITS = "bitsandbytes"


def libraries_of(technique: str) -> list[str]:
    """The modules that the exporter takes for an adapter of a technique."""
    return [*_LIBRARIES, *([_OF_FOUR_BITS] if technique.startswith("q") else [])]


def require_libraries(wanted: Sequence[str]) -> None:
    """Refuse where the exporter would find out only after everything else was paid for.

    Raises:
        TuneGateError: `missing_extra`.
    """
    if missing := [name for name in wanted if importlib.util.find_spec(name) is None]:
        detail = f"The export here takes {', '.join(missing)}: not installed where the job is carried out."
        raise TuneGateError("missing_extra", detail, remedy="pip install 'tunegate[train]' there, or ask for no ONNX.")


def exports_here(target: str, settings: Settings) -> bool:
    """Whether what comes back from a target without ONNX is exported by the service that fetches it.

    Raises:
        TuneGateError: `target_not_configured`.
    """
    return target == KAITO and kaito_settings(settings).onnx == HERE


def prepare_export(
    out: Path, plan: TrainPlan, *, model: Path, dataset: DatasetRef, validation: DatasetRef | None, outputs: Outputs
) -> None:
    """The exporter's plan in a run folder that holds adapter/ or model/; the references name files of this host."""
    values = plan.hyperparameters
    # a trainer that is not ours may have cut rows without a word: it is proven on those that fit
    overlong = "drop" if values.overlong == "refuse" else values.overlong
    here = msgspec.structs.replace(
        plan,
        model=str(model),
        dataset=dataset,
        validation=validation,
        outputs=outputs,
        allow_download=False,
        starts_from=None,
        # how it was trained is done: nothing of it is needed to merge and to export
        sharding="none",
        processes=1,
        offload_optimizer=False,
        compute=Compute(base_dtype=plan.compute.base_dtype, autocast=plan.compute.autocast),
        evaluation=msgspec.structs.replace(plan.evaluation, metrics=[]),
        hyperparameters=msgspec.structs.replace(
            values, early_stopping=None, eval_steps=None, keep="last", batch_size=1, micro_batch=1, overlong=overlong
        ),
    )
    content = msgspec.json.encode(here)
    write_atomically(work_plan(out), content)
    # the run's own plan stands in the folder as a record; what is carried out here is this one
    write_atomically(work_plan(out).with_name(STARTED_PLAN), content)
