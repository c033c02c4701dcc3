"""A built ONNX folder in plain onnxruntime: prefill and greedy decoding through the key/value cache."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class OnnxCausalLM:
    """Batch 1; cache tensors are mapped by name (the builder orders all keys before all values)."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        model = json.loads((folder / "genai_config.json").read_text())["model"]
        eos = model["eos_token_id"]
        self.eos: set[int] = set(eos) if isinstance(eos, list) else {eos}
        self._heads = model["decoder"]["num_key_value_heads"]
        self._head_size = model["decoder"]["head_size"]
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._past = [i for i in self._session.get_inputs() if i.name.startswith("past_key_values.")]

    def start(self, ids: list[int]) -> tuple[Any, dict[str, Any]]:
        """Logits (tokens, vocabulary) of a prompt, and its cache."""
        import numpy as np

        kinds = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
        empty = {i.name: np.zeros((1, self._heads, 0, self._head_size), kinds[i.type]) for i in self._past}
        return self._run(ids, empty, length=len(ids))

    def step(self, token: int, cache: dict[str, Any], *, length: int) -> tuple[Any, dict[str, Any]]:
        """Logits (1, vocabulary) after one more token; `length` counts prompt and answer so far."""
        return self._run([token], cache, length=length)

    def generate(self, ids: list[int], *, max_new_tokens: int) -> list[int]:
        """Greedy answer tokens, the end token included."""
        logits, cache = self.start(ids)
        answer: list[int] = []
        while len(answer) < max_new_tokens:
            token = int(logits[-1].argmax())
            answer.append(token)
            if token in self.eos:
                break
            logits, cache = self.step(token, cache, length=len(ids) + len(answer))
        return answer

    def _run(self, ids: list[int], cache: dict[str, Any], *, length: int) -> tuple[Any, dict[str, Any]]:
        import numpy as np

        feed = {
            "input_ids": np.array([ids], np.int64),
            "attention_mask": np.ones((1, length), np.int64),
        } | cache
        values = dict(zip(self._outputs, self._session.run(None, feed), strict=True))
        present = {i.name: values[i.name.replace("past_key_values", "present")] for i in self._past}
        return values["logits"][0].astype(np.float32), present


def opset_of(folder: Path) -> int:
    """The graph's ai.onnx opset."""
    import onnx

    model = onnx.load(str(folder / "model.onnx"), load_external_data=False)
    return next(int(one.version) for one in model.opset_import if one.domain in {"", "ai.onnx"})
