"""--from RUN: reads a finished run that a new plan goes on from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from service.artifacts.card import base_name
from service.artifacts.finished import finished
from service.data import RuleFiles
from service.errors import ErrorItem, TuneGateError
from service.launch.continuing import Left, Start, shape_left
from service.launch.request import PlanChoices
from service.models.hub import pinned
from service.models.resolve import ResolvedModel, resolve_model
from service.settings import Settings
from trainers.contract import Adapter, TrainPlan

_WEIGHTS, _CONFIG, _TEMPLATE = "adapter_model.safetensors", "adapter_config.json", "chat_template.jinja"


def left_by(run: Path, *, job: str | None = None) -> Left:
    """What a finished run left to train on, after checking every file of it.

    Raises:
        TuneGateError: `artifact_not_ready` for no finished run, or one that kept nothing to train on;
            `artifact_corrupt`.

    """
    run = run.absolute()
    manifest, plan = finished(run)
    kind, adapter = ("model" if plan.technique == "full" else "adapter"), run / "adapter"
    if not (run / "model" if kind == "model" else adapter / _WEIGHTS).exists():
        raise TuneGateError(
            "artifact_not_ready",
            f"{run}: there is no {kind}/ to train on.",
            remedy="Train it again: runs of this version keep what they trained.",
        )
    template = plan.chat_template.text if plan.chat_template else None
    if (adapter / _TEMPLATE).is_file():
        template = (adapter / _TEMPLATE).read_text(encoding="utf-8")
    return Left(
        plan=plan,
        manifest=manifest.id,
        kind="model" if kind == "model" else "adapter",
        path=str(run),
        model=str(run / "model") if kind == "model" else pinned(plan.model, plan.model_revision),
        base_model=base_name(plan),
        job=job,
        adapter_config=_config(adapter / _CONFIG) if kind == "adapter" else {},
        # a tuned model has it in its tokenizer
        template=template if kind == "adapter" else None,
    )


def shape_of(run: Path) -> Adapter:
    """The shape of the adapter that a finished run left."""
    return shape_left(left_by(run))


def left_for(choices: PlanChoices) -> Left | None:
    """What the run left whose folder the choices name, if they name one."""
    return left_by(Path(choices.starts_from)) if choices.starts_from else None


def other_base(start: Start, model: ResolvedModel) -> list[ErrorItem]:
    """That the earlier adapter belongs to another base than the one that was resolved."""
    if start.fingerprint is None or model.fingerprint == start.fingerprint:
        return []
    why = "An adapter is of use to the base alone that it was trained on: name that one, or leave --model out."
    seen = f"{model.name} with fingerprint {str(model.fingerprint)[:12]}"
    allowed = f"{start.starts_from.base_model} with fingerprint {start.fingerprint[:12]}"
    return [ErrorItem("model", seen, allowed, why)]


def other_model(asked: str, left: Left, *, rules: RuleFiles, settings: Settings) -> list[ErrorItem]:
    """That a model is named beside a tuned one, which is neither it nor what it was tuned from."""
    if left.kind == "adapter" or not asked:
        return []
    allowed = {left.plan.model_fingerprint, resolve_model(left.model, rules=rules, settings=settings).fingerprint}
    try:
        seen = resolve_model(asked, rules=rules, settings=settings)
    except TuneGateError as error:
        return [ErrorItem("model", error.detail.rstrip("."), None, error.remedy or None)]
    if seen.fingerprint in allowed:
        return []
    why = "The model that the run left is trained on: leave --model out."
    wanted = " or ".join(f"fingerprint {str(one)[:12]}" for one in sorted(map(str, allowed)))
    return [ErrorItem("model", f"{asked} with fingerprint {str(seen.fingerprint)[:12]}", wanted, why)]


def require_start(plan: TrainPlan) -> None:
    """Check at launch that the run is still the one that was planned to start from; the trainer checks every file.

    Raises:
        TuneGateError: `plan_mismatch`.

    """
    start = plan.starts_from
    if start is None:
        return
    try:
        manifest, _ = finished(Path(start.path or ""))
    except TuneGateError as error:
        raise TuneGateError("plan_mismatch", f"starts_from: {error.detail}", remedy="Plan again.") from error
    if manifest.id != start.manifest:
        raise TuneGateError(
            "plan_mismatch",
            f"{start.path} holds another run (manifest {manifest.id[:12]}) than was planned ({start.manifest[:12]}).",
            remedy="Plan again.",
        )


def _config(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError) as error:
        raise TuneGateError("artifact_corrupt", f"{path.parent}: {path.name} cannot be read.") from error
