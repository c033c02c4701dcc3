"""Trains the example by every technique and writes a table of what each costs and gives.

Run: python examples/library-desk/compare_techniques.py MODEL OUT.md [ROW]... (needs the train extra; some minutes per
row).
MODEL is the demo's base model (`make base-model` or `make demo` leaves it in demo-output/base-model/). Every row has
the recipe of plan.toml, one seed, and the base rate of its technique: a comparison of defaults, not of techniques at
their best.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
import time
import tomllib
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROWS: dict[str, list[str]] = {
    "full": ["--technique", "full"],
    "lora": ["--technique", "lora"],
    "lora, rsLoRA": ["--technique", "lora", "--rslora"],
    "lora, PiSSA": ["--technique", "lora", "--adapter-init", "pissa"],
    "lora, OLoRA": ["--technique", "lora", "--adapter-init", "olora"],
    "lora, LoRA+ ratio 4": ["--technique", "lora", "--loraplus-ratio", "4"],
    "dora": ["--technique", "dora"],
    "qlora": ["--technique", "qlora"],
    "qdora": ["--technique", "qdora"],
    "peft, IA3": ["--technique", "peft", "--peft", '{"peft_type": "IA3"}'],
    "peft, prompt tuning": ["--technique", "peft", "--peft", '{"peft_type": "PROMPT_TUNING"}', "--onnx", "none"],
}
TERMS = (
    "Times are of a busy machine and compare only with each other; on a model this small the overhead per layer "
    "decides them, not the arithmetic. Memory is the peak of the training process with its libraries. Style is the "
    "share of validation answers in the house style, loss the validation loss per trained token. It is a comparison "
    "of defaults: no rate was searched for."
)
_MIB = 2**20


def main() -> None:
    """Plan and train each row, then write the table."""
    model, out = Path(sys.argv[1]), Path(sys.argv[2])
    names = sys.argv[3:] or list(ROWS)
    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            results[name] = measured(name, model, Path(folder))
            out.write_text(table(results, model), encoding="utf-8")  # after each row: whoever stops it keeps the rest


def measured(name: str, model: Path, folder: Path) -> dict[str, Any]:
    """One run of the real trainer on the plan that the CLI makes."""
    plan, run = folder / f"{name}.json", folder / name
    plan.write_bytes(subprocess.run(command(name, model), check=True, stdout=subprocess.PIPE).stdout)
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "trainers.train", str(plan), str(run)], stderr=subprocess.DEVNULL)
    peak = watched(process)
    seconds = time.monotonic() - started
    result = json.loads((run / "result.json").read_text())
    if result["status"] != "succeeded":
        sys.exit(f"{name}: {result['error']}")
    print(f"{name}: {seconds:.0f} s, {result['evaluation_after']}", file=sys.stderr)
    return {
        "result": result,
        "rate": json.loads(plan.read_text())["hyperparameters"]["learning_rate"],
        "seconds": seconds,
        "peak": peak,
        "adapter": size(run / "adapter"),
        "onnx": size(run / "onnx"),
    }


def command(name: str, model: Path) -> list[str]:
    """`tunegate plan` with the recipe of the example."""
    recipe = tomllib.loads((HERE / "plan.toml").read_text())
    pattern = tomllib.loads((HERE / "style.toml").read_text())["pattern"]
    values, evaluation = recipe["hyperparameters"], recipe["evaluation"]
    return [
        *(sys.executable, "-m", "service", "plan", "--format", "json", "--model", str(model)),
        *("--data", str(HERE / "train.jsonl"), "--validation", str(HERE / "validation.jsonl")),
        *("--epochs", str(values["n_epochs"]), "--batch-size", str(values["batch_size"])),
        *("--micro-batch", str(values["micro_batch"]), "--seed", str(values["seed"])),
        *("--evaluation-rows", str(evaluation["max_rows"]), "--max-new-tokens", str(evaluation["max_new_tokens"])),
        *("--check", f"style={pattern}", *ROWS[name]),
    ]


def watched(process: subprocess.Popen[bytes]) -> int:
    """The largest resident memory, in bytes, of the worker that trains, until the trainer ends."""
    import psutil

    peak = 0
    trainer = psutil.Process(process.pid)
    while process.poll() is None:
        for worker in trainer.children():
            try:
                if "tune" in worker.cmdline():
                    peak = max(peak, worker.memory_info().rss)
            except psutil.Error:
                continue
        time.sleep(0.05)
    return peak


def size(folder: Path) -> int:
    """Bytes below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def table(results: dict[str, dict[str, Any]], model: Path) -> str:
    """Markdown: the conditions, then a row per technique."""
    weights = sum(path.stat().st_size for path in model.glob("*.safetensors")) / _MIB
    recipe = tomllib.loads((HERE / "plan.toml").read_text())["hyperparameters"]
    lines = [
        "# The example by every technique",
        "",
        conditions(weights, recipe),
        TERMS,
        "",
        "| technique | rate | trained values | training s | peak MiB | loss | style | exact | adapter KiB | ONNX MiB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    before = next(iter(results.values()))["result"]["evaluation_before"]
    lines.append(
        f"| untuned | | | | | {before['validation_loss']:.3f} | {before['checks']['style']:.2f} "
        f"| {before['exact_match']:.2f} | | |"
    )
    return "\n".join([*lines, *(row(name, one) for name, one in results.items()), ""])


def conditions(weights: float, recipe: dict[str, Any]) -> str:
    """What the numbers were measured with."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "peft", "bitsandbytes"))
    return (
        f"`python examples/library-desk/compare_techniques.py`, {datetime.now(UTC).date()}: the example's base model "
        f"({weights:.1f} MiB in fp32), {recipe['n_epochs']} epochs at batch {recipe['batch_size']}, seed "
        f"{recipe['seed']}, each technique at its base rate; one run each on the CPU of a shared machine, "
        f"Python {platform.python_version()}, {versions}."
    )


def row(name: str, one: dict[str, Any]) -> str:
    """One technique."""
    training, after = one["result"]["training"], one["result"]["evaluation_after"]
    adapter = f"{one['adapter'] / 1024:.0f}" if one["adapter"] else "-"
    onnx = f"{one['onnx'] / _MIB:.1f}" if one["onnx"] else "-"
    return (
        f"| {name} | {one['rate']:g} | {training['trainable_params']:,} | {training['seconds']:.0f} "
        f"| {one['peak'] / _MIB:.0f} | {after['validation_loss']:.3f} | {after['checks']['style']:.2f} "
        f"| {after['exact_match']:.2f} | {adapter} | {onnx} |"
    )


if __name__ == "__main__":
    main()
