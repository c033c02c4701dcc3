"""The model class of a configuration, without anybody's weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainers.compute import Attention
from trainers.problems import TrainerError
from trainers.tasks import unfit_model


def language_model(config: Mapping[str, Any], *, dtype: Any, attention: Attention) -> Any:
    """The model that a config.json describes, made where torch's context says; SDPA is eager where it has none.

    Raises:
        TrainerError: `unsupported_family` for an architecture that transformers does not have or cannot make of these
            values, `target_cannot` for flash attention where the architecture or the machine has none.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING, AutoModelForCausalLM

    kind = config.get("model_type")
    if why := unfit_model("chat", str(kind)):
        raise TrainerError("unsupported_family", f"{why}: estimated are models that write.")
    if kind not in CONFIG_MAPPING:
        raise TrainerError("unsupported_family", f"transformers has no model type {kind!r}.", remedy="Another model.")
    try:
        made = CONFIG_MAPPING[kind](**{name: value for name, value in config.items() if name != "auto_map"})
        how = _attention(attention, MODEL_FOR_CAUSAL_LM_MAPPING[type(made)])
        model = AutoModelForCausalLM.from_config(made, dtype=dtype, attn_implementation=how)
    except ImportError as error:
        raise TrainerError("target_cannot", "Flash attention is not installed.", remedy="Attention sdpa.") from error
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError, StrictDataclassError) as error:
        what = " ".join(str(error).split())[:300]
        raise TrainerError(
            "unsupported_family", f"transformers makes no language model of this configuration: {what}"
        ) from error
    model.config.use_cache = False
    return model


def _attention(attention: Attention, kind: Any) -> str:
    if attention == "eager" or (attention == "sdpa" and not kind._supports_sdpa):
        return "eager"
    if attention == "sdpa":
        return "sdpa"
    if not kind._supports_flash_attn:
        raise TrainerError("target_cannot", f"{kind.__name__}: no flash attention.", remedy="Attention sdpa or eager.")
    return "flash_attention_2"
