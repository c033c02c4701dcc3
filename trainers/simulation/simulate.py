"""A question in, a simulation out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainers.problems import TrainerError
from trainers.simulated import Simulation, SimulationQuestion

if TYPE_CHECKING:
    from trainers.simulation.storage import Storage


def simulate(question: SimulationQuestion) -> Simulation:
    """Run two steps on fake tensors and read the second one.

    Raises:
        TrainerError: `unsupported_family`, `target_cannot`; also where an operation needs values, which fake tensors
            do not have.
    """
    import torch
    from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode

    from trainers.simulation.emulation import emulated
    from trainers.simulation.model import build
    from trainers.simulation.replay import Replay
    from trainers.simulation.step import run
    from trainers.simulation.storage import StorageLog

    log = StorageLog(cuda=question.cuda)
    fake = FakeTensorMode(allow_non_fake_inputs=True)
    with fake, torch.device("cpu"), emulated(cuda=question.cuda, kernel=question.kernel):
        try:
            model, parameters = build(question)
            run(model, question, log)
        except (DataDependentOutputException, DynamicOutputShapeException) as error:
            raise TrainerError(
                "target_cannot",
                f"Not simulable: {type(error).__name__} ({error.func}); this method computes by values.",
                remedy="Measure it on a GPU.",
            ) from error
        trained = sum(one.numel() for one in model.parameters() if one.requires_grad)
    _name_the_rest(log.storages, vocabulary=int(question.config.get("vocab_size") or 0))
    replay = Replay(log)
    return Simulation(
        allocated=replay.allocated,
        reserved=replay.reserved,
        phase=replay.phase,
        phases=replay.phases,
        categories=replay.categories({"fwd": "activations"}),
        timeline=replay.timeline(),
        largest=replay.largest(),
        parameters=parameters,
        trained_parameters=trained,
        operations=log.operations,
    )


def _name_the_rest(storages: Sequence[Storage], *, vocabulary: int) -> None:
    """Copies of weights in another type, and tensors as wide as the vocabulary: logits and what the loss makes of them.

    The category of gradients of such a width is settled before.
    """
    weights = {storage.shape for storage in storages if storage.phase == "load" and len(storage.shape) > 1}
    for storage in storages:
        if storage.category is None and storage.op == "aten::_to_copy" and storage.shape in weights:
            storage.category = "cast_weights"
        elif storage.category is None and storage.shape and storage.shape[-1] == vocabulary:
            storage.category = "logits_and_loss"
