"""The simulation against real memory, against values that were found elsewhere, and against its own laws."""

from __future__ import annotations

from typing import Any

import pytest

from trainers.problems import TrainerError
from trainers.simulated import Simulation, SimulationQuestion
from trainers.simulation.simulate import simulate

GIB = 2**30
# Llama-3.2-1B's own sizes (its config.json), at full depth
LLAMA: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128256,
    "tie_word_embeddings": True, "max_position_embeddings": 131072,
}  # fmt: skip
SHALLOW = LLAMA | {"num_hidden_layers": 2}


def simulated(config: dict[str, Any] = SHALLOW, **changes: Any) -> Simulation:
    plain: dict[str, Any] = {"technique": "lora", "micro_batch": 1, "seq_len": 512}
    return simulate(SimulationQuestion(config=config, **plain | changes))


@pytest.mark.parametrize(
    ("gib", "changes"),
    [
        (13.679, {"technique": "full", "seq_len": 2048}),
        (10.675, {"technique": "full", "seq_len": 2048, "checkpointing": True}),
        (5.994, {"seq_len": 2048, "checkpointing": True}),
        (9.447, {"micro_batch": 2, "seq_len": 1024, "autocast": "bf16"}),
        (8.863, {"micro_batch": 4, "adapter_dtype": "bf16"}),
        (6.681, {"seq_len": 1024, "padded": True}),
        (9.339, {"technique": "qlora", "micro_batch": 2, "seq_len": 1024, "kbit_prepare": False}),
        (20.617, {"technique": "full", "micro_batch": 2, "base_dtype": "fp32", "autocast": "bf16"}),
        (5.705, {"technique": "full", "optimizer": "sgd"}),
        (11.509, {"technique": "full", "optimizer": "adamw"}),
        (8.720, {"technique": "dora", "seq_len": 1024}),
    ],
)
def test_values_that_another_simulator_of_the_same_libraries_gave(gib: float, changes: dict[str, Any]) -> None:
    found = simulated(LLAMA, keep_logits=True, **changes)
    assert found.allocated / GIB == pytest.approx(gib, abs=0.0015)
    assert found.parameters == 1_235_814_400  # Llama-3.2-1B's published count


def test_a_real_step_on_the_cpu_needs_what_was_simulated() -> None:
    """torch's own profiler counts every allocation of a real run."""
    import torch
    from torch.profiler import ProfilerActivity, profile
    from transformers import LlamaConfig, LlamaForCausalLM

    config = {
        "model_type": "llama", "vocab_size": 8000, "hidden_size": 256, "intermediate_size": 704,
        "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2, "tie_word_embeddings": False,
    }  # fmt: skip
    plain = {name: value for name, value in config.items() if name != "model_type"}
    model = LlamaForCausalLM._from_config(LlamaConfig(**plain, use_cache=False), attn_implementation="sdpa")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    ids = torch.randint(0, 8000, (2, 256))

    def step() -> None:
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    step()
    held = sum(one.untyped_storage().nbytes() for one in model.parameters())
    held += sum(value.untyped_storage().nbytes() for state in optimizer.state.values() for value in state.values())
    with profile(
        activities=[ProfilerActivity.CPU], profile_memory=True, record_shapes=True, with_stack=True
    ) as profiled:
        step()
    live = top = 0
    events = [one for one in profiled._memory_profile().timeline if one[0] >= 0]  # (time, action, key, bytes)
    for _, (action, _key), size in ((when, (action, key), size) for when, action, key, size in events):
        live += size if action.name == "CREATE" else -size if action.name == "DESTROY" else 0
        top = max(top, live)
    found = simulated(config, technique="full", micro_batch=2, seq_len=256, base_dtype="fp32", cuda=False)
    assert found.allocated == pytest.approx(held + top, rel=0.01)


def test_the_parts_sum_to_the_peak_and_the_line_reaches_it() -> None:
    found = simulated()
    assert sum(found.categories.values()) == found.allocated == max(found.phases.values())
    assert max(size for _, size in found.timeline) == found.allocated
    assert found.reserved >= found.allocated
    assert {"weights", "adapter", "optimizer", "activations", "logits_and_loss"} <= set(found.categories)
    assert found.categories["adapter"] == pytest.approx(4 * found.trained_parameters, rel=0.01)


def test_more_never_needs_less() -> None:
    base = simulated().allocated
    for more in ({"seq_len": 1024}, {"micro_batch": 2}, {"r": 64}, {"padded": True}, {"keep_logits": True},
                 {"kernel": "math"}, {"kernel": "eager"}, {"dropout": 0.1}, {"grad_accum": 2}):  # fmt: skip
        assert simulated(**more).allocated >= base, more
    assert simulated(checkpointing=True).allocated <= base
    assert simulated(technique="qlora", kbit_prepare=False).categories["weights"] < simulated().categories["weights"]


def test_what_only_a_gpu_s_kernels_keep_is_counted() -> None:
    """The softmax gradient's temporary is in the peak where attention decides it; dropout keeps a mask of bytes."""
    long = {"config": SHALLOW | {"vocab_size": 1000}, "seq_len": 2048, "kernel": "eager"}
    assert simulated(cuda=True, **long).allocated > simulated(cuda=False, **long).allocated
    dropped = {"dropout": 0.1, "adapter_dtype": "fp32"}
    assert simulated(cuda=True, **dropped).allocated < simulated(cuda=False, **dropped).allocated


@pytest.mark.parametrize("method", ["IA3", "VERA", "OFT", "PREFIX_TUNING", "P_TUNING", "ADALORA"])
def test_other_methods_of_peft_run_too(method: str) -> None:
    wanted: dict[str, Any] = {"peft_type": method}
    if method in {"PREFIX_TUNING", "P_TUNING"}:
        wanted["num_virtual_tokens"] = 8
    found = simulated(technique="peft", peft=wanted)
    assert 0 < found.trained_parameters < found.parameters
    assert found.categories["weights"] >= simulated().categories["weights"]


@pytest.mark.parametrize("family", ["gpt2", "mixtral", "gemma2", "qwen3", "phi3", "granite"])
def test_families_without_a_formula_of_their_own_run_too(family: str) -> None:
    config = {"model_type": family, "num_hidden_layers": 2, "n_layer": 2, "hidden_size": 256, "intermediate_size": 512,
              "num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 1000, "pad_token_id": 0}  # fmt: skip
    assert simulated(config, technique="full", seq_len=64).allocated > 0


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"config": {"model_type": "lama"}}, "unsupported_family", "'lama'"),
        ({"config": {}}, "unsupported_family", "None"),
        ({"config": SHALLOW | {"num_attention_heads": 7}}, "unsupported_family", ""),
        ({"technique": "peft", "peft": {"peft_type": "LOHA"}}, "target_cannot", "Not simulable"),
        ({"targets": ["q_prj"]}, "target_cannot", "q_prj"),
        ({"technique": "peft", "peft": {"peft_type": "NONE_SUCH"}}, "target_cannot", "NONE_SUCH"),
    ],
)
def test_what_cannot_be_simulated_is_said_by_name(changes: dict[str, Any], code: str, said: str) -> None:
    with pytest.raises(TrainerError) as raised:
        simulated(**changes)
    assert raised.value.failure.code == code
    assert said in raised.value.failure.detail
