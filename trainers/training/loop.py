"""The fine-tuning loop: the plain transformers Trainer over rows that carry their own labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trainers.contract import TrainPlan
from trainers.merge_proof import keep_answers
from trainers.objectives import objective
from trainers.outfiles import WORK, complete_folder
from trainers.precision import autocast
from trainers.progress import ProgressWriter
from trainers.runfolder import link_tree
from trainers.sharding.compiling import compile_in_turn
from trainers.sharding.ranks import as_first, is_first, join_ranks, parameter_count, wait_for_all
from trainers.techniques import technique
from trainers.training.arguments import total_steps, training_arguments
from trainers.training.checkpoints import Checkpoints, Mark, Schedule, resumable
from trainers.training.packing import require_packing
from trainers.training.tracking import Tracker, Untracked, open_tracker
from trainers.training.validation import Validator, best, measured
from trainers.training.watcher import Watcher, as_callback

_SAVED_BYTES_PER_PARAMETER = 12  # an fp32 weight and the two moments of AdamW


class Stopped(Exception):  # noqa: N818
    """SIGTERM was seen; the work so far is in a checkpoint and nothing is reported as done."""


def fit(
    plan: TrainPlan,
    out: Path,
    load_base: Callable[[], Any],
    tokenizer: Any,
    rows: list[Any],
    progress: ProgressWriter,
    stopping: Callable[[], bool],
    held_out: Sequence[Any] = (),
) -> dict[str, Any]:
    """Train a base by the plan's technique, from its newest checkpoint on, and save what was trained.

    The base is loaded when its place is made: under ZeRO-3 no process ever holds all of it. Returns the run's figures.

    Raises:
        TrainerError: `job_failed` when the loss is no number, `target_cannot` when the model cannot be packed.
        Stopped: on SIGTERM, after the current step.
    """
    checkpoints = Checkpoints(out, plan.id, progress.log)
    arguments = training_arguments(plan, checkpoints.folder, rows=len(rows))
    if plan.sharding != "none":
        compile_in_turn()
        join_ranks()
    base = load_base()
    use_cache = getattr(base.config, "use_cache", False)
    seed_all(plan.hyperparameters.seed)  # again: the baseline must not change the adapter's initial values
    how, learns = technique(plan.technique), objective(plan)
    model = how.wrap(base, plan, steps=total_steps(plan, rows=len(rows)))

    prepared = _preparing(plan, model, tokenizer, out, progress, stopping)
    with autocast(plan.compute, model):
        rows, held_out = prepared(rows, "training"), prepared(held_out, "validation")
    trainer = _trainer(plan, arguments, model, tokenizer, _evened(rows, plan, progress))

    def save(place: Path) -> None:
        # the Trainer switches the cache off, and it would be saved so
        switched, base.config.use_cache = getattr(base.config, "use_cache", False), use_cache
        # every process has a part in both, and the first one writes
        weights = trainer.accelerator.get_state_dict(trainer.model_wrapped) if plan.processes > 1 else None
        keep_answers(model, map(learns.probe, rows), place, write=is_first())
        if is_first():
            how.save(model, tokenizer, plan, place, weights)
        base.config.use_cache = switched
        wait_for_all()

    mark = as_first(checkpoints.newest() if is_first() else None)
    trainable = sum(parameter_count(one) for one in model.parameters() if one.requires_grad)
    keeps_best = plan.hyperparameters.keep == "best"
    saves = how.resumes(plan) and resumable()

    def save_best(step: int) -> None:
        save(checkpoints.best_path(step))
        if not saves and is_first():
            checkpoints.keep_only_best(step)

    with _tracked(plan, out, progress) as tracker:
        watcher = Watcher(
            progress=progress,
            stopping=stopping,
            validator=Validator(learns, tokenizer, held_out, plan),
            checkpoints=checkpoints,
            schedule=Schedule(plan.hyperparameters.save_steps, expected_bytes=trainable * _SAVED_BYTES_PER_PARAMETER),
            tracker=tracker,
            keep_best=save_best if keeps_best else None,
            seconds_before=mark.seconds if mark else 0.0,
            saves=saves,
        )
        trainer.add_callback(as_callback(watcher))
        _say_where_it_begins(mark, progress)
        try:
            trainer.train(resume_from_checkpoint=str(checkpoints.path(mark.step)) if mark else None)
        finally:
            if is_first():
                checkpoints.forget_unsealed()  # a save that failed half-way must not hold the space it lacked
        state = trainer.state
        if watcher.stopped:
            raise Stopped
    top = best(state.log_history) if keeps_best else None
    if top is None:
        save(out)
    elif is_first():
        _promote(checkpoints.best_path(top[0]), out)
    return {
        "rows": len(rows),
        "trainable_params": trainable,
        "total_params": sum(map(parameter_count, model.parameters())),
        "seconds": watcher.seconds,
        "kept": plan.hyperparameters.keep,
        "kept_step": top[0] if top else state.global_step,
        **(_together(trainer.args) if plan.processes > 1 else {}),
        **_curve(state),
    }


def _preparing(
    plan: TrainPlan, model: Any, tokenizer: Any, out: Path, progress: ProgressWriter, stopping: Callable[[], bool]
) -> Callable[[Sequence[Any], str], list[Any]]:
    """What the objective asks of the model as it starts; a run that is to stop ends while it asks."""

    def heed() -> None:
        if stopping():
            raise Stopped

    def prepared(samples: Sequence[Any], split: str) -> list[Any]:
        made, said = objective(plan).prepared(samples, split, model, tokenizer, out, heed)
        if said:
            progress.log(said)
        return made

    return prepared


def _evened(rows: list[Any], plan: TrainPlan, progress: ProgressWriter) -> list[Any]:
    """The rows, and where several processes would else repeat some of them, empty ones that train nothing."""
    missing = -len(rows) % (plan.hyperparameters.micro_batch * plan.processes) if plan.processes > 1 else 0
    if missing:
        progress.log(f"{missing} empty rows fill the last step, so that no row is trained twice in an epoch")
    return [*rows, *[objective(plan).filler(rows[0])] * missing]


def _trainer(plan: TrainPlan, arguments: Any, model: Any, tokenizer: Any, rows: list[Any]) -> Any:
    """The transformers Trainer, silent on stdout."""
    from transformers import PrinterCallback

    how, learns, pad_id = technique(plan.technique), objective(plan), tokenizer.pad_token_id
    trainer = learns.trainer_class(plan)(
        model=model,
        args=arguments,
        optimizers=(how.optimizer(model, plan), None),
        train_dataset=rows,
        data_collator=learns.collator(plan, model, pad_id=pad_id),
        callbacks=how.callbacks(model, plan),
    )
    trainer.remove_callback(PrinterCallback)  # it prints to stdout when tqdm is off
    if plan.hyperparameters.packing:
        require_packing(
            trainer.model, rows, pad_id=pad_id, compute=plan.compute
        )  # on the device that the Trainer chose
    return trainer


def _together(arguments: Any) -> dict[str, int]:
    """How many processes there were in the end, and the rows that one step took from all of them."""
    each = arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps
    return {"processes": arguments.world_size, "rows_per_step": each * arguments.world_size}


def _curve(state: Any) -> dict[str, Any]:
    losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
    return {
        "steps": len(losses),
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "validation": [{"step": step, "validation_loss": loss} for step, loss in measured(state.log_history)],
        "stopped_early": state.global_step < state.max_steps,
    }


def seed_all(seed: int) -> None:
    """One seed for Python, NumPy and PyTorch: adapter values, dropout and the order of the data."""
    from transformers import set_seed

    set_seed(seed)


@contextmanager
def _tracked(plan: TrainPlan, out: Path, progress: ProgressWriter) -> Iterator[Tracker]:
    tracker = open_tracker(plan, out, progress.log) if is_first() else Untracked()
    try:
        yield tracker
    except Stopped:
        tracker.close("KILLED")
        raise
    except BaseException:
        tracker.close("FAILED")
        raise
    tracker.close("FINISHED")


def _say_where_it_begins(mark: Mark | None, progress: ProgressWriter) -> None:
    reported = progress.last_step
    if mark is None and not reported:
        return
    step = mark.step if mark else 0
    again = f"; steps {step + 1} to {reported} are repeated and not reported again" if reported > step else ""
    progress.log(f"resumed at step {step}{'' if mark else ', there is no checkpoint'}{again}")


def _promote(best_place: Path, out: Path) -> None:
    """Make the weights that were best the run's result; they stay where they are until all is said and done."""
    for saved in [*best_place.glob("[!.]*"), *(best_place / WORK).glob("*")]:
        with complete_folder(out / saved.relative_to(best_place)) as folder:
            link_tree(saved, folder)
