"""ONNX of what is trained already: who may ask for it, and the plan that the trainers' exporter carries out."""

from __future__ import annotations

from pathlib import Path

import msgspec

from service.files import write_atomically
from service.launch.local import work_plan
from service.launch.targets.kaito.settings import HERE, KAITO, kaito_settings
from service.settings import Settings
from trainers.contract import STARTED_PLAN, Compute, DatasetRef, Outputs, TrainPlan


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
