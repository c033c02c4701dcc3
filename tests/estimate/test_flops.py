"""The counted operations are those that torch counts on real models, to the last one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, MixtralConfig, Phi3Config, Qwen3MoeConfig

from service.errors import TuneGateError
from service.estimate.flops import work_of
from service.estimate.notation import Run
from service.models.architecture import read_architecture
from service.models.matmuls import matmuls_of, matmuls_of_config

BATCH, LENGTH, RANK, VIRTUAL = 2, 24, 4, 5
SIZES: dict[str, Any] = {
    "hidden_size": 64, "intermediate_size": 112, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 97, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
EXPERTS: dict[str, Any] = {**SIZES, "num_experts_per_tok": 2}
CONFIGS: dict[str, Any] = {
    "grouped": LlamaConfig(**SIZES),
    "multi-head": LlamaConfig(**{**SIZES, "num_key_value_heads": 4}),
    "fused": Phi3Config(**SIZES),
    "plain": GPT2Config(n_embd=64, n_layer=2, n_head=4, vocab_size=97, n_positions=64),
    "mixtral": MixtralConfig(**EXPERTS, num_local_experts=4),
    "qwen3_moe": Qwen3MoeConfig(**EXPERTS, num_experts=4, moe_intermediate_size=48, head_dim=16),
}


def run_of(technique: str, *, checkpointing: bool, targets: tuple[str, ...] | None, dropout: float) -> Run:
    return Run(
        technique=technique, micro_batch=BATCH, seq_len=LENGTH, adapter_r=RANK, adapter_targets=targets,
        checkpointing=checkpointing, dropout=dropout > 0, kernel="eager",
        virtual_tokens=VIRTUAL if technique == "prompt" else 0,
    )  # fmt: skip


def torch_counts(config: Any, run: Run, dropout: float) -> int:
    # torch counts plain matrix products, and none of the fused kernels for experts
    config._experts_implementation = "eager"
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    if run.technique == "prompt":
        model = get_peft_model(model, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=VIRTUAL))
    elif run.technique != "full":
        targets = list(run.adapter_targets) if run.adapter_targets else "all-linear"
        dora = run.technique == "dora"
        model = get_peft_model(model, LoraConfig(r=RANK, target_modules=targets, use_dora=dora, lora_dropout=dropout))
    if run.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    model.config.use_cache = False
    model.train()
    ids = torch.randint(0, 97, (BATCH, LENGTH))
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids, labels=ids).loss.backward()
    return int(counter.get_total_flops())


def counted(config: Any, run: Run) -> float:
    _, matmuls = matmuls_of_config(config.to_dict(), where="a model")
    length = run.seq_len + run.virtual_tokens
    return work_of(matmuls, run).total(tokens=BATCH * length, pairs=BATCH * length**2, passes=1)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize(
    ("name", "technique", "targets", "dropout"),
    [
        ("grouped", "full", None, 0.0),
        ("multi-head", "full", None, 0.0),
        ("plain", "full", None, 0.0),
        ("grouped", "lora", None, 0.1),
        ("multi-head", "lora", ATTENTION, 0.0),
        ("fused", "lora", None, 0.0),
        ("plain", "lora", None, 0.0),
        ("grouped", "dora", None, 0.0),
        ("multi-head", "dora", None, 0.1),
        ("grouped", "prompt", None, 0.0),
        ("mixtral", "full", None, 0.0),
        ("mixtral", "lora", ATTENTION, 0.0),
        ("qwen3_moe", "full", None, 0.0),
    ],
)
def test_every_operation_that_torch_counts_is_counted(
    name: str, technique: str, targets: tuple[str, ...] | None, dropout: float, checkpointing: bool
) -> None:
    run = run_of(technique, checkpointing=checkpointing, targets=targets, dropout=dropout)
    assert counted(CONFIGS[name], run) == torch_counts(CONFIGS[name], run, dropout)


def test_keys_of_the_first_layer_without_adapter_are_the_one_thing_left_out() -> None:
    run = run_of("lora", checkpointing=False, targets=("q_proj", "v_proj"), dropout=0.0)
    exact = torch_counts(CONFIGS["grouped"], run, 0.0)
    assert exact < counted(CONFIGS["grouped"], run) < 1.01 * exact


@pytest.mark.parametrize("kernel", ["flash", "efficient"])
def test_fused_attention_counts_as_torch_says_and_half_of_it_where_the_kernel_is_causal(kernel: Any) -> None:
    model = matmuls_of(read_architecture(CONFIGS["multi-head"].to_dict(), where="a model"))
    found = work_of(model, Run(technique="full", micro_batch=1, seq_len=LENGTH, kernel=kernel))
    shape = (1, 4, LENGTH, 16)
    whole = sdpa_flop_count(shape, shape, shape) + sdpa_backward_flop_count(shape, shape, shape, shape)
    assert found.pair * LENGTH**2 == 2 * whole // (2 if kernel == "flash" else 1)


def test_four_bits_change_no_operation() -> None:
    model = matmuls_of(read_architecture(CONFIGS["grouped"].to_dict(), where="a model"))
    for plain, quantised in (("lora", "qlora"), ("dora", "qdora")):
        works = [work_of(model, Run(technique=one, micro_batch=1, seq_len=8)) for one in (plain, quantised)]
        assert works[0] == works[1]


def test_a_full_step_is_six_operations_per_weight_and_the_embedding_is_none() -> None:
    model = matmuls_of(read_architecture(CONFIGS["grouped"].to_dict(), where="a model"))
    weights = 2 * (64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 112) + 97 * 64
    assert work_of(model, Run(technique="full", micro_batch=1, seq_len=8)).token == 6 * weights


@pytest.mark.parametrize("changes", [{"decoder_sparse_step": 2}, {"mlp_only_layers": [0]}, {"num_experts_per_tok": 0}])
def test_a_mixture_that_was_not_read_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(TuneGateError, match="mixture of experts"):
        matmuls_of_config({**CONFIGS["qwen3_moe"].to_dict(), **changes}, where="a model")
