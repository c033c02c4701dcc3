"""Runs `python -m trainers.simulation` with a limit of time and memory, and reads its answer."""

from __future__ import annotations

import threading

from service.launch.asking import Helper, asked
from trainers.contract import Simulation, SimulationQuestion

# a 70B model with DoRA is the slowest that was tried; a question beyond these is a mistake or an attack
SECONDS, BYTES = 300.0, 4 * 2**30
# a service answers many at once; so many may simulate, and others wait for their turn
_AT_ONCE = 2
_HELPER = Helper(
    module="trainers.simulation",
    what="simulation",
    otherwise="Fewer layers, or the formula tier.",
    turns=threading.BoundedSemaphore(_AT_ONCE),
)


def run_simulation(question: SimulationQuestion, *, seconds: float = SECONDS, memory_bytes: int = BYTES) -> Simulation:
    """The answer to one question.

    Raises:
        TuneGateError: `missing_extra`; `busy` when others have the turns; what the simulation found
            (`unsupported_family`, `target_cannot`); `target_cannot` when it needs more time or memory than it may
            have; `trainer_died`.

    """
    return asked(_HELPER, question, Simulation, seconds=seconds, memory_bytes=memory_bytes)
