"""Route 1: the onnxruntime-genai model builder. Smallest and fastest graphs, for the architectures that it knows."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

from trainers.contract import GENAI_BUILDER

ROUTE = GENAI_BUILDER
# what the builder's own parser knows; it ignores any other name without a word, so a typo would change nothing
OPTIONS = frozenset(
    {
        "accuracy_level",
        "algo_config",
        "block_size",
        "is_symmetric",
        "matmul_mixed_precision",
        "nodes_to_exclude",
        "op_types_to_quantize",
    }
)


def refusal(merged: Path) -> str | None:
    """Why the builder would build a wrong graph of this model, or None.

    It walks the modules and takes every linear layer as wide as the vocabulary for the LM head, and every embedding
    with as many rows for the token embedding: a layer that has that size by chance is silently put in their place.
    """
    model = _hollow(merged)
    heads, tables = _as_wide_as_the_vocabulary(model)
    found = [f"linear layer {name}" for name in heads] + [f"embedding {name}" for name in tables]
    if not found:
        return None
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{found[0]}{more} is as wide as the vocabulary ({model.config.get_text_config().vocab_size})"


def build(merged: Path, folder: Path, precision: str, provider: str, **options: str) -> None:
    """Fill `folder` with model.onnx, model.onnx.data, genai_config.json, tokenizer and template.

    Raises:
        NotImplementedError: an architecture that the builder does not know.
        ValueError: an option that it would ignore.
    """
    from onnxruntime_genai.models.builder import create_model, parse_extra_options

    if unknown := sorted(options.keys() - OPTIONS):
        raise ValueError(f"the builder has no option {', '.join(unknown)}; it has {', '.join(sorted(OPTIONS))}")
    _name_rope_type_twice(merged / "config.json")
    logging.getLogger("onnxruntime.quantization.matmul_nbits_quantizer").setLevel(logging.WARNING)
    # beside the merged model, in what is removed at the end: a build that is killed leaves its cache
    with tempfile.TemporaryDirectory(dir=merged.parent, prefix="cache-") as cache, _on_stderr():
        places = (str(merged), str(folder), precision, provider, cache)
        extra = parse_extra_options(None, *places, [f"{name}={value}" for name, value in sorted(options.items())])
        create_model(None, *places, **extra)


def _hollow(merged: Path) -> Any:
    """The model's modules without any memory for its weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(merged, local_files_only=True, trust_remote_code=False)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, attn_implementation="eager")


def _as_wide_as_the_vocabulary(model: Any) -> tuple[list[str], list[str]]:
    import torch

    width = model.config.get_text_config().vocab_size
    own = {id(model.get_output_embeddings()), id(model.get_input_embeddings())}
    others = [(name, module) for name, module in model.named_modules() if id(module) not in own]
    return (
        [name for name, one in others if isinstance(one, torch.nn.Linear) and one.out_features == width],
        [name for name, one in others if isinstance(one, torch.nn.Embedding) and one.num_embeddings == width],
    )


def _name_rope_type_twice(config_file: Path) -> None:
    """The builder reads `type` of LongRoPE parameters; configs of transformers 5 may hold only `rope_type`."""
    config = json.loads(config_file.read_text())
    rope = config.get("rope_parameters") or {}
    if "rope_type" in rope and "type" not in rope:
        config["rope_parameters"] = rope | {"type": rope["rope_type"]}
        config_file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def _on_stderr() -> contextlib.AbstractContextManager[Any]:
    """The builder prints; stdout is for records alone."""
    return contextlib.redirect_stdout(sys.stderr)
