"""Builds one precision by the route that can: the genai builder first, torch.onnx where it cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from trainers.contract import TrainPlan
from trainers.native import foreign_type
from trainers.onnx import builder, dynamo
from trainers.onnx.companions import add_companions
from trainers.onnx.encoder import export_encoder
from trainers.outfiles import WORK, complete_folder, has_part, load_part, save_part
from trainers.problems import TrainerError
from trainers.progress import ProgressWriter


class Route(msgspec.Struct, frozen=True):
    """The route that was taken, and why not the first one (null: it was)."""

    name: str
    why: str | None = None


def export(plan: TrainPlan, out: Path, progress: ProgressWriter) -> None:
    """OUT/onnx/<precision>/ for every asked precision: model.onnx, its data, tokenizer, template, configs.

    Raises:
        TrainerError: `job_failed` when no route can build the architecture.
    """
    missing = [one for one in dict.fromkeys(plan.outputs.onnx) if not _stands(out, one)]
    if not missing or has_part(out, "onnx"):
        return
    progress.phase("export")
    for precision in missing:
        build(plan, out, precision, progress.log)


def build(plan: TrainPlan, out: Path, precision: str, say: Callable[[str], None], *, by: str | None = None) -> Route:
    """Build one precision, by the named route or by the first that can, and record the route.

    Raises:
        TrainerError: `job_failed` with what each route said.
    """
    merged = out / WORK / "merged"
    why = None
    if plan.task != "chat":
        by = dynamo.ROUTE  # the builder writes decoders alone
    if by in (None, builder.ROUTE):
        kind = foreign_type(merged)
        why = builder.refusal(merged) if kind is None else f"the builder does not know {kind}"
        if why is None:
            try:
                return _built(plan, out, precision, Route(builder.ROUTE), say)
            except NotImplementedError:
                why = f"the builder does not know {_architecture(merged)}"
            except (KeyError, AttributeError, ValueError, TypeError, RuntimeError) as error:
                why = f"the builder failed ({type(error).__name__})"
    if by == builder.ROUTE:
        raise TrainerError("job_failed", f"ONNX {precision}: {why}.", remedy="Leave the route open.")
    try:
        return _built(plan, out, precision, Route(dynamo.ROUTE, why), say)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        raise TrainerError(
            "job_failed",
            f"No ONNX route for {_architecture(merged)}: {why or 'the builder was not asked'}; "
            f"torch.onnx failed ({type(error).__name__}).",
            remedy="What was trained is in OUT/adapter or OUT/model; choose a base model of another architecture.",
        ) from error


def _stands(out: Path, precision: str) -> bool:
    """Whether an earlier try of this run built the precision and wrote down how."""
    return (out / "onnx" / precision).is_dir() and precision in load_part(out, "routes")


def route_of(out: Path, precision: str) -> str:
    """The route by which a precision was built."""
    return str(load_part(out, "routes")[precision])


def _built(plan: TrainPlan, out: Path, precision: str, route: Route, say: Callable[[str], None]) -> Route:
    merged = out / WORK / "merged"
    say(f"building ONNX {precision} by {route.name}" + (f": {route.why}" if route.why else ""))
    with complete_folder(out / "onnx" / precision) as folder:
        if route.name == builder.ROUTE:
            builder.build(merged, folder, precision, plan.outputs.provider)
        else:
            encoder = partial(export_encoder, task=plan.task) if plan.task != "chat" else None
            dynamo.build(
                merged,
                folder,
                precision,
                exported=out / WORK / dynamo.ROUTE,
                export=encoder or partial(dynamo.export_decoder, trust_remote_code=plan.trust_remote_code),
            )
        add_companions(folder, merged)
    save_part(out, "routes", load_part(out, "routes") | {precision: route.name})
    return route


def _architecture(merged: Path) -> str:
    return ", ".join(json.loads((merged / "config.json").read_text()).get("architectures") or ["an unnamed model"])
