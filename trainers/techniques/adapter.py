"""What all adapters share: the base stays as it is, a small folder beside it is the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainers.contract import TrainPlan
from trainers.load import load_base, on_device
from trainers.problems import TrainerError
from trainers.techniques.adapter_folder import ADAPTER, remember_start, save_adapter
from trainers.techniques.continued import continued
from trainers.techniques.targets import put_heads_in_place
from trainers.techniques.technique import Technique


class AdapterTechnique(Technique):
    """Wraps by a PeftConfig; a technique says which, and may load its base otherwise."""

    def config(self, plan: TrainPlan, model: Any, *, steps: int) -> Any:
        """The PeftConfig of a plan for this model."""
        raise NotImplementedError

    def load(self, plan: TrainPlan) -> Any:
        """The base as it is trained."""
        return on_device(load_base(plan))

    def unquantised(self, plan: TrainPlan) -> Any:
        """The base that was trained on, in plain fp32 layers on the CPU."""
        return load_base(plan, attn_implementation="eager").float()

    def wrap(self, model: Any, plan: TrainPlan, *, steps: int) -> Any:
        """The frozen base with the adapter in it, a new one or that of the run that the plan starts from.

        Raises:
            TrainerError: `target_cannot` with the words of peft, which name settings and modules only.
        """
        from peft import get_peft_model

        if plan.starts_from is not None:
            return continued(model, plan)
        try:
            wrapped = get_peft_model(model, self.config(plan, model, steps=steps))
        except (ValueError, TypeError, NotImplementedError, AssertionError, ImportError, AttributeError) as error:
            raise TrainerError(
                "target_cannot",
                f"The adapter does not fit this model: {' '.join(str(error).split())[:400]}",
                remedy="Change the adapter's settings (its target modules, rank or sizes) and plan again.",
            ) from error
        if not any(one.requires_grad for one in wrapped.parameters()):
            raise TrainerError("target_cannot", "The adapter has no trainable parameter.", remedy="Other targets.")
        _train_in_fp32(wrapped)
        remember_start(wrapped)
        return wrapped

    def begun(self, model: Any, plan: TrainPlan) -> Any:
        """The base, or the base with the earlier run's adapter in it."""
        return model if plan.starts_from is None else self.wrap(model, plan, steps=1).eval()

    def save(
        self, model: Any, tokenizer: Any, plan: TrainPlan, out: Path, weights: dict[str, Any] | None = None
    ) -> None:
        """OUT/adapter."""
        del tokenizer
        save_adapter(model, plan, out, weights)

    def merged(self, plan: TrainPlan, out: Path) -> Any | None:
        """The fp32 base with the saved adapter folded into its weights."""
        tuned = self.tuned(plan, out)
        if not hasattr(tuned.base_model, "merge_and_unload"):
            return None
        if plan.task != "chat":
            put_heads_in_place(tuned)
        try:
            return tuned.merge_and_unload().eval()
        except (NotImplementedError, ValueError):
            return None  # a few methods have the door and nothing behind it

    def tuned(self, plan: TrainPlan, out: Path) -> Any:
        """The fp32 base with the saved adapter beside its weights."""
        from peft import PeftModel

        return PeftModel.from_pretrained(self.unquantised(plan), str(out / ADAPTER)).eval()


def _train_in_fp32(model: Any) -> None:
    """Peft makes its own layers so; what it copies out of a 16-bit base (modules_to_save, norms) would stay in it."""
    for parameter in model.parameters():
        if parameter.requires_grad and parameter.dtype.itemsize < 4:
            parameter.data = parameter.data.float()
