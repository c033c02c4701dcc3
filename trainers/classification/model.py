"""An encoder with the plan's labels on its head: its own head where that has the same labels, else a fresh one."""

from __future__ import annotations

from typing import Any

import msgspec

from trainers.contract import TrainPlan
from trainers.problems import TrainerError

# of the layers of a head, as the architectures name them: they stay as they are when a base goes to 4 bits
HEADS = ("classifier", "pre_classifier", "score", "head", "pooler", "pooler.dense")
_POOLER = "pooler"
# position ids of these begin behind the padding id: so many positions fewer than the config says
_POSITIONS_AFTER_PADDING = ("camembert", "mpnet", "roberta", "xlm-roberta")
_FRESH = "fresh_modules"
# of a tokenizer that knows no longest text
_NO_LIMIT = 1_000_000


class EncoderFacts(msgspec.Struct, frozen=True):
    """Longest sample in tokens, whether the model tells texts of a pair apart, and whether it has the plan's labels."""

    context: int | None
    types: bool
    own_head: bool


def encoder_facts(plan: TrainPlan, tokenizer: Any) -> EncoderFacts:
    """What the base's configuration and tokenizer say.

    Raises:
        TrainerError: `unreadable_model`.
    """
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(plan.model, local_files_only=not plan.allow_download)
    positions = getattr(config, "max_position_embeddings", None)
    if positions and config.model_type in _POSITIONS_AFTER_PADDING:
        positions -= (config.pad_token_id or 0) + 1
    limits = [one for one in (positions, tokenizer.model_max_length) if one and one < _NO_LIMIT]
    types = (getattr(config, "type_vocab_size", 0) or 0) > 1 and "token_type_ids" in tokenizer.model_input_names
    return EncoderFacts(min(limits, default=None), types, _labels(config) == plan.labels)


def classifier(plan: TrainPlan, name: str, *, folder: str | None, **options: Any) -> Any:
    """The model of a folder as it was saved; or the base, its head made fresh from the seed unless it has the labels.

    Raises:
        TrainerError: `unreadable_model` when weights of the encoder itself are missing or have other sizes.
    """
    import torch
    import transformers

    automatic = {
        "text-classification": transformers.AutoModelForSequenceClassification,
        "token-classification": transformers.AutoModelForTokenClassification,
    }[plan.task]
    config = transformers.AutoConfig.from_pretrained(folder or name, local_files_only=options["local_files_only"])
    kept = _labels(config) == plan.labels
    config.id2label = dict(enumerate(plan.labels))
    config.label2id = {label: index for index, label in enumerate(plan.labels)}
    if plan.task == "text-classification":
        config.problem_type = "single_label_classification"
    # the same head in every process that loads the base, whatever was drawn before
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.hyperparameters.seed)
        model, loading = automatic.from_pretrained(
            folder or name, config=config, ignore_mismatched_sizes=True, output_loading_info=True, **options
        )
        missing = _names(loading["missing_keys"]) | _names(loading["mismatched_keys"])
        _require_body(model, missing)
        if not kept:
            missing |= _begin_anew(model, len(plan.labels))
    setattr(model, _FRESH, sorted({_module_of(model, one) for one in missing}))
    return model


def fresh_modules(model: Any) -> list[str]:
    """The modules that no checkpoint has values for: an adapter must train and keep them."""
    return list(getattr(model, _FRESH, []))


def body_linears(model: Any) -> list[str]:
    """Every linear layer of the encoder itself: what "all-linear" means of a classifier."""
    import torch

    fresh, body = fresh_modules(model), f"{model.base_model_prefix}."
    return sorted(
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
        and name.startswith(body)
        and not any(name == one or name.startswith(f"{one}.") for one in fresh)
    )


def head_modules(model: Any) -> list[str]:
    """What an adapter trains whole beside the encoder: every part of the head, and whatever else is fresh."""
    beside = [
        name
        for name, child in model.named_children()
        if name != model.base_model_prefix and next(child.parameters(), None) is not None
    ]
    return sorted({*beside, *fresh_modules(model)})


def _labels(config: Any) -> list[str]:
    names = config.id2label or {}
    return [str(names[index]) for index in sorted(names)]


def _names(keys: Any) -> set[str]:
    """Of parameters; mismatched ones come with their sizes."""
    return {key if isinstance(key, str) else key[0] for key in keys}


def _require_body(model: Any, missing: set[str]) -> None:
    body = f"{model.base_model_prefix}."
    lost = sorted(name for name in missing if name.startswith(body) and f".{_POOLER}." not in name)
    if lost:
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        raise TrainerError(
            "unreadable_model",
            f"The weights lack {lost[0]}{more}, or have another size than the config says.",
            remedy="Download the model again; only a head may be missing.",
        )


def _begin_anew(model: Any, labels: int) -> set[str]:
    """Give the layer of the labels fresh values, where a checkpoint has one of the same size for other labels."""
    import torch

    body = f"{model.base_model_prefix}."
    layers = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module.out_features == labels and not name.startswith(body)
    ]
    name, layer = layers[-1]
    torch.nn.init.normal_(layer.weight, std=getattr(model.config, "initializer_range", 0.02))
    if layer.bias is not None:
        torch.nn.init.zeros_(layer.bias)
    return {f"{name}.weight"}


def _module_of(model: Any, parameter: str) -> str:
    """The part of the head, or the encoder's pooler, that a parameter belongs to."""
    body = f"{model.base_model_prefix}."
    return f"{body}{_POOLER}" if parameter.startswith(body) else parameter.split(".", 1)[0]
