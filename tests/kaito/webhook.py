"""KAITO's admission as its source has it (section by section), written apart from the product's own rules."""

from __future__ import annotations

import posixpath
import re
from typing import Any
from urllib.parse import urlsplit

import yaml

ALIASES = ("falcon", "llama-3.1-8b-instruct", "gpt-oss-20b")
MOST_ADAPTERS = 10
SECTIONS = {
    "ModelConfig", "QuantizationConfig", "LoraConfig", "TrainingArguments", "DatasetConfig", "DataCollator",
}  # fmt: skip


def denied(workspace: dict[str, Any], config: dict[str, Any] | None) -> str:
    """Why admission denies it, or nothing."""
    tuning = workspace.get("tuning")
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", workspace["metadata"]["name"]):
        return "name is no DNS-1123 label"
    if (tuning is None) == (workspace.get("inference") is None):
        return "exactly one of tuning and inference"
    if not workspace["resource"].get("instanceType"):
        return "instanceType is required"
    if tuning is None:
        return _inference(workspace, config)
    if workspace["resource"].get("count", 1) > 1:
        return "Tuning does not currently support multinode configurations"
    if tuning.get("method", "").lower() not in {"lora", "qlora"}:
        return "method is not supported"
    if not tuning.get("preset", {}).get("name"):
        return "preset is required"
    return _sides(tuning["input"], tuning["output"]) or _config(tuning, config)


def _inference(workspace: dict[str, Any], config: dict[str, Any] | None) -> str:
    """Of the vLLM runtime, with nodes that are provisioned."""
    inference, adapters = workspace["inference"], workspace["inference"].get("adapters") or []
    if not workspace["resource"]["instanceType"].startswith(("Standard_N", "Standard_D")):
        return "Unsupported instance type"
    if bool(inference.get("preset")) == bool(inference.get("template")):
        return "Preset or Template must be specified, and not both"
    if any("strength" in one for one in adapters):
        return "Runtime validation: vLLM does not support adapter strength"
    if len(adapters) > MOST_ADAPTERS:
        return "Number of Adapters exceeds the maximum limit"
    if len({one["source"].get("name") for one in adapters}) != len(adapters):
        return "Duplicate adapter source name found"
    if not inference.get("config"):
        return ""
    if config is None:
        return "ConfigMap specified in 'config' not found"
    if "inference_config.yaml" not in config["data"]:
        return "inference_config.yaml in ConfigMap"
    values = yaml.safe_load(config["data"]["inference_config.yaml"]).get("vllm", {})
    return "" if all(isinstance(one, str | int | float) for one in values.values()) else "cannot unmarshal"


def _sides(given: dict[str, Any], made: dict[str, Any]) -> str:
    if sum(bool(given.get(one)) for one in ("urls", "image", "volumeSource")) != 1:
        return "exactly one input"
    if sum(bool(made.get(one)) for one in ("image", "volumeSource")) != 1:
        return "exactly one output"
    if made.get("image") and not made.get("imagePushSecret"):
        return "imagePushSecret is required"
    for url in given.get("urls") or []:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme not in {"http", "https"}:
            return "scheme"
        if host in {"localhost", "metadata.google.internal"} or re.match(r"127\.|10\.|192\.168\.|169\.254\.", host):
            return "host"
    return ""


def _config(tuning: dict[str, Any], config: dict[str, Any] | None) -> str:
    if not tuning.get("config"):
        return ""
    if config is None:
        return "ConfigMap not found"
    content = yaml.safe_load(config["data"]["training_config.yaml"])["training_config"]
    if set(content) - SECTIONS:
        return "unknown section"
    bits = content.get("QuantizationConfig") or {}
    four, eight = bits.get("load_in_4bit"), bits.get("load_in_8bit")
    if (four and eight) or bool(four or eight) != (tuning["method"].lower() == "qlora"):
        return "quantization does not fit the method"
    out = content["TrainingArguments"]["output_dir"]
    path = posixpath.normpath(out if out.startswith("/mnt") else f"/mnt/{out}")
    return "" if path.startswith("/mnt/") else "output_dir must be a directory"
