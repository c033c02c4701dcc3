"""The model card that ships with an artifact: what it is, what it rests on, how far it is proven, how to load it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from service.artifacts.card_evaluation import evaluation_section, number
from service.artifacts.loading import adapter_code, genai_code, model_code, plain_code
from service.records.lint_report import LintReport
from service.records.manifest import Chain, Evaluation
from trainers.contract import Adapter, Compute, Hyperparameters, OnnxResult, QualityResult, Result, TrainPlan

_DEFAULTS = Hyperparameters(base_learning_rate=0.0, learning_rate=0.0)
# settings that are told where they are not the default
_OPTIONS: dict[type, tuple[str, ...]] = {
    Hyperparameters: ("packing", "keep", "overlong", "max_tokens", "early_stopping"),
    Adapter: ("rslora", "init", "loraplus_ratio", "dropout", "targets"),
    Compute: Compute.__struct_fields__,
}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def model_card(
    plan: TrainPlan,
    result: Result,
    chain: Chain,
    *,
    measured: Evaluation | None = None,
    report: LintReport | None = None,
    licence: str | None = None,
) -> str:
    """Markdown with YAML front matter, by the conventions of the Hugging Face Hub; not a word of the training data."""
    base = base_name(plan)
    sections = [
        _front_matter(plan, result, licence),
        [f"# {base}, fine-tuned ({plan.technique})", "", _summary(plan, base, exported=bool(result.onnx))],
        ["## Intended use", *_intended_use(plan, licence)],
        ["## Training data", *training_data(plan, report)],
        ["## Training", *_training(plan, result)],
        ["## Evaluation", *evaluation_section(measured)],
        ["## ONNX files", *_onnx(plan, result)],
        ["## Load", *_loading(plan, result.onnx)],
        ["## Chain of records", *(f"- {name}: `{value}`" for name, value in chain_rows(chain))],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def base_name(plan: TrainPlan) -> str:
    """The base model's name: a hub id as it is, of a path only the last part."""
    if plan.starts_from is not None:
        return plan.starts_from.base_model
    name = plan.model.rstrip("/\\")
    hub = plan.model_revision is not None and _HUB_ID.fullmatch(name)
    return name if hub else re.split(r"[/\\]", name)[-1]


def _front_matter(plan: TrainPlan, result: Result, licence: str | None) -> list[str]:
    genai = any(model.genai is not None and model.genai.verified for model in result.onnx)
    prefers = plan.method == "dpo"
    libraries = ["onnx", "onnxruntime"] if result.onnx else ["transformers" if plan.technique == "full" else "peft"]
    talks = ["conversational"] if plan.task == "chat" else []
    kinds = [*libraries, *(["onnxruntime-genai"] if genai else []), *talks, plan.technique]
    values: dict[str, Any] = {
        "license": licence,
        "base_model": base_name(plan),
        "library_name": libraries[0],
        "pipeline_tag": "text-generation" if plan.task == "chat" else plan.task,
        "tags": [*kinds, plan.method] if prefers else kinds,
        "datasets": [f"sha256:{plan.dataset.sha256}"],
        "metrics": _metrics(plan) if result.evaluation_after else None,
    }
    # JSON is YAML: quoted so that no name can be read as anything else
    return ["---", *(f"{name}: {json.dumps(value)}" for name, value in values.items() if value is not None), "---"]


def _metrics(plan: TrainPlan) -> list[str]:
    if plan.task != "chat":
        return ["accuracy", "f1"]
    return ["accuracy" if plan.method == "dpo" else "perplexity", "exact_match"]


def _summary(plan: TrainPlan, base: str, *, exported: bool) -> str:
    revision = f" at revision `{plan.model_revision}`" if plan.model_revision else ""
    print_ = f" (files' fingerprint `{plan.model_fingerprint}`)" if plan.model_fingerprint else ""
    by = " on preferences (DPO)" if plan.method == "dpo" else ""
    end = " and exported to ONNX" if exported else ""
    if plan.starts_from is not None:
        end += f"; it goes on from what an earlier run left (manifest `{plan.starts_from.manifest}`)"
    return f"`{base}`{revision}{print_}, tuned by `{plan.technique}`{by}{end}."


def _intended_use(plan: TrainPlan, licence: str | None) -> list[str]:
    terms = (
        f"The base model is under `{licence}`, which applies to this model too."
        if licence
        else "The base model's folder names no licence: look it up before you pass this model on."
    )
    purpose = (
        "Answers in the manner of its training data, to prompts rendered by the chat template that lies beside it."
    )
    if plan.task == "text-classification":
        purpose = f"Gives a text one of {len(plan.labels)} labels, which stand in `config.json` (`id2label`)."
    elif plan.task == "token-classification":
        purpose = (
            f"Gives each word one of {len(plan.labels)} tags (`id2label` in `config.json`), read at the word's first "
            "token; it was trained on words joined by single spaces."
        )
    return [
        purpose,
        "It was measured on the validation rows below and on nothing else: not on safety, not on other languages or",
        f"tasks. {terms}",
    ]


def training_data(plan: TrainPlan, report: LintReport | None) -> list[str]:
    """What is told of the rows: hash and counts."""
    rows = [f"sha256 `{plan.dataset.sha256}`; the data itself is not part of the artifact."]
    if report is None:
        return rows
    counts: dict[str, float] = {f"{file.role} rows": file.rows for file in report.files}
    counts |= {"lint errors": report.summary.errors, "lint warnings": report.summary.warnings}
    counts |= {
        name: value
        for name, value in sorted(report.facts.items())
        if isinstance(value, int | float)
        and not isinstance(value, bool)
        # tokens are counted of chats alone
        and not (plan.task != "chat" and name.startswith("data.tokens"))
    }
    return [*rows, "", "| fact | value |", "|---|---|", *_rows(counts)]


def _training(plan: TrainPlan, result: Result) -> list[str]:
    values = plan.hyperparameters
    shown: dict[str, Any] = {
        "technique": plan.technique,
        "epochs": values.n_epochs,
        "batch size": values.batch_size,
        "learning rate": values.learning_rate,
        "seed": values.seed,
    }
    if values.adapter is not None and plan.technique != "full":
        shown |= {"adapter rank": values.adapter.r, "adapter alpha": values.adapter.alpha}
    if values.peft is not None:
        shown["method"] = values.peft.get("peft_type")
    shown |= _beside_the_defaults(plan)
    if values.dpo is not None:
        dpo = values.dpo
        shown |= {"DPO beta": dpo.beta, "label smoothing": dpo.label_smoothing, "SFT weight": dpo.sft_weight}
    shown |= {f"{name} version": version for name, version in result.versions.items()}
    return ["| setting | value |", "|---|---|", *_rows(shown)]


def _beside_the_defaults(plan: TrainPlan) -> dict[str, Any]:
    """What else was settled otherwise than by default."""
    values = plan.hyperparameters
    shown: dict[str, Any] = {}
    if plan.processes > 1:
        shown |= {"processes": plan.processes, "sharding": plan.sharding}
    if plan.trust_remote_code:
        shown["code of the base model"] = "was run (trust_remote_code)"
    if plan.offload_optimizer:
        shown["optimizer state"] = "in host memory"
    for one, default in ((values, _DEFAULTS), (values.adapter, Adapter()), (plan.compute, Compute())):
        names = _OPTIONS.get(type(one), ())
        shown |= {
            name.replace("_", " "): getattr(one, name) for name in names if getattr(one, name) != getattr(default, name)
        }
    return shown


def _onnx(plan: TrainPlan, result: Result) -> list[str]:
    kept = (
        "`model/` holds the tuned weights in fp32 with their tokenizer"
        if plan.technique == "full"
        else "`adapter/` holds the adapter"
    )
    files = f"`manifest.json` lists every file with its sha256; {kept}."
    if not result.onnx:
        return [f"None was asked for. {files}"]
    head = (
        "Against PyTorch in fp32, on prompts of the data; tokens are compared on PyTorch's own greedy text. "
        "Loss is in nats per trained token, through the ONNX graph."
    )
    if plan.task != "chat":
        head = (
            "Against PyTorch in fp32, on rows of the data in batches of unequal lengths; loss is in nats per label, "
            "loss and F1 are those of the ONNX graph."
        )
    equal = "equal tokens" if plan.task == "chat" else "equal"
    columns = ("ONNX", "route", "opset", "provider", "logit difference", equal, "loss", "tokens/s x PyTorch")
    lines = [head, "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    lines += [_onnx_row(model) for model in result.onnx]
    for model in result.onnx:
        if not model.verified:
            lines.append(f"\n`{model.path}` is built for `{model.provider}` and was proven on {model.proven_on} only.")
        if model.genai is not None and not model.genai.verified:
            lines.append(f"\n`{model.path}` in onnxruntime-genai: {model.genai.why}.")
        if model.rope_switch is not None:
            lines.append(
                f"\n`{model.path}` changes its rotary factors at {model.rope_switch} tokens: prefill a conversation "
                "again when it grows past that length, the cache of before does not hold there."
            )
    for left in result.onnx_left_out:
        offered = f" The next precision is `{left.next}`." if left.next else ""
        lines.append(f"\n`{left.precision}` is left out: {left.why}.{offered}")
    return [*lines, "", files]


def _onnx_row(model: OnnxResult) -> str:
    parity, quality, speed = model.parity, model.quality, model.latency
    cells = [
        f"`{model.path}`",
        model.route,
        str(model.opset),
        model.provider if model.verified else f"{model.provider} (unverified)",
        f"{parity.max_abs_logit_diff:.2g}",
        f"{parity.greedy_tokens_equal} of {parity.greedy_tokens_compared}"
        if parity.predictions_compared is None
        else f"{parity.predictions_equal} of {parity.predictions_compared} predictions",
        _quality(quality),
        f"{speed.tokens_per_second:g}, {speed.times_torch:g} x (1 thread)" if speed else "not measured",
    ]
    return f"| {' | '.join(cells)} |"


def _quality(quality: QualityResult | None) -> str:
    if quality is None:
        return ""
    increase = round(quality.loss_increase, 4) + 0.0  # never -0.0000
    loss = f"{quality.loss:.4f} ({increase:+.4f}; at most {quality.loss_increase_limit:+g})"
    if quality.f1 is None or quality.reference_f1 is None:
        return loss
    drop = quality.reference_f1 - quality.f1
    return f"{loss}; F1 {quality.f1:.4f} ({0.0 - drop:+.4f}; at most {quality.f1_drop_limit:g} lower)"


def _loading(plan: TrainPlan, models: Sequence[OnnxResult]) -> list[str]:
    torch_code = model_code() if plan.technique == "full" else adapter_code(base_name(plan))
    in_torch = ["In PyTorch, run in this folder:", "", "```python", torch_code + "```"]
    if plan.task != "chat":
        in_torch = [f"In PyTorch, as a model of transformers for {plan.task}, with the labels of `plan.json`."]
    if not models:
        return in_torch
    lines = [
        "In plain onnxruntime, run in this folder (in a batch, pad on the right and mask the padding with zeros):",
        "",
        "```python",
        plain_code(models[0], plan.task) + "```",
    ]
    genai = next((model for model in models if genai_code(model)), None)
    if genai is not None:
        lines += ["", "In onnxruntime-genai:", "", "```python", f"{genai_code(genai)}```"]
    return lines + (["", *in_torch] if plan.technique == "full" else [])


def _rows(values: Mapping[str, Any]) -> list[str]:
    return [f"| {name} | {number(value)} |" for name, value in values.items()]


def chain_rows(chain: Chain) -> list[tuple[str, str]]:
    """The records by their names."""
    names = ("decision", "lint_report", "estimate", "plan", "job")
    rows = [(name, getattr(chain, name) or "not made") for name in names]
    given = {"starts_from": chain.starts_from, "evaluation": chain.evaluation}
    rows += [(name, value) for name, value in given.items() if value]
    return rows + [("synth (a model wrote rows of the data)", one) for one in chain.synth]
