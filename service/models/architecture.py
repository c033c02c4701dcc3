"""Reads a config.json into the handful of sizes that decide memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from service.errors import ErrorItem, TuneGateError
from service.models.families import FAMILIES, Family, family_names

# sizes beyond these are typing errors, not models; the layers are counted one by one, so theirs bounds the time too
_MAX_SIZE = 1_000_000
_MAX = {
    **dict.fromkeys(("num_hidden_layers", "n_layer"), 1_000),
    **dict.fromkeys(("num_attention_heads", "n_head", "num_key_value_heads", "head_dim"), 65_536),
    **dict.fromkeys(("vocab_size", "sliding_window", "max_position_embeddings", "n_positions"), 100_000_000),
}
_WINDOWED, _WHOLE = "sliding_attention", "full_attention"
_EXPERT_KEYS = ("num_local_experts", "num_experts", "n_routed_experts")


WITHOUT_FORMULA = f"Families with a formula: {family_names()}. --simulate runs every class that transformers has."


class Linear(msgspec.Struct, frozen=True):
    """One weight matrix of a decoder layer; modules with the same `reads` keep one tensor between them."""

    name: str
    size_in: int
    size_out: int
    reads: str

    @property
    def elements(self) -> int:
        return self.size_in * self.size_out


class Architecture(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in elements: h, i, L, n_h, n_kv, d and V of the formulas."""

    model_type: str
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    positions: int
    tied: bool
    attention_bias: bool
    mlp_bias: bool
    # tanh over scores and over logits; tokens that a layer with a window looks back (0 = no window)
    caps_scores: bool = False
    caps_logits: bool = False
    window: int = 0
    windowed_layers: int = 0

    @property
    def family(self) -> Family:
        return FAMILIES[self.model_type]

    @property
    def q(self) -> int:
        return self.heads * self.head_dim

    @property
    def k(self) -> int:
        return self.kv_heads * self.head_dim


def read_architecture(config: Mapping[str, Any], *, where: str) -> Architecture:
    """The sizes of a config of a known family.

    Raises:
        TuneGateError: `unsupported_family` where there is no formula, `unreadable_model` with every unusable value.

    """
    model_type = config.get("model_type")
    _require_formula(config, model_type, where)
    reader = _Reader(config)
    hidden = reader.size("hidden_size", "n_embd")
    heads = reader.size("num_attention_heads", "n_head")
    if not reader.errors and hidden % heads and not config.get("head_dim"):
        reader.wrong("num_attention_heads", heads, f"a divisor of hidden_size {hidden}, or give head_dim")
    kv_heads = reader.size("num_key_value_heads", default=heads)
    if not reader.errors and heads % kv_heads:
        reader.wrong("num_key_value_heads", kv_heads, f"a divisor of num_attention_heads {heads}")
    family = FAMILIES[str(model_type)]
    layers = reader.size("num_hidden_layers", "n_layer")
    window = reader.window(family.window_by_default) if family.window_period or config.get("use_sliding_window") else 0
    found = Architecture(
        model_type=str(model_type),
        hidden=hidden,
        intermediate=reader.size("intermediate_size", "n_inner", default=4 * hidden),
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=reader.size("head_dim", default=max(hidden // heads, 1)),
        vocabulary=reader.size("vocab_size"),
        positions=_positions(reader, family),
        tied=reader.flag("tie_word_embeddings", default=family.tied_by_default),
        attention_bias=reader.flag("attention_bias", default=False),
        mlp_bias=reader.flag("mlp_bias", default=False),
        caps_scores=family.softcaps and config.get("attn_logit_softcapping", 1) is not None,
        caps_logits=family.softcaps and config.get("final_logit_softcapping", 1) is not None,
        window=window,
        windowed_layers=_windowed(reader, family, layers) if window else 0,
    )
    if reader.errors:
        raise TuneGateError(
            "unreadable_model", f"{where}: {len(reader.errors)} unusable value(s) in the config.", errors=reader.errors
        )
    return found


def all_windowed(config: Mapping[str, Any], *, length: int) -> bool:
    """Whether rows of `length` tokens are longer than the window that every layer of this config has."""
    family = FAMILIES.get(str(config.get("model_type")))
    if family is None or family.window_period != 1:
        return False
    window = config.get("sliding_window", family.window_by_default or None)
    return isinstance(window, int) and length >= window


def _positions(reader: _Reader, family: Family) -> int:
    """Learned positions; where positions are rotations the context is only checked, for whoever reads it later."""
    context = reader.size("max_position_embeddings", "n_positions", default=None if family.learned_positions else 1)
    return context if family.learned_positions else 0


def _windowed(reader: _Reader, family: Family, layers: int) -> int:
    """How many layers look at a window of tokens (transformers 5.23.0 models/*/configuration_*.py)."""
    if family.window_period == 1:
        return layers
    kinds = reader.layer_types(layers)
    if kinds is not None:
        return kinds.count(_WINDOWED)
    if not family.window_period:
        return max(0, layers - reader.count("max_window_layers", 28))
    return layers - layers // reader.size("sliding_window_pattern", default=family.window_period)


def _require_formula(config: Mapping[str, Any], model_type: object, where: str) -> None:
    if not isinstance(model_type, str) or not model_type:
        raise TuneGateError(
            "unreadable_model",
            f"{where}: no model_type; the family defaults would give a wrong size silently.",
            remedy=f"Add model_type, one of: {family_names()}.",
        )
    reason = ""
    if any(_is_expert_count(config.get(key)) for key in _EXPERT_KEYS):
        reason = f"{model_type!r} is a mixture of experts: there is no validated formula for its activations"
    elif model_type not in FAMILIES:
        reason = f"no memory formula for model_type {model_type!r}"
    elif config.get("quantization_config"):
        reason = "the config says that its weights are already quantised; give the base model's config"
    if reason:
        raise TuneGateError(
            "unsupported_family",
            f"{where}: {reason}.",
            remedy=WITHOUT_FORMULA,
        )


def _is_expert_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 1


def _most(name: str) -> int:
    return _MAX.get(name, _MAX_SIZE)


class _Reader:
    """Reads sizes by their possible names and collects every unusable one."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self.errors: list[ErrorItem] = []

    def size(self, *names: str, default: int | None = None) -> int:
        for name in names:
            value = self._config.get(name)
            if value is None:
                continue
            return self._whole(name, value, least=1, instead=default or 1)
        if default is None:
            self.wrong(names[0], None, f"a whole number from 1 to {_most(names[0])}")
        return default or 1

    def count(self, name: str, default: int) -> int:
        """A whole number that may be 0."""
        value = self._config.get(name)
        return default if value is None else self._whole(name, value, least=0, instead=default)

    def layer_types(self, layers: int) -> list[str] | None:
        """What each of `layers` layers looks at, where the config lists it."""
        kinds = self._config.get("layer_types")
        if kinds is None:
            return None
        if isinstance(kinds, list) and len(kinds) == layers and all(kind in (_WINDOWED, _WHOLE) for kind in kinds):
            return kinds
        seen = f"{len(kinds)} entries" if isinstance(kinds, list) else kinds
        self.wrong("layer_types", seen, f"a list of {layers}, one per layer: {_WINDOWED} or {_WHOLE}")
        return None

    def _whole(self, name: str, value: object, *, least: int, instead: int) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= _most(name):
            return value
        self.wrong(name, value, f"a whole number from {least} to {_most(name)}")
        return instead

    def window(self, default: int) -> int:
        """`sliding_window`, null for none."""
        if "sliding_window" not in self._config:
            return default
        return self.size("sliding_window") if self._config["sliding_window"] is not None else 0

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._config.get(name)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.wrong(name, value, "true or false")
        return default

    def wrong(self, name: str, seen: object, allowed: str) -> None:
        shown = "nothing" if seen is None else repr(seen)[:60]
        self.errors.append(ErrorItem(name, shown, allowed))
