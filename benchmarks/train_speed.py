"""Training tokens per CPU second: our loop against TRL's SFTTrainer with equal settings and labels, and with packing
against without on short rows: ratios in one run, by turns.

Run: python benchmarks/train_speed.py [--trl FOLDER]. TRL is looked for as an installed package, then in FOLDER
(pip install --target FOLDER --no-deps trl==1.16.0); where it is missing, its ratio is 'not measured'.
Every step's loss is printed: equal ones say that labels and settings are equal. SFTTrainer also measures entropy and
token accuracy at every step, which it cannot be told to leave. Packing leaves out padding, so rows of one length gain
nothing; the rows here vary as chats do. Absolute numbers mean nothing on a shared machine.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

from trainers.contract import Adapter, DatasetRef, Hyperparameters, TrainPlan
from trainers.labels import IGNORED, LabelledRow
from trainers.progress import ProgressWriter
from trainers.training.loop import fit

VOCABULARY = 4000
BATCH = 16
STEPS = 5
REPEATS = 3
RATE = 1e-3


class Tokenizer:
    """All that the loop asks a tokenizer for here."""

    pad_token_id = 0


class Clock(ProgressWriter):
    """CPU seconds and losses at the end of every step."""

    def __init__(self, out: Path) -> None:
        super().__init__(out)
        self.at: list[float] = []
        self.losses: list[float] = []

    def step(self, *, loss: float, **rest: Any) -> None:
        """As the run's own progress, with the time."""
        self.at.append(time.process_time())
        self.losses.append(loss)
        super().step(loss=loss, **rest)


def rows(chance: random.Random) -> list[LabelledRow]:
    """Random tokens in rows of 8 to 400 (about 65), the later half trained; lengths vary as those of chats do."""
    made = []
    for _ in range(BATCH * STEPS):
        size = max(8, min(400, int(chance.lognormvariate(4, 0.6))))
        ids = [chance.randrange(1, VOCABULARY) for _ in range(size)]
        made.append(LabelledRow(ids, [IGNORED] * (size // 2) + ids[size // 2 :]))
    return made


def model() -> Any:
    """A Llama of 5 M parameters with random weights, fp32, attention as the trainer loads it."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=256, intermediate_size=768, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, pad_token_id=0,
    )  # fmt: skip
    return LlamaForCausalLM._from_config(config, attn_implementation="eager")


def plan(*, packing: bool) -> TrainPlan:
    """LoRA of rank 8 at one fixed rate, one pass over the rows."""
    values = Hyperparameters(
        batch_size=BATCH, micro_batch=BATCH, base_learning_rate=RATE, learning_rate=RATE, n_epochs=1, warmup_ratio=0.0,
        adapter=Adapter(r=8, alpha=16), packing=packing,
    )  # fmt: skip
    return TrainPlan(
        id="b" * 64, decision=None, lint_report=None, estimate=None, target="local", model="none",
        model_fingerprint=None, technique="lora", sharding="none", dataset=DatasetRef(sha256=""), validation=None,
        hyperparameters=values,
    )  # fmt: skip


def ours(data: list[LabelledRow], out: Path, *, packing: bool) -> tuple[list[float], list[float]]:
    """(CPU seconds at the end of each step, losses) of the trainer's loop."""
    clock = Clock(out)
    fit(plan(packing=packing), out, model, Tokenizer(), data, clock, lambda: False)
    return clock.at, clock.losses


def theirs(data: list[LabelledRow], out: Path) -> tuple[list[float], list[float]]:
    """The same of SFTTrainer: rows already tokenised and labelled, every setting that has an effect made equal."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import PrinterCallback, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    clock = Clock(out)

    class Times(TrainerCallback):  # type: ignore[misc]
        """As our own watcher: at the same moment, with the same record written."""

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            del args, control, kwargs
            if logs and "loss" in logs:
                clock.step(
                    step=state.global_step, total=state.max_steps, loss=float(logs["loss"]),
                    learning_rate=logs["learning_rate"], epoch=state.epoch,
                )  # fmt: skip

    settings = SFTConfig(
        output_dir=str(out / "trl"), per_device_train_batch_size=BATCH, num_train_epochs=1, learning_rate=RATE,
        lr_scheduler_type="linear", warmup_steps=0, weight_decay=0.0, max_grad_norm=1.0, optim="adamw_torch_fused",
        seed=42, data_seed=42, logging_steps=1, save_strategy="no", report_to=[], disable_tqdm=True, use_cpu=True,
        bf16=False, activation_checkpointing=False, dataloader_pin_memory=False, max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
    )  # fmt: skip
    torch.manual_seed(42)
    trainer = SFTTrainer(
        model=model(),
        args=settings,
        train_dataset=Dataset.from_list([{"input_ids": row.input_ids, "labels": row.labels} for row in data]),
        processing_class=fast_tokenizer(),
        peft_config=LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"),
        callbacks=[Times()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return clock.at, clock.losses


def fast_tokenizer() -> Any:
    """A tokenizer that SFTTrainer accepts; no text is tokenised."""
    from tokenizers import Tokenizer as Rust
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    words = {"<pad>": 0, "<eos>": 1}
    return PreTrainedTokenizerFast(
        tokenizer_object=Rust(WordLevel(words, unk_token="<pad>")), pad_token="<pad>", eos_token="<eos>"
    )


def trl_version(folder: str | None) -> str | None:
    """The version that can be imported, None where there is none."""
    if folder:
        sys.path.append(folder)
    if importlib.util.find_spec("trl") is None or importlib.util.find_spec("datasets") is None:
        return None
    import trl

    return str(trl.__version__)


def main(argv: list[str]) -> int:
    """Measure and print."""
    import torch

    parser = argparse.ArgumentParser(description="Training speed.")
    parser.add_argument("--trl", metavar="FOLDER", help="where TRL was installed with pip --target")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    version = trl_version(options.trl)
    data = rows(random.Random(0))
    ways: dict[str, Callable[[Path], tuple[list[float], list[float]]]] = {
        "ours": lambda out: ours(data, out, packing=False),
        "ours, packed": lambda out: ours(data, out, packing=True),
    }
    if version is not None:
        ways["TRL"] = lambda out: theirs(data, out)
    best: dict[str, float] = {}
    losses: dict[str, list[float]] = {}
    for _ in range(REPEATS):
        for name, run in ways.items():
            with tempfile.TemporaryDirectory() as folder:
                at, losses[name] = run(Path(folder))
            # from the end of the first step on: what is built before it is no part of the loop
            best[name] = min(best.get(name, float("inf")), at[-1] - at[0])
    tokens = sum(len(row.input_ids) for row in data) / len(data) * BATCH * (STEPS - 1)
    print(f"python {platform.python_version()}, torch {torch.__version__}, one thread, {len(data)} rows, batch {BATCH}")
    for name, seconds in best.items():
        print(
            f"  {name}: {tokens / seconds:.0f} tokens per CPU second, losses {[round(one, 4) for one in losses[name]]}"
        )
    if version is None:
        print("  against TRL: not measured (TRL is not here; see the top of this file)")
    else:
        print(f"  against TRL {version}: {best['TRL'] / best['ours']:.2f} x (goal 1.0)")
    print(f"  packing against without: {best['ours'] / best['ours, packed']:.2f} x (goal 1.5)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
