"""What runs the model, behind one small protocol: onnxruntime-genai, plain onnxruntime, or torch."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from trainers.answers import Engine

# takes a token from logits (vocabulary,)
Choose = Callable[[Any], int]


class Decoding(Protocol):
    """A text that grows token by token."""

    def next(self, choose: Choose | None) -> int:
        """One more token: the most likely one, or what `choose` takes."""


class Model(Protocol):
    """A loaded model."""

    engine: Engine

    def start(self, ids: list[int], *, longest: int) -> Decoding:
        """Read a prompt; prompt and answer together never have more than `longest` tokens."""


def engine_of(folder: Path) -> Engine:
    """The engine for a folder of which nothing else is known."""
    if not (folder / "model.onnx").exists():
        return "torch"
    return "onnxruntime-genai" if (folder / "genai_config.json").exists() else "onnxruntime"


def open_model(folder: Path, engine: Engine, *, threads: int = 0) -> Model:
    """The model in that engine; `threads` = 0 leaves the number to it."""
    kinds: dict[Engine, Callable[[Path, int], Model]] = {
        "onnxruntime-genai": GenaiModel, "onnxruntime": GraphModel, "torch": TorchModel,
    }  # fmt: skip
    return kinds[engine](folder, threads)


def engine_version(engine: Engine) -> str:
    """The installed version of the engine's library."""
    return version(engine)


class GenaiModel:
    """The builder's folder; on the CPU, whatever provider it was built for."""

    engine: Engine = "onnxruntime-genai"

    def __init__(self, folder: Path, threads: int) -> None:
        import onnxruntime_genai as og

        og.disable_telemetry_events()
        config = og.Config(str(folder))
        config.clear_providers()
        if threads:
            options = {"session_options": {"intra_op_num_threads": threads}}
            config.overlay(json.dumps({"model": {"decoder": options}}))
        self._og = og
        self._model = og.Model(config)

    def start(self, ids: list[int], *, longest: int) -> Decoding:
        """Read a prompt; the cache is made for `longest` tokens at once."""
        og = self._og
        parameters = og.GeneratorParams(self._model)
        # what a model's own generation settings would change of it: the tokens are compared with greedy ones
        plain = {"repetition_penalty": 1.0, "no_repeat_ngram_size": 0, "min_length": 0, "num_beams": 1}
        parameters.set_search_options(max_length=longest, do_sample=False, num_return_sequences=1, **plain)
        generator = og.Generator(self._model, parameters)
        generator.append_tokens(ids)
        return _GenaiDecoding(generator)


class _GenaiDecoding:
    def __init__(self, generator: Any) -> None:
        self._generator = generator
        self._chosen: int | None = None

    def next(self, choose: Choose | None) -> int:
        if choose is None:
            self._generator.generate_next_token()
            return int(self._generator.get_next_tokens()[0])
        if self._chosen is not None:
            self._generator.append_tokens([self._chosen])
        self._chosen = choose(self._generator.get_logits()[0, -1])
        return self._chosen


class GraphModel:
    """Any ONNX folder of ours in plain onnxruntime, on the CPU."""

    engine: Engine = "onnxruntime"

    def __init__(self, folder: Path, threads: int) -> None:
        from trainers.onnx.graph import OnnxCausalLM

        self._graph = OnnxCausalLM(folder, threads=threads)

    def start(self, ids: list[int], *, longest: int) -> Decoding:
        """Read a prompt."""
        del longest
        return _GraphDecoding(self._graph, ids)


class _GraphDecoding:
    def __init__(self, graph: Any, ids: list[int]) -> None:
        self._graph = graph
        logits, self._tokens = graph.start(ids)
        self._logits = logits[-1].copy()  # those of the whole prompt need not stay
        self._chosen: int | None = None

    def next(self, choose: Choose | None) -> int:
        if self._chosen is not None:
            logits, self._tokens = self._graph.step(self._chosen, self._tokens)
            self._logits = logits[-1]
        self._chosen = choose(self._logits) if choose else int(self._logits.argmax())
        return self._chosen


class TorchModel:
    """A model folder: in fp32 on the CPU, as it is stored on a GPU."""

    engine: Engine = "torch"

    def __init__(self, folder: Path, threads: int) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        from trainers.load import on_device, on_gpu

        if threads:
            torch.set_num_threads(threads)
        kept: Any = "auto" if on_gpu() else torch.float32
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=kept, local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
        self._model = on_device(model.eval())
        forward = inspect.signature(model.forward).parameters
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in forward else {}

    def start(self, ids: list[int], *, longest: int) -> Decoding:
        """Read a prompt."""
        del longest
        return _TorchDecoding(self, ids)

    def run(self, ids: list[int], cache: Any) -> tuple[Any, Any]:
        """Logits (vocabulary,) as numpy after these tokens, and the cache with them."""
        import torch

        with torch.inference_mode():
            given = torch.tensor([ids], device=self._model.device)
            out = self._model(input_ids=given, past_key_values=cache, use_cache=True, **self._last_only)
            return out.logits[0, -1].float().cpu().numpy(), out.past_key_values


class _TorchDecoding:
    def __init__(self, model: TorchModel, ids: list[int]) -> None:
        self._model = model
        self._fed, self._cache = ids, None

    def next(self, choose: Choose | None) -> int:
        logits, self._cache = self._model.run(self._fed, self._cache)
        chosen = choose(logits) if choose else int(logits.argmax())
        self._fed = [chosen]
        return chosen
