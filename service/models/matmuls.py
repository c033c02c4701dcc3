"""The weight matrices that one token passes through: what decides the arithmetic of a step, experts included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from service.models.architecture import Architecture, Linear, read_architecture
from service.models.parameters import linears

# mixtures of experts whose layers were read: router over all experts, `num_experts_per_tok` gated MLPs per token
# (transformers 5.23.0 models/<name>/modeling_<name>.py); model_type -> the key of an expert's width
_WIDTH = {
    "mixtral": "intermediate_size",
    "phimoe": "intermediate_size",
    "olmoe": "intermediate_size",
    "qwen3_moe": "moe_intermediate_size",
}
_COUNT = ("num_local_experts", "num_experts")


class Matmuls(msgspec.Struct, frozen=True, kw_only=True):
    """Matrices of one layer with how often a token passes each, the sizes of attention and of the head.

    `recomputed_whole`: backward needs what follows a layer's last product (a norm, a dropout, the sum over experts).
    """

    layers: int
    hidden: int
    heads_width: int
    vocabulary: int
    dense: Sequence[Linear]
    experts: list[tuple[Linear, int]] = []
    recomputed_whole: bool = False

    @property
    def layer_elements(self) -> int:
        """Elements that a token is multiplied with in one layer; the look-up of embeddings multiplies nothing."""
        return sum(one.elements for one in self.dense) + sum(one.elements * times for one, times in self.experts)

    @property
    def head_elements(self) -> int:
        return self.hidden * self.vocabulary


def matmuls_of(model: Architecture) -> Matmuls:
    """Those of a family with a memory formula."""
    return Matmuls(
        layers=model.layers,
        hidden=model.hidden,
        heads_width=model.q,
        vocabulary=model.vocabulary,
        dense=linears(model),
        recomputed_whole=model.family.norms_per_layer == 4 or model.model_type == "gpt2",
    )


def matmuls_of_config(config: Mapping[str, Any], *, where: str) -> tuple[Architecture, Matmuls]:
    """Those of a config.json, of a family with a formula or of a mixture of experts that was read.

    The sizes of a mixture come back as those of a dense model with one expert's width: attention and head are right.

    Raises:
        TuneGateError: `unsupported_family`, `unreadable_model`.

    """
    width = config.get(_WIDTH.get(str(config.get("model_type")), ""))
    count = next((config[key] for key in _COUNT if config.get(key) is not None), None)
    active = config.get("num_experts_per_tok")
    some_layers_only = config.get("mlp_only_layers") or config.get("decoder_sparse_step") not in (None, 1)
    if some_layers_only or not (_is_size(width) and _is_size(count) and _is_size(active)):
        model = read_architecture(config, where=where)
        return model, matmuls_of(model)
    plain = {key: value for key, value in config.items() if key not in _COUNT}
    model = read_architecture({**plain, "model_type": "llama", "intermediate_size": width}, where=where)
    found = matmuls_of(model)
    mlp = [one for one in found.dense if one.reads in {"mlp", "down"}]
    router = Linear("router", found.hidden, int(str(count)), "mlp")
    return model, msgspec.structs.replace(
        found,
        dense=[one for one in found.dense if one not in mlp],
        experts=[(router, 1), *((one, int(str(active))) for one in mlp)],
        recomputed_whole=True,
    )


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
