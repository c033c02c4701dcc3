"""What the gate says of real graphs, checked against the models themselves without the gate's own code."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainers.contract import OnnxResult


def torch_logits(model: Path, ids: list[int]) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    with torch.inference_mode():
        return AutoModelForCausalLM.from_pretrained(model).eval()(torch.tensor([ids])).logits[0].numpy()


def plain_logits(folder: Path, ids: list[int], *, cache_after: int) -> Any:
    """The logits of all ids in two calls of a bare session, the second of which goes through the cache."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    pasts = [one for one in session.get_inputs() if one.name.startswith("past_key_values.")]
    cache = {one.name: np.zeros((1, one.shape[1], 0, 16), np.float32) for one in pasts}
    takes_positions = any(one.name == "position_ids" for one in session.get_inputs())
    names = [one.name for one in session.get_outputs()]
    found = []
    for start, end in ((0, cache_after), (cache_after, len(ids))):
        feed = {"input_ids": np.array([ids[start:end]]), "attention_mask": np.ones((1, end), np.int64)} | cache
        if takes_positions:
            feed["position_ids"] = np.arange(start, end)[None]
        values = dict(zip(names, session.run(None, feed), strict=True))
        cache = {name: values[name.replace("past_key_values", "present")] for name in cache}
        found.append(values["logits"][0])
    return np.concatenate(found)


IDS = [7, 20, 33, 46, 59, 72, 85, 98, 111]


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def proven_well(result: OnnxResult, *, genai: bool) -> None:
    assert result.verified
    assert result.proven_on == "CPUExecutionProvider"
    assert result.parity.prompts == 4
    assert result.parity.greedy_tokens_compared == 4 * 32
    assert result.parity.batch_max_abs_logit_diff is not None
    assert result.quality is not None
    assert result.quality.rows == 4
    assert result.quality.engine == "onnxruntime"
    assert result.latency is not None
    assert result.latency.tokens_per_second > 0
    assert (result.genai is not None and result.genai.verified) == genai, result.genai


def test_llama_passes_in_fp32_int8_and_int4(llama: Any) -> None:
    assert list(llama.onnx) == ["fp32", "int8", "int4"]
    for result in llama.onnx.values():
        assert result.route == "genai-builder"
        proven_well(result, genai=True)
    differences = [llama.onnx[one].parity.max_abs_logit_diff for one in ("fp32", "int8", "int4")]
    assert differences == sorted(differences)
    assert differences[0] < 1e-5
    assert llama.onnx["fp32"].parity.same_answers == 4
    wanted = torch_logits(llama.model, IDS)
    assert abs(plain_logits(llama.folder("fp32"), IDS, cache_after=5) - wanted).max() < 1e-5
    for precision, difference in (("int8", 0.05), ("int4", 0.3)):
        assert abs(plain_logits(llama.folder(precision), IDS, cache_after=5) - wanted).max() < difference


def test_qwen2_with_tied_embeddings_passes(make_model: Callable[..., Path], export_and_prove: Any) -> None:
    made = export_and_prove(make_model("Qwen2ForCausalLM", tie_word_embeddings=True), "fp32", "int8")
    assert list(made.onnx) == ["fp32", "int8"]
    proven_well(made.onnx["fp32"], genai=True)
    wanted = torch_logits(made.model, IDS)
    assert abs(plain_logits(made.folder("fp32"), IDS, cache_after=5) - wanted).max() < 1e-5


def test_an_architecture_that_the_builder_refuses_goes_through_torch(gpt2: Path, export_and_prove: Any) -> None:
    made = export_and_prove(gpt2, "fp32", "int8")
    assert {one.route for one in made.onnx.values()} == {"torch-dynamo"}
    for result in made.onnx.values():
        proven_well(result, genai=False)
    wanted = torch_logits(gpt2, IDS)
    assert abs(plain_logits(made.folder("fp32"), IDS, cache_after=5) - wanted).max() < 1e-5
    # Gemm layers too are quantised: what is left in fp32 are the embeddings and the norms
    sizes = [(made.folder(one) / "model.onnx.data").stat().st_size for one in ("fp32", "int8")]
    assert sizes[1] < 0.6 * sizes[0]
    import onnx

    graph = onnx.load(str(made.folder("int8") / "model.onnx"), load_external_data=False).graph
    axes = [one.dim_param or one.dim_value for one in graph.input[0].type.tensor_type.shape.dim]
    assert axes == ["batch_size", "sequence_length"]
    assert "does not know GPT2LMHeadModel" in made.said


def test_a_layer_as_wide_as_the_vocabulary_is_not_given_to_the_builder(
    make_model: Callable[..., Path], tokenizer: Any, llama: Any
) -> None:
    from trainers.onnx.builder import refusal

    assert refusal(llama.model) is None
    wide = refusal(make_model("Phi3ForCausalLM", intermediate_size=len(tokenizer) // 2))
    assert wide is not None
    assert "gate_up_proj" in wide
    assert str(len(tokenizer)) in wide


@pytest.mark.parametrize(("provider", "precision"), [("cuda", "fp16"), ("dml", "int4")])
def test_what_is_built_for_a_gpu_is_proven_on_the_cpu_and_says_so(
    llama: Any, export_and_prove: Any, provider: str, precision: str
) -> None:
    made = export_and_prove(llama.model, precision, provider=provider)
    result = made.onnx[precision]
    assert (result.provider, result.verified, result.latency) == (provider, False, None)
    assert result.proven_on == "CPUExecutionProvider"
    assert result.parity.relative_logit_diff > 0


def test_a_precision_that_misses_its_limit_is_left_out_and_the_next_is_built(
    make_model: Callable[..., Path], export_and_prove: Any
) -> None:
    def with_outliers(model: Any) -> None:
        """One large weight in every block of 32: sixteen steps leave nothing of the small ones."""
        for name, weight in model.named_parameters():
            if weight.ndim == 2 and "embed" not in name:
                weight[:, ::32] *= 12

    made = export_and_prove(make_model("LlamaForCausalLM", with_outliers), "int4")
    left = made.left_out["int4"]
    assert left.next == "int8"
    assert "at most 0.15" in left.why
    assert left.parity is not None
    assert left.parity.relative_logit_diff > 0.15
    assert not made.folder("int4").exists()
    assert next(iter(made.onnx)) in {"int8", "fp32"}
    assert {path.name for path in (made.out / "onnx").iterdir()} == set(made.onnx)


def test_a_builder_graph_that_answers_otherwise_is_built_by_the_other_route_once(
    llama: Any, ready: Any, prove_it: Any
) -> None:
    from trainers.onnx.build import export
    from trainers.problems import TrainerError
    from trainers.progress import ProgressWriter

    plan, out = ready(llama.model, "fp32")
    export(plan, out, ProgressWriter(out))
    spoil(out / "onnx" / "fp32" / "model.onnx.data")
    made = prove_it(plan, out)
    assert made.onnx["fp32"].route == "torch-dynamo"
    assert "does not pass" in made.said
    # and where both are wrong the job fails, with the numbers of both
    shutil.rmtree(out / "onnx")
    (out / ".work" / "part-onnx.json").unlink()
    export(plan, out, ProgressWriter(out))
    spoil(out / "onnx" / "fp32" / "model.onnx.data")
    spoil(out / ".work" / "torch-dynamo" / "model.onnx.data")
    with pytest.raises(TrainerError) as raised:
        prove_it(plan, out)
    assert raised.value.failure.code == "parity_failed"
    assert raised.value.failure.detail.count("relative logit difference") == 2
    assert not (out / "onnx" / "fp32").exists()


def spoil(weights: Path) -> None:
    """Other numbers of the same kind in the first half of the weights."""
    content = np.fromfile(weights, np.float32)
    content[: len(content) // 2] *= -1
    content.tofile(weights)


def test_the_same_model_gives_the_same_bytes(llama: Any, ready: Any) -> None:
    from trainers.onnx.build import export
    from trainers.progress import ProgressWriter

    plan, out = ready(llama.model, "fp32", "int4")
    export(plan, out, ProgressWriter(out))
    for precision in ("fp32", "int4"):
        assert hashes(out / "onnx" / precision) == hashes(llama.folder(precision))


def test_what_travels_along(llama: Any) -> None:
    for precision in llama.onnx:
        folder = llama.folder(precision)
        names = {path.name for path in folder.iterdir()}
        assert names >= {
            "model.onnx", "model.onnx.data", "genai_config.json", "tokenizer.json", "tokenizer_config.json",
            "chat_template.jinja", "generation_config.json", "config.json",
        }  # fmt: skip
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}
        # transformers 4 knows no TokenizersBackend
        tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
        assert tokenizer["tokenizer_class"] == "PreTrainedTokenizerFast"


def test_nothing_points_back_to_this_machine(llama: Any) -> None:
    places = {str(llama.out).encode(), str(llama.model.parent).encode(), b"site-packages", str(Path.home()).encode()}
    for path in (llama.out / "onnx").rglob("*.*"):
        content = path.read_bytes()
        assert not [place for place in places if place in content and len(place) > 5], path
    assert not list(Path.cwd().glob("cache_dir*"))


def test_longrope_is_built_and_compared_on_one_side_of_its_switch(
    make_model: Callable[..., Path], export_and_prove: Any
) -> None:
    factors = [1.0 + 0.1 * n for n in range(8)]
    # as transformers 5 writes it: `rope_type` alone, where the builder reads `type`
    rope = {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": factors, "long_factor": factors[::-1]}
    sizes = {"max_position_embeddings": 512, "original_max_position_embeddings": 80}
    model = make_model("Phi3ForCausalLM", rope_parameters=rope, **sizes)
    assert "type" not in json.loads((model / "config.json").read_text())["rope_parameters"]
    result = export_and_prove(model, "fp32").onnx["fp32"]
    assert result.route == "genai-builder"
    assert result.rope_switch == 80
    assert result.parity.max_abs_logit_diff < 1e-5


def test_a_template_that_genai_renders_otherwise_is_said_and_plain_onnxruntime_still_counts(
    llama: Any, ready: Any, prove_it: Any
) -> None:
    from trainers.onnx.build import export
    from trainers.progress import ProgressWriter

    plan, out = ready(llama.model, "fp32")
    export(plan, out, ProgressWriter(out))
    template = out / "onnx" / "fp32" / "chat_template.jinja"
    template.write_text("{{ 'Hi. ' }}" + template.read_text())
    genai = prove_it(plan, out).onnx["fp32"].genai
    assert (genai.verified, genai.prompts_equal) == (False, 0)
    assert genai.greedy_tokens_equal == genai.greedy_tokens_compared
    assert "chat template" in genai.why


def test_an_option_that_the_builder_would_ignore_is_refused(llama: Any, tmp_path: Path) -> None:
    from trainers.onnx.builder import build

    with pytest.raises(ValueError, match="int4_block_size"):
        build(llama.model, tmp_path / "out", "int4", "cpu", int4_block_size="16")
