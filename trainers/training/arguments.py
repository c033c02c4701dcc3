"""What the transformers Trainer is told: every value a run depends on is said, none is inherited from its defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainers.contract import TrainPlan
from trainers.sharding.settings import deepspeed_settings

_WAIT_SECONDS = 86_400
_OPTIMIZERS = {
    "adamw": "adamw_torch_fused",
    "adamw_8bit": "adamw_bnb_8bit",
    "adamw_paged_8bit": "paged_adamw_8bit",
}


def training_arguments(plan: TrainPlan, checkpoints: Path, *, rows: int) -> Any:
    """`TrainingArguments` of a plan over so many rows."""
    import torch
    from transformers import TrainingArguments

    values, compute = plan.hyperparameters, plan.compute
    on_gpu = torch.cuda.is_available()
    per_process = values.batch_size // plan.processes
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        per_device_train_batch_size=values.micro_batch,
        gradient_accumulation_steps=per_process // values.micro_batch,
        num_train_epochs=values.n_epochs,
        learning_rate=values.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=warmup_steps(plan, rows=rows),
        weight_decay=values.weight_decay,
        max_grad_norm=values.max_grad_norm,
        optim=_OPTIMIZERS[compute.optimizer],
        seed=values.seed,
        data_seed=values.seed,
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,  # the default shows a loss that is no number as one that is
        save_strategy="no",  # the watcher decides after every step
        report_to=[],
        disable_tqdm=True,
        use_cpu=not on_gpu,
        bf16=compute.autocast == "bf16",
        fp16=compute.autocast == "fp16",
        activation_checkpointing=compute.checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False},
        use_liger_kernel=compute.liger,
        dataloader_pin_memory=on_gpu,
        deepspeed=deepspeed_settings(plan),
        # every trained weight gets a gradient in every step
        ddp_find_unused_parameters=False,
        # of several machines the first one measures the untuned model while the others wait
        ddp_timeout=_WAIT_SECONDS,
    )
    if on_gpu and plan.processes == 1:
        arguments._n_gpu = 1
    return arguments


def warmup_steps(plan: TrainPlan, *, rows: int) -> int:
    """The plan's share of all optimizer steps, rounded down."""
    return int(plan.hyperparameters.warmup_ratio * total_steps(plan, rows=rows))


def total_steps(plan: TrainPlan, *, rows: int) -> int:
    """Optimizer steps of the whole run; an epoch's last, smaller batch is a step too."""
    values = plan.hyperparameters
    return -(-rows // values.batch_size) * values.n_epochs
