"""Loads rows, tokenizer and model as the plan names them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from trainers.contract import DatasetRef, TrainPlan
from trainers.outfiles import MODEL, WORK
from trainers.problems import TrainerError

R = TypeVar("R")

TEMPLATE = "chat_template.jinja"
_SHOWN_LINES = 20


class Row(msgspec.Struct, frozen=True):
    """One conversation and the line it stands on."""

    line: int
    messages: list[dict[str, Any]]
    tools: list[Any] | None


class _RawRow(msgspec.Struct, frozen=True):
    messages: list[dict[str, Any]]
    tools: list[Any] | None = None


def load_rows(reference: DatasetRef) -> list[Row]:
    """Every conversation of a chat JSONL file; raises as `read_rows`."""
    return [Row(number, row.messages, row.tools) for number, row in read_rows(reference, _RawRow)]


def read_rows(reference: DatasetRef, kind: type[R]) -> list[tuple[int, R]]:
    """(line, row) of a JSONL file, after checking that it is the file that was planned.

    Raises:
        TrainerError: `plan_mismatch` or `invalid_input` with the lines that cannot be read.
    """
    decoder = msgspec.json.Decoder(kind)
    rows: list[tuple[int, R]] = []
    broken = []
    for number, line in planned_lines(reference):
        try:
            rows.append((number, decoder.decode(line)))
        except (ValueError, RecursionError):
            broken.append(number)
    if broken or not rows:
        what = f"cannot read {lines_text(broken)}" if broken else "no rows"
        name = Path(reference.path or "").name
        raise TrainerError("invalid_input", f"{name}: {what}.", remedy="Lint the file: tunegate lint.")
    return rows


def planned_lines(reference: DatasetRef) -> list[tuple[int, bytes]]:
    """(number from 1, content) of every line that is not blank, of the very file that was planned.

    Raises:
        TrainerError: `plan_mismatch`, or `invalid_input` for a file that cannot be read.
    """
    path = Path(reference.path or "")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TrainerError("invalid_input", f"{path.name}: {error.strerror}.") from error
    if hashlib.sha256(content).hexdigest() != reference.sha256:
        raise TrainerError(
            "plan_mismatch", f"{path.name}: the file is not the one that was planned.", remedy="Lint and plan again."
        )
    lines = enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1)
    return [(number, line) for number, line in lines if line.strip()]


def load_tokenizer(plan: TrainPlan, folder: str | None = None) -> Any:
    """The model's tokenizer (or a folder's); it must be fast (offsets) and have a chat template, its own or the plan's.

    A classifier needs no template.

    Raises:
        TrainerError: `unreadable_model`.
    """
    from transformers import AutoTokenizer

    tokenizer = _loaded(
        "tokenizer", plan, lambda name, **options: AutoTokenizer.from_pretrained(folder or name, **options)
    )
    if not tokenizer.is_fast:
        raise TrainerError(
            "unreadable_model",
            "The tokenizer gives no offsets (it is not a fast tokenizer).",
            remedy="Save it with a tokenizer.json: labels are found by character offsets.",
        )
    if plan.chat_template is not None and folder is None:
        tokenizer.chat_template = plan.chat_template.text
    if not tokenizer.chat_template and plan.task == "chat":
        raise TrainerError(
            "unreadable_model",
            "The tokenizer has no chat template.",
            remedy="Supply one: --chat-template FILE, or chat_template in the plan.",
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.deprecation_warnings["sequence-length-is-longer-than-the-specified-maximum"] = True  # we count ourselves
    return tokenizer


def trained_tokenizer(plan: TrainPlan, out: Path) -> Any:
    """The tokenizer with the chat template that a run trained on, which need not be the model's own."""
    tokenizer = load_tokenizer(plan)
    for place in (out / WORK, out / "adapter", out / MODEL):
        if (kept := place / TEMPLATE).is_file():
            tokenizer.chat_template = kept.read_text(encoding="utf-8")
            break
    return tokenizer


def model_facts(plan: TrainPlan) -> tuple[int | None, frozenset[int]]:
    """(longest context in tokens or None, token ids that end generation), from the model's configuration alone.

    Raises:
        TrainerError: `unreadable_model`.
    """
    from transformers import AutoConfig, GenerationConfig

    config = _loaded("configuration", plan, AutoConfig.from_pretrained)
    try:
        generation = GenerationConfig.from_pretrained(plan.model, local_files_only=not plan.allow_download)
    except OSError:
        generation = GenerationConfig()
    ends = [getattr(holder, "eos_token_id", None) for holder in (config, generation)]
    found = (one for end in ends for one in (end if isinstance(end, list) else [end]) if one is not None)
    return getattr(config.get_text_config(), "max_position_embeddings", None), frozenset(found)


def load_model(plan: TrainPlan, folder: str | None = None, **options: Any) -> Any:
    """The model of the plan's task in fp32 with eager attention, in evaluation mode, on the CPU unless `options` say.

    Raises:
        TrainerError: `unreadable_model`.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from trainers.classification.model import classifier

    def load(name: str, **options: Any) -> Any:
        if plan.task != "chat":
            return classifier(plan, name, folder=folder, **options)
        return AutoModelForCausalLM.from_pretrained(folder or name, **options)

    options = {"dtype": torch.float32, "attn_implementation": "eager"} | options
    model = _loaded(
        "weights",
        plan,
        load,
        use_safetensors=True,
        **options,
    )
    return model.eval()


def load_base(plan: TrainPlan, folder: str | None = None, **options: Any) -> Any:
    """The model to be trained, with the plan's types and attention.

    Raises:
        TrainerError: `unreadable_model`.
    """
    attention = _attention(plan)
    return load_model(plan, folder, **{"dtype": base_dtype(plan), "attn_implementation": attention} | options)


def _attention(plan: TrainPlan) -> str:
    """As transformers names it; a few architectures (Gemma 2) have no scaled dot product attention, and are eager.

    Raises:
        TrainerError: `target_cannot` for flash attention where the architecture has none.
    """
    if plan.compute.attention == "eager":
        return "eager"
    import transformers

    kind = type(_loaded("configuration", plan, transformers.AutoConfig.from_pretrained))
    classes = {
        "chat": transformers.MODEL_FOR_CAUSAL_LM_MAPPING,
        "text-classification": transformers.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
        "token-classification": transformers.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    }[plan.task]
    model = classes.get(kind, None)
    if plan.compute.attention == "sdpa":
        return "sdpa" if getattr(model, "_supports_sdpa", False) else "eager"
    if not getattr(model, "_supports_flash_attn", False):
        raise TrainerError("target_cannot", f"{kind.__name__}: no flash attention.", remedy="Attention sdpa or eager.")
    return "flash_attention_2"


def base_dtype(plan: TrainPlan) -> Any:
    """The torch type of weights that are not trained."""
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[plan.compute.base_dtype]


def on_gpu() -> bool:
    """Whether this process trains on a GPU."""
    import torch

    return bool(torch.cuda.is_available())


def on_device(model: Any) -> Any:
    """The model on the device that trains."""
    return model.to("cuda") if on_gpu() else model


def _loaded(what: str, plan: TrainPlan, loader: Any, **options: Any) -> Any:
    try:
        allowed = {"local_files_only": not plan.allow_download, "trust_remote_code": plan.trust_remote_code}
        return loader(plan.model, **allowed, **options)
    except (OSError, ValueError, KeyError) as error:
        raise TrainerError(
            "unreadable_model",
            f"The {what} of {Path(plan.model).name} cannot be loaded ({type(error).__name__}).",
            remedy="The folder must hold config.json, the weights as safetensors and a tokenizer"
            + (" with a chat template." if plan.task == "chat" else "."),
        ) from error


def lines_text(numbers: list[int]) -> str:
    """Such as `lines 1, 4 and 7 more`."""
    shown = ", ".join(map(str, numbers[:_SHOWN_LINES]))
    more = f" and {len(numbers) - _SHOWN_LINES} more" if len(numbers) > _SHOWN_LINES else ""
    return f"line{'s' if len(numbers) > 1 else ''} {shown}{more}"
