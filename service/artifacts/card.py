"""The model card that ships with an artifact: what it is, what it rests on, how to load it."""

from __future__ import annotations

from typing import Any

from service.records.manifest import Chain
from trainers.contract import Result, TrainPlan


def model_card(plan: TrainPlan, result: Result, chain: Chain) -> str:
    """Markdown without a word of the training data."""
    base = plan.model.rstrip("/").rsplit("/", 1)[-1]
    return "\n".join(
        [
            f"# {base}, fine-tuned ({plan.technique})",
            "",
            f"Base model `{base}`, technique `{plan.technique}`, trained on dataset sha256 `{plan.dataset.sha256}`.",
            "",
            "## Evaluation on the validation rows",
            *_evaluation_table(result.evaluation_before, result.evaluation_after),
            "",
            "## Files",
            "| ONNX | route | opset | max logit difference to PyTorch | greedy tokens equal |",
            "|---|---|---|---|---|",
            *(
                f"| `{model.path}` | {model.route} | {model.opset} | {model.parity.max_abs_logit_diff:.2g} "
                f"| {model.parity.greedy_tokens_equal} of {model.parity.greedy_tokens_compared} |"
                for model in result.onnx
            ),
            "",
            "`manifest.json` lists every file with its sha256; `adapter/` holds the adapter, if the technique has one.",
            "",
            "## Load",
            "`onnxruntime.InferenceSession` on `model.onnx`: feed `input_ids`, `attention_mask` (ones over real",
            "tokens; pad right) and every `past_key_values.*` (zeros of length 0 at first, then the `present.*` of",
            "the same name).",
            "The prompt comes from the chat template beside it; stop at `eos_token_id` of `genai_config.json`.",
            "The folder also opens with onnxruntime-genai.",
            "",
            "## Chain of records",
            *(f"- {name}: `{value}`" for name, value in _chain_rows(chain)),
            "",
            "The base model's licence applies to this model too.",
            "",
        ]
    )


def _evaluation_table(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[str]:
    if before is None or after is None:
        return ["No validation data was given."]
    rows = ["| measure | before | after |", "|---|---|---|"]
    names = [name for name in ("rows", "validation_loss", "exact_match") if name in before]
    rows += [f"| {name} | {_number(before.get(name))} | {_number(after.get(name))} |" for name in names]
    for name in before.get("checks", {}):
        rows.append(f"| check `{name}` | {_number(before['checks'][name])} | {_number(after['checks'].get(name))} |")
    return rows


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _chain_rows(chain: Chain) -> list[tuple[str, str]]:
    names = ("decision", "lint_report", "estimate", "plan", "job")
    return [(name, getattr(chain, name) or "not made") for name in names]
