"""Route 2: torch.onnx with a key/value cache, for architectures that the builder does not know; onnxruntime only."""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainers.contract import TORCH_DYNAMO
from trainers.outfiles import complete_folder

ROUTE = TORCH_DYNAMO
OPSET = 18
BLOCK_SIZE = 32
_BITS = {"int8": 8, "int4": 4}


def build(merged: Path, folder: Path, precision: str, *, exported: Path, export: Callable[[Path], Any]) -> None:
    """Write model.onnx and model.onnx.data into `folder`; the fp32 graph is kept in `exported` for the next precision.

    `export` makes it, `export_decoder` of a model that writes text; of such a one inputs are input_ids,
    attention_mask, position_ids and past_key_values.N.key|value, outputs are logits and present.N.key|value. Axes are
    named; the layout of the cache is (batch, heads, past, head size).
    """
    import onnx

    if not exported.is_dir():
        with complete_folder(exported) as fresh:
            _save(export(merged), fresh)
    model = onnx.load(str(exported / "model.onnx"))
    if precision == "fp16":
        model = _half(model)
    elif precision in _BITS:
        model = _quantised(model, _BITS[precision])
    _save(model, folder)


def export_decoder(merged: Path, *, trust_remote_code: bool = False) -> Any:
    """The fp32 graph as an onnx.ModelProto."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        merged,
        dtype=torch.float32,
        attn_implementation="eager",
        local_files_only=True,
        trust_remote_code=trust_remote_code,
    ).eval()
    layers, heads, size = _cache_shape(model)
    names = [f"past_key_values.{layer}.{half}" for layer in range(layers) for half in ("key", "value")]
    # sizes that differ from one another and from 1, or the exporter would take two axes for one
    rows, new, past = 2, 3, 5
    example = (
        torch.ones(rows, new, dtype=torch.long),
        torch.ones(rows, past + new, dtype=torch.long),
        torch.arange(past, past + new).repeat(rows, 1),
        [torch.zeros(rows, heads, past, size) for _ in names],
    )
    sequence = {0: "batch_size", 1: "sequence_length"}
    axes = (sequence, {0: "batch_size", 1: "total_sequence_length"}, sequence)
    cache_axes = [{0: "batch_size", 2: "past_sequence_length"} for _ in names]
    return traced(
        _with_flat_cache(model),
        example,
        axes=(*axes, cache_axes),
        inputs=["input_ids", "attention_mask", "position_ids", *names],
        outputs=["logits", *(name.replace("past_key_values", "present") for name in names)],
    )


def traced(
    module: Any, example: tuple[Any, ...], *, axes: tuple[Any, ...], inputs: list[str], outputs: list[str]
) -> Any:
    """An onnx.ModelProto of what the module does with the example; `axes` names the sizes that may differ."""
    import torch

    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for talker in ("torch.onnx", "onnx_ir", "onnxscript"):
            logging.getLogger(talker).setLevel(logging.ERROR)
        program = torch.onnx.export(
            module,
            example,
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=axes,
            input_names=inputs,
            output_names=outputs,
            verbose=False,
        )
    return program.model_proto


def _with_flat_cache(model: Any) -> Any:
    """The model as a module of tensors: the cache comes and goes as a flat list of keys and values."""
    import torch
    from transformers import DynamicCache

    class WithFlatCache(torch.nn.Module):  # type: ignore[misc]  # torch has no types here
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any, position_ids: Any, past: list[Any]) -> tuple[Any, ...]:
            cache = DynamicCache(list(zip(past[::2], past[1::2], strict=True)))
            out = self.model(
                input_ids=input_ids,
                attention_mask=attention_mask,
                position_ids=position_ids,
                past_key_values=cache,
                use_cache=True,
            )
            present = [tensor for layer in out.past_key_values.layers for tensor in (layer.keys, layer.values)]
            return (out.logits, *present)

    return WithFlatCache().eval()


def _cache_shape(model: Any) -> tuple[int, int, int]:
    """(layers, heads, head size) of the cache, read off one real token: configs name them in many ways."""
    import torch

    with torch.inference_mode():
        layers = model(input_ids=torch.tensor([[0]]), use_cache=True).past_key_values.layers
    _, heads, _, size = layers[0].keys.shape
    return len(layers), int(heads), int(size)


def _half(model: Any) -> Any:
    """Weights and arithmetic in fp16, inputs and outputs left in fp32."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    return convert_float_to_float16(model, keep_io_types=True, disable_shape_infer=True)


def _quantised(model: Any, bits: int) -> Any:
    """Weight-only MatMulNBits; the embedding stays in fp32."""
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    logging.getLogger("onnxruntime.quantization.matmul_nbits_quantizer").setLevel(logging.WARNING)
    _gemm_to_matmul(model)
    quantizer = MatMulNBitsQuantizer(model, block_size=BLOCK_SIZE, is_symmetric=True, accuracy_level=4, bits=bits)
    with contextlib.redirect_stdout(sys.stderr):
        quantizer.process()
    return quantizer.model.model


def _gemm_to_matmul(model: Any) -> None:
    """Turn Gemm with constant weights into MatMul and Add: the quantizer passes over Gemm without a word."""
    from onnx import helper, numpy_helper

    weights = {one.name: one for one in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        settings = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        plain = settings.get("alpha", 1.0) == settings.get("beta", 1.0) == 1.0 and not settings.get("transA")
        if node.op_type != "Gemm" or not plain or node.input[1] not in weights:
            nodes.append(node)
            continue
        weight = node.input[1]
        if settings.get("transB"):
            turned = numpy_helper.to_array(weights[weight]).T.copy()
            weight = f"{node.input[1]}.transposed"
            model.graph.initializer.append(numpy_helper.from_array(turned, weight))
        has_bias = len(node.input) > 2
        product = f"{node.output[0]}.product" if has_bias else node.output[0]
        nodes.append(helper.make_node("MatMul", [node.input[0], weight], [product], name=f"{node.name}.matmul"))
        if has_bias:
            nodes.append(helper.make_node("Add", [product, node.input[2]], list(node.output), name=f"{node.name}.add"))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [one for one in model.graph.initializer if one.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def _save(model: Any, folder: Path) -> None:
    """Without the traces of this machine (file names and source lines) that the exporter leaves in every node."""
    import onnx

    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]
        value.doc_string = ""
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    onnx.save_model(
        model,
        str(folder / "model.onnx"),
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location="model.onnx.data",
        size_threshold=1024,
        convert_attribute=False,
    )
