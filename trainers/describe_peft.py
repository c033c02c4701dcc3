"""What the installed peft can do: `python -m trainers.describe_peft > rules/peft-methods.toml`.

Every method is put into a tiny model, given random values, saved, loaded and merged: `merges` is what was seen, not
what a class promises. The service reads the file, so a plan is checked on machines that have no peft.
"""

from __future__ import annotations

import copy
import json
import tempfile
import warnings
from typing import Any

from trainers.techniques.any_peft import complete_config

# what a method needs that neither a plan nor a row of chat says
_CANNOT = {
    "ADAMSS": "it needs scikit-learn, which this trainer does not carry",
    "CPT": "it starts from the token ids of labelled examples, which a plan does not carry",
    "MULTITASK_PROMPT_TUNING": "every row would need a task id",
    "POLY": "every row would need a task id",
    "SHADOW": "it trains a second model beside the base",
    "TRAINABLE_TOKENS": "it trains new tokens, and the tokenizer of a plan stays as it is",
    "XLORA": "it mixes adapters that are already trained",
}
# methods whose own defaults ask for more than a tiny model has
_TINY: dict[str, dict[str, Any]] = {
    "ADALORA": {"tinit": 1, "tfinal": 1},
    "ADAPTION_PROMPT": {"adapter_len": 4, "adapter_layers": 1, "target_modules": "self_attn"},
    "C3A": {"block_size": 8},
    "CARTRIDGE": {"num_virtual_tokens": 4},
    "PREFIX_TUNING": {"num_virtual_tokens": 4},
    "PROMPT_TUNING": {"num_virtual_tokens": 4},
    "P_TUNING": {"num_virtual_tokens": 4},
    "ROAD": {"group_size": 16},
    "SHIRA": {"r": 4},
    "VBLORA": {"vector_length": 8, "num_vectors": 16},
    "WAVEFT": {"n_frequency": 64},
}
_EXACT = 1e-4


def main() -> None:
    """Print the TOML."""
    import peft
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    base, ids = _tiny()
    lines = [
        "# Generated: python -m trainers.describe_peft > rules/peft-methods.toml",
        "# merges: the adapter was folded into a tiny model's weights, and the model computed the same.",
        f"version = {json.dumps(peft.__version__)}",
    ]
    for method, config in sorted(PEFT_TYPE_TO_CONFIG_MAPPING.items(), key=lambda one: one[0].value):
        name = method.value
        fields = sorted(set(config.__dataclass_fields__) - {"peft_type", "task_type", "base_model_name_or_path"})
        cannot = _CANNOT.get(name)
        merges = False
        if cannot is None:
            merges, cannot = _tried(name, base, ids)
        lines += ["", f"[method.{name}]", f"config = {json.dumps(config.__name__)}"]
        lines += [f"merges = {json.dumps(merges)}"]
        lines += [f"cannot = {json.dumps(cannot)}"] if cannot else []
        lines += [f"fields = {json.dumps(fields)}"]
    print("\n".join(lines))


def _tiny() -> tuple[Any, Any]:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=330, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, pad_token_id=0,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval(), torch.randint(1, 330, (2, 12))


def _tried(method: str, base: Any, ids: Any) -> tuple[bool, str | None]:
    """(merges, why it cannot be trained at all or None)."""
    import torch
    from peft import PeftModel, get_peft_model

    warnings.simplefilter("ignore")
    model = copy.deepcopy(base)
    model = get_peft_model(model, complete_config({"peft_type": method} | _TINY.get(method, {}), model, steps=20))
    torch.manual_seed(1)
    with torch.no_grad():
        for one in model.parameters():
            if one.requires_grad:
                one.add_(0.05 * torch.randn_like(one))
    model.train()(input_ids=ids, labels=ids).loss.backward()
    trained = _logits(model.eval(), ids)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        tuned = PeftModel.from_pretrained(copy.deepcopy(base), folder).eval()
    if not float((_logits(tuned, ids) - trained).abs().max()) <= _EXACT:
        return False, "what is saved computes something else when it is loaded"
    try:
        merged = tuned.merge_and_unload()
    except (AttributeError, NotImplementedError, ValueError):
        return False, None
    return float((_logits(merged, ids) - trained).abs().max()) <= _EXACT, None


def _logits(model: Any, ids: Any) -> Any:
    import torch

    with torch.inference_mode():
        return model(input_ids=ids).logits[:, -ids.shape[1] :]


if __name__ == "__main__":
    main()
