"""LoRA: trainable low-rank matrices beside frozen linear layers; rsLoRA, PiSSA, OLoRA and LoRA+ are its options."""

from __future__ import annotations

from typing import Any

from trainers.contract import PEFT_TASKS, Adapter, TrainPlan
from trainers.techniques.adapter import AdapterTechnique
from trainers.techniques.targets import targets_of


class Lora(AdapterTechnique):
    """Adapters on every linear layer but the head, or on the named modules."""

    dora = False

    def config(self, plan: TrainPlan, model: Any, *, steps: int) -> Any:
        """`LoraConfig`."""
        del steps
        from peft import LoraConfig

        shape = _shape(plan)
        return LoraConfig(
            r=shape.r,
            lora_alpha=shape.alpha,
            lora_dropout=shape.dropout,
            **targets_of(plan, model, shape.targets),
            use_rslora=shape.rslora,
            init_lora_weights=True if shape.init == "default" else shape.init,
            use_dora=self.dora,
            task_type=PEFT_TASKS[plan.task],
        )

    def optimizer(self, model: Any, plan: TrainPlan) -> Any | None:
        """LoRA+: the B matrices learn `loraplus_ratio` times as fast as the A matrices."""
        ratio = _shape(plan).loraplus_ratio
        if ratio is None:
            return None
        from peft.optimizers import create_loraplus_optimizer
        from torch.optim import AdamW

        values = plan.hyperparameters
        return create_loraplus_optimizer(
            model,
            AdamW,
            lr=values.learning_rate,
            loraplus_lr_ratio=ratio,
            loraplus_weight_decay=values.weight_decay,
            fused=True,
        )


def _shape(plan: TrainPlan) -> Adapter:
    return plan.hyperparameters.adapter or Adapter()
