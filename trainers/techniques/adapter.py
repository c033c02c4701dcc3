"""What all adapters share: the base stays as it is, a small folder beside it is the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainers.contract import TrainPlan
from trainers.load import load_model, on_device
from trainers.problems import TrainerError
from trainers.techniques.adapter_folder import ADAPTER, remember_start, save_adapter
from trainers.techniques.targets import put_heads_in_place
from trainers.techniques.technique import Technique


class AdapterTechnique(Technique):
    """Wraps by a PeftConfig; a technique says which, and may load its base otherwise."""

    def config(self, plan: TrainPlan, model: Any, *, steps: int) -> Any:
        """The PeftConfig of a plan for this model."""
        raise NotImplementedError

    def load(self, plan: TrainPlan) -> Any:
        """The fp32 base."""
        return on_device(load_model(plan))

    def unquantised(self, plan: TrainPlan) -> Any:
        """The base that was trained on, in plain fp32 layers on the CPU."""
        return load_model(plan)

    def wrap(self, model: Any, plan: TrainPlan, *, steps: int) -> Any:
        """The frozen base with the adapter in it.

        Raises:
            TrainerError: `target_cannot` with the words of peft, which name settings and modules only.
        """
        from peft import get_peft_model

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
        remember_start(wrapped)
        return wrapped

    def optimizer(self, model: Any, plan: TrainPlan) -> Any | None:
        """The trainer's own."""
        del model, plan
        return None

    def callbacks(self, model: Any, plan: TrainPlan) -> list[Any]:
        """None."""
        del model, plan
        return []

    def resumes(self, plan: TrainPlan) -> bool:
        """The whole adapter is in it."""
        del plan
        return True

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
