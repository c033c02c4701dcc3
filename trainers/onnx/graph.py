"""A built ONNX folder in plain onnxruntime: prefill, right-padded batches and greedy decoding through the cache."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

CPU = "CPUExecutionProvider"
PROVIDERS = {"cpu": CPU, "cuda": "CUDAExecutionProvider", "dml": "DmlExecutionProvider"}
_PAST = "past_key_values."
_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16"}


class Tokens(msgspec.Struct, frozen=True):
    """A batch on its way through the graph: the cache by input name, and every mask so far (rows, past)."""

    cache: dict[str, Any]
    mask: Any


class OnnxCausalLM:
    """Both routes' graphs; cache tensors are mapped by name (the builder orders all keys before all values).

    `threads` = 0 leaves the number to onnxruntime.
    """

    def __init__(self, folder: Path, *, provider: str = CPU, threads: int = 0) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=[provider])
        self.eos = end_tokens(folder)
        inputs = self._session.get_inputs()
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._past = [one for one in inputs if one.name.startswith(_PAST)]
        self._takes_positions = any(one.name == "position_ids" for one in inputs)
        self._head_size = _head_size(folder)

    def start(self, ids: list[int]) -> tuple[Any, Tokens]:
        """Logits (tokens, vocabulary) of one prompt, and what the next step needs."""
        logits, tokens = self.start_batch([ids])
        return logits[0], tokens

    def step(self, token: int, tokens: Tokens) -> tuple[Any, Tokens]:
        """Logits (1, vocabulary) after one more token of one prompt."""
        logits, tokens = self.step_batch([token], tokens)
        return logits[0], tokens

    def start_batch(self, rows: list[list[int]]) -> tuple[Any, Tokens]:
        """Logits (rows, longest, vocabulary) of prompts padded on the right; only a row's real tokens count."""
        import numpy as np

        longest = max(map(len, rows))
        ids = np.array([row + [0] * (longest - len(row)) for row in rows], np.int64)
        mask = np.array([[1] * len(row) + [0] * (longest - len(row)) for row in rows], np.int64)
        return self._run(ids, Tokens(self._empty_cache(len(rows)), mask))

    def step_batch(self, chosen: list[int], tokens: Tokens) -> tuple[Any, Tokens]:
        """Logits (rows, 1, vocabulary) after one more token on every row; every mask grows by a one."""
        import numpy as np

        ones = np.ones((len(chosen), 1), np.int64)
        mask = np.concatenate([tokens.mask, ones], axis=1)
        return self._run(np.array(chosen, np.int64)[:, None], Tokens(tokens.cache, mask))

    def generate(self, ids: list[int], *, max_new_tokens: int) -> list[int]:
        """Greedy answer tokens, the end token included."""
        logits, tokens = self.start(ids)
        answer: list[int] = []
        while len(answer) < max_new_tokens:
            answer.append(int(logits[-1].argmax()))
            if answer[-1] in self.eos or len(answer) == max_new_tokens:
                break
            logits, tokens = self.step(answer[-1], tokens)
        return answer

    def _empty_cache(self, rows: int) -> dict[str, Any]:
        import numpy as np

        return {
            one.name: np.zeros((rows, one.shape[1], 0, self._head_size or one.shape[3]), _DTYPES[one.type])
            for one in self._past
        }

    def _run(self, ids: Any, tokens: Tokens) -> tuple[Any, Tokens]:
        import numpy as np

        feed = {"input_ids": ids, "attention_mask": tokens.mask} | tokens.cache
        if self._takes_positions:
            feed["position_ids"] = (tokens.mask.cumsum(axis=1) - 1).clip(0)[:, -ids.shape[1] :]
        values = dict(zip(self._outputs, self._session.run(None, feed), strict=True))
        present = {one.name: values[one.name.replace("past_key_values", "present")] for one in self._past}
        return values["logits"].astype(np.float32), Tokens(present, tokens.mask)


def available_provider(provider: str) -> str:
    """The onnxruntime provider a graph is proven on here: the one it was built for, else the CPU."""
    import onnxruntime

    wanted = PROVIDERS[provider]
    return wanted if wanted in onnxruntime.get_available_providers() else CPU


def opset_of(folder: Path) -> int:
    """The graph's ai.onnx opset."""
    import onnx

    model = onnx.load(str(folder / "model.onnx"), load_external_data=False)
    return next(int(one.version) for one in model.opset_import if one.domain in {"", "ai.onnx"})


def _head_size(folder: Path) -> int | None:
    """The builder leaves the last axis of the cache without a number; its config has it."""
    try:
        return int(json.loads((folder / "genai_config.json").read_text())["model"]["decoder"]["head_size"])
    except FileNotFoundError:
        return None


def end_tokens(folder: Path) -> set[int]:
    """Ids at which an answer ends, from the first config that names one."""
    for name, keys in (("genai_config.json", ("model",)), ("generation_config.json", ()), ("config.json", ())):
        try:
            values: Any = json.loads((folder / name).read_text())
        except FileNotFoundError:
            continue
        for key in keys:
            values = values[key]
        found = values.get("eos_token_id")
        if found is not None:
            return set(found) if isinstance(found, list) else {found}
    return set()
