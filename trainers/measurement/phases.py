"""Where one phase of a step ends and the next begins, told by hooks of the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trainers.measured import Reading
from trainers.measurement.meter import Meter

# of one step, in their order; "load" comes before the first
PHASES = ("fwd", "loss", "bwd_first", "bwd_last", "end", "opt")


class PhaseClock:
    """Reads the meter whenever a phase is left; `phase` is the running one, `peaks` the highest of each."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self.phase = "load"
        self.peaks: dict[str, Reading] = {}
        meter.reset()

    def enter(self, phase: str) -> None:
        """End the running phase and begin another."""
        self.leave()
        self.phase = phase
        self._meter.reset()

    def leave(self) -> None:
        """Note the running phase's peak."""
        seen, before = self._meter.peak(), self.peaks.get(self.phase)
        if before is None or seen.allocated > before.allocated:
            self.peaks[self.phase] = seen

    def forget(self) -> None:
        """Begin anew, in the phase that runs."""
        self.peaks.clear()
        self._meter.reset()


def watch_layers(model: Any, clock: PhaseClock, *, full: bool) -> Callable[[], None]:
    """The backward pass of the first layer is phase bwd_last of full fine-tuning, what follows is the end.

    Adapters free more than they make on the way down, and have no such phases; returns what takes the hooks away.
    """
    layers = _layers(model)
    if not full or layers is None:
        return lambda: None

    def entered(_: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        _when_differentiated(given[0] if given else named.get("hidden_states"), clock, "end")

    def left(_: Any, __: Any, output: Any) -> None:
        _when_differentiated(output[0] if isinstance(output, tuple) else output, clock, "bwd_last")

    hooks = (layers[0].register_forward_pre_hook(entered, with_kwargs=True), layers[0].register_forward_hook(left))

    def remove() -> None:
        for hook in hooks:
            hook.remove()

    return remove


def watch_logits(logits: Any, clock: PhaseClock) -> None:
    """The loss is differentiated when the gradient of the logits is there."""
    _when_differentiated(logits, clock, "bwd_first")


def _when_differentiated(tensor: Any, clock: PhaseClock, phase: str) -> None:
    # layers that are computed again in the backward pass are not hooked a second time
    if clock.phase == "fwd" and tensor is not None and tensor.requires_grad:
        tensor.register_hook(lambda _: clock.enter(phase))


def _layers(model: Any) -> Any | None:
    import torch

    count = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    lists = (one for one in model.modules() if isinstance(one, torch.nn.ModuleList))
    return next((one for one in lists if len(one) == count), None)
