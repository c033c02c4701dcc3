"""Loads rows, tokenizer and model as the plan names them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from trainers.contract import DatasetRef, TrainPlan
from trainers.labels import LabelledRow, UnstableTemplate, label_row
from trainers.problems import TrainerError

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
    """Every conversation of a chat JSONL file, after checking that it is the file that was planned.

    Raises:
        TrainerError: `plan_mismatch` or `invalid_input` with the lines that cannot be read.
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
    decoder = msgspec.json.Decoder(_RawRow)
    rows, broken = [], []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = decoder.decode(line)
        except (ValueError, RecursionError):
            broken.append(number)
            continue
        rows.append(Row(number, row.messages, row.tools))
    if broken or not rows:
        what = f"cannot read {_lines(broken)}" if broken else "no rows"
        raise TrainerError("invalid_input", f"{path.name}: {what}.", remedy="Lint the file: tunegate lint.")
    return rows


def label_rows(tokenizer: Any, rows: list[Row], *, max_tokens: int | None) -> list[LabelledRow]:
    """Labels of every row; what cannot be trained as it stands is refused with its lines, all at once.

    Raises:
        TrainerError: `invalid_input`.
    """
    labelled, problems = [], {"without a trained token": [], "too long": [], "not prefix-stable": []}  # type: ignore[var-annotated]
    for row in rows:
        try:
            one = label_row(tokenizer, row.messages, row.tools)
        except UnstableTemplate:
            problems["not prefix-stable"].append(row.line)
            continue
        if not one.trained:
            problems["without a trained token"].append(row.line)
        elif max_tokens is not None and len(one.input_ids) > max_tokens:
            problems["too long"].append(row.line)
        else:
            labelled.append(one)
    found = [f"{_lines(lines)} {what}" for what, lines in problems.items() if lines]
    if found:
        limit = f" (limit {max_tokens} tokens)" if problems["too long"] else ""
        raise TrainerError(
            "invalid_input",
            f"{'; '.join(found)}{limit}.",
            remedy="Nothing is dropped or cut silently: mend the rows, or raise max_tokens.",
        )
    return labelled


def load_tokenizer(plan: TrainPlan) -> Any:
    """The model's tokenizer; it must be fast (offsets) and have a chat template.

    Raises:
        TrainerError: `unreadable_model`.
    """
    from transformers import AutoTokenizer

    tokenizer = _loaded("tokenizer", plan, AutoTokenizer.from_pretrained)
    if not tokenizer.is_fast:
        raise TrainerError("unreadable_model", "The tokenizer gives no offsets (it is not a fast tokenizer).")
    if not tokenizer.chat_template:
        raise TrainerError("unreadable_model", "The tokenizer has no chat template.")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(plan: TrainPlan, folder: str | None = None) -> Any:
    """The causal language model in fp32 with eager attention, in evaluation mode (PyTorch, on the CPU).

    Raises:
        TrainerError: `unreadable_model`.
    """
    import torch
    from transformers import AutoModelForCausalLM

    model = _loaded(
        "weights",
        plan,
        lambda name, **options: AutoModelForCausalLM.from_pretrained(folder or name, **options),
        use_safetensors=True,
        dtype=torch.float32,
        attn_implementation="eager",
    )
    return model.eval()


def _loaded(what: str, plan: TrainPlan, loader: Any, **options: Any) -> Any:
    try:
        return loader(plan.model, local_files_only=not plan.allow_download, trust_remote_code=False, **options)
    except (OSError, ValueError, KeyError) as error:
        raise TrainerError(
            "unreadable_model",
            f"The {what} of {Path(plan.model).name} cannot be loaded ({type(error).__name__}).",
            remedy="The folder must hold config.json, the weights as safetensors and a tokenizer with a chat template.",
        ) from error


def _lines(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:_SHOWN_LINES]))
    more = f" and {len(numbers) - _SHOWN_LINES} more" if len(numbers) > _SHOWN_LINES else ""
    return f"line{'s' if len(numbers) > 1 else ''} {shown}{more}"
