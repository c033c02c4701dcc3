"""One of the processes of zero_accuracy.py: our trainer's own set-up on a small model, every storage followed.

Run by torchrun: _zero_rank.py CASES.json OUT; writes OUT/<case>.<rank>.json with the bytes at each phase's peak.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("DS_ACCELERATOR", "cpu")
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

import torch

from trainers.contract import Adapter, Compute, DatasetRef, Hyperparameters, TrainPlan, ZeroSizes
from trainers.labels import LabelledRow
from trainers.objectives import objective
from trainers.sharding.ranks import join_ranks, rank
from trainers.sharding.settings import deepspeed_settings
from trainers.simulation.storage import StorageLog
from trainers.techniques import technique
from trainers.training import arguments as arguments_module
from trainers.training.loop import seed_all

UNDO: list[contextlib.ExitStack] = []
STEPS = 3  # ZeRO-3 knows the order of modules from the third forward pass on; the last step is the answer


class Log(StorageLog):
    """Also says in whose work a storage appeared (`inside`), and where in the events each phase began."""

    inside: str | None = None

    def __init__(self) -> None:
        super().__init__(cuda=False)
        self.begins: list[tuple[int, str]] = [(0, "load")]

    def note(self, tensor: Any, op: str, category: str | None = None) -> None:
        """As the base; what is new is of the work that goes on, and a shape without values takes nothing."""
        if tensor.device.type != "meta":
            super().note(tensor, op, category or self.inside)

    def enter(self, phase: str) -> None:
        """What comes now belongs to another phase."""
        self.phase = phase
        self.begins.append((len(self.events), phase))

    @contextlib.contextmanager
    def during(self, what: str) -> Iterator[None]:
        """New storages are of `what`."""
        before, self.inside = self.inside, what
        try:
            yield
        finally:
            self.inside = before

    def peaks(self) -> dict[str, dict[str, Any]]:
        """Per phase: what lived on the device at its peak, and the most that lived on the host."""
        names = dict(self.begins)
        live: dict[int, int] = {}
        found: dict[str, dict[str, Any]] = {}
        device = host = 0
        phase = "load"
        for at, event in enumerate(self.events):
            phase = names.get(at, phase)
            number = event if event >= 0 else ~event
            storage = self.storages[number]
            size = storage.size if event >= 0 else -storage.size
            if storage.category == "gloo":
                continue
            if storage.category == "host":
                host += size
            else:
                device += size
            if event >= 0:
                live[number] = storage.size
            else:
                live.pop(number, None)
            best = found.setdefault(phase, {"device": -1, "host": 0})
            best["host"] = max(best["host"], host)
            if device > best["device"]:
                best["device"] = device
                best["live"] = dict(live)
        for best in found.values():
            best["terms"] = self._terms(best.pop("live", {}))
        return found

    def _terms(self, live: dict[int, int]) -> dict[str, int]:
        terms: dict[str, int] = {}
        for number, size in live.items():
            name = self.storages[number].category or "other"
            terms[name] = terms.get(name, 0) + size
        return terms


def plan_of(case: dict[str, Any]) -> TrainPlan:
    """The plan of a case; the service writes the same one for a user."""
    sharding = case["sharding"]
    return TrainPlan(
        id="z" * 64, decision=None, lint_report=None, estimate=None, target="local", model=case["model"],
        model_fingerprint=None, technique=case["technique"], sharding=sharding, validation=None,
        dataset=DatasetRef(sha256="0" * 64),
        processes=case["processes"], offload_optimizer=case["offload_optimizer"],
        hyperparameters=Hyperparameters(
            batch_size=case["micro_batch"] * case["grad_accum"] * case["processes"], micro_batch=case["micro_batch"],
            base_learning_rate=1e-3, learning_rate=1e-3, n_epochs=1, adapter=Adapter(r=case["r"], alpha=8),
        ),
        compute=Compute(
            base_dtype=case["base_dtype"], autocast=case["autocast"], attention="sdpa",
            checkpointing=case["checkpointing"],
        ),
    )  # fmt: skip


def rows_of(case: dict[str, Any], plan: TrainPlan) -> list[LabelledRow]:
    """Rows of one length, every token trained."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(
        0, case["vocabulary"], (STEPS * plan.hyperparameters.batch_size, case["seq_len"]), generator=generator
    )
    return [LabelledRow(input_ids=row, labels=row) for row in rows.tolist()]


def wrap(owner: Any, name: str, around: Callable[[], Any]) -> None:
    """Run a method inside a context."""
    old = getattr(owner, name)

    @functools.wraps(old)
    def new(*args: Any, **kwargs: Any) -> Any:
        with around():
            return old(*args, **kwargs)

    replace(owner, name, new)


def replace(owner: Any, name: str, new: Any) -> None:
    """Set an attribute until the case ends."""
    UNDO[-1].callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, new)


def follow(log: Log) -> None:
    """Phases and kinds of work, told by the methods of DeepSpeed that do them."""
    from deepspeed.comm.torch import TorchBackend
    from deepspeed.runtime.engine import DeepSpeedEngine
    from deepspeed.runtime.zero import stage3, stage_1_and_2
    from deepspeed.runtime.zero.partitioned_param_coordinator import PartitionedParameterCoordinator

    def phased(name: str) -> None:
        old, count = getattr(DeepSpeedEngine, name), [0]

        @functools.wraps(old)
        def new(engine: Any, *args: Any, **kwargs: Any) -> Any:
            count[0] += 1
            log.enter(f"{name}{count[0]}")
            result = old(engine, *args, **kwargs)
            name_state(log, engine)
            return result

        replace(DeepSpeedEngine, name, new)

    for name in ("forward", "backward", "step"):
        phased(name)
    wrap(PartitionedParameterCoordinator, "fetch_sub_module", lambda: swept(log.during("gathered")))
    one, three = stage_1_and_2.DeepSpeedZeroOptimizer, stage3.DeepSpeedZeroOptimizer_Stage3
    for name in ("setup_buckets", "average_tensor"):
        wrap(one, name, lambda: log.during("communication"))
    wrap(stage_1_and_2, "all_gather_dp_groups", lambda: log.during("communication"))
    wrap(three, "_DeepSpeedZeroOptimizer_Stage3__avg_scatter_grads", lambda: log.during("communication"))
    wrap(three, "_post_step", lambda: log.during("gathered"))
    for name in ("reduce_scatter_tensor", "all_reduce", "all_gather_into_tensor", "reduce_scatter", "all_gather"):
        wrap(TorchBackend, name, lambda: log.during("gloo"))
    for owner in (one, three):
        wrap(owner, "step", lambda: log.during("step"))


@contextlib.contextmanager
def swept(inner: Any) -> Iterator[None]:
    """What only Python's garbage collector frees would make the figures differ from run to run."""
    gc.collect(0)
    with inner:
        yield


def name_state(log: Log, engine: Any) -> None:
    """Say what the storages are that stay, by DeepSpeed's own attributes."""
    held = engine.optimizer
    offloads = engine.zero_offload_optimizer() is not None
    keeps = "host" if offloads else None
    for parameter in engine.module.parameters():
        if hasattr(parameter, "ds_id"):
            away = engine.zero_offload_param() is not None and not parameter.ds_persist
            log.mark([parameter.ds_tensor], "host" if away else "weights")
        else:
            log.mark([parameter.data], "weights")
    stage3 = hasattr(held, "fp32_partitioned_groups_flat")
    masters = held.fp32_partitioned_groups_flat if stage3 else held.single_partition_of_fp32_groups
    own = {one.untyped_storage().data_ptr() for one in getattr(held, "fp16_partitioned_groups_flat", [])}
    log.mark([one for one in masters if one.untyped_storage().data_ptr() not in own], keeps or "optimizer")
    log.mark([one.grad for one in masters if one.grad is not None], keeps or "gradients")
    for state in held.optimizer.state.values():
        log.mark([one for one in state.values() if isinstance(one, torch.Tensor)], keeps or "optimizer")
    if stage3:
        away = engine.zero_offload_param() is not None
        log.mark(held.fp16_partitioned_groups_flat, "host" if away else "weights")
        log.mark([held.grad_partitions_flat_buffer], keeps or "gradients")
        log.mark([bucket.buffer for bucket in held.ipg_buckets.values()], "communication")
        return
    for group in (held.averaged_gradients or {}).values():
        log.mark(list(group or []), keeps or "gradients")
    if offloads:
        log.mark(held.param_buffer_of_bit16_for_cpu_offload_groups, "host")
        log.mark(held.accumulated_grads_in_cpu.values(), "host")
        log.mark([held.temp_grad_buffer_for_cpu_offload], "host")
        log.mark([held.temp_grad_buffer_for_gpu_offload], "communication")


def main(argv: list[str]) -> int:
    """Train a few steps of each case and say what lived."""
    out = Path(argv[1])
    for name, case in json.loads(Path(argv[0]).read_text()).items():
        with restored():
            log = train(case, out)
        (out / f"{name}.{rank()}.json").write_text(json.dumps(log.peaks()))
    return 0


@contextlib.contextmanager
def restored() -> Iterator[None]:
    """What follows the work of one case is taken away for the next one, and so is what accelerate remembers."""
    with contextlib.ExitStack() as stack:
        UNDO.append(stack)
        yield
        UNDO.pop()
    from accelerate.state import AcceleratorState
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    AcceleratorState._reset_state()
    unset_hf_deepspeed_config()
    os.environ.pop("ACCELERATE_USE_DEEPSPEED", None)
    gc.collect()


def train(case: dict[str, Any], out: Path) -> Log:
    """The storages of one case."""
    plan = plan_of(case)
    arguments_module.deepspeed_settings = functools.partial(deepspeed_settings, sizes=ZeroSizes(**case["sizes"]))
    rows = rows_of(case, plan)
    log = Log()
    arguments = arguments_module.training_arguments(plan, out, rows=len(rows))
    if plan.sharding != "none":
        join_ranks()
        follow(log)
    seed_all(0)
    how, learns = technique(plan.technique), objective(plan)
    with log:
        model = how.wrap(how.load(plan), plan, steps=STEPS)
        trainer = learns.trainer_class(plan)(
            model=model, args=arguments, train_dataset=rows, data_collator=learns.collator(plan, model, pad_id=0)
        )
        if plan.sharding == "none":
            follow_plain(log, trainer)
        trainer.train()
    return log


def follow_plain(log: Log, trainer: Any) -> None:
    """The same without DeepSpeed: DistributedDataParallel's buckets, plain gradients and states."""
    from transformers import TrainerCallback

    class Phases(TrainerCallback):
        def on_step_begin(self, *told: Any, **_: Any) -> None:
            log.enter(f"forward{told[1].global_step + 1}")

        def on_pre_optimizer_step(self, *told: Any, model: Any, **_: Any) -> None:
            log.mark([one.data for one in model.parameters()], "weights")
            log.mark([one.grad for one in model.parameters() if one.grad is not None], "gradients")
            log.enter(f"step{told[1].global_step + 1}")

        def on_optimizer_step(self, *_told: Any, **_: Any) -> None:
            for one in trainer.optimizer.optimizer.state.values():
                log.mark([value for value in one.values() if isinstance(value, torch.Tensor)], "optimizer")

    trainer.add_callback(Phases())


if __name__ == "__main__":
    ended = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ended)  # the threads of torch.distributed may abort a process that ended well
