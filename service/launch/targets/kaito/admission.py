"""What KAITO's admission asks of a Workspace beyond its schema, with the keys of the schema strictly; pure.

Encodes api/v1beta1/workspace_validation.go and tuning_config_validation.go of KAITO 0.12.0: the schema lets through
what these refuse, and an API server may prune a misspelt key in silence.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from service.errors import ErrorItem, suggestion
from service.launch.targets.kaito.refusals import METHODS
from service.launch.targets.kaito.settings import wrong_url

CONFIG_KEY, CONFIG_ROOT = "training_config.yaml", "training_config"
SECTIONS = (
    "ModelConfig", "QuantizationConfig", "LoraConfig", "TrainingArguments", "DatasetConfig", "DataCollator",
)  # fmt: skip
_MOUNT = "/mnt"
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
IMAGE = re.compile(
    r"(?=.{1,512}$)([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
_KEYS: dict[str, tuple[str, ...]] = {
    "": ("apiVersion", "kind", "metadata", "resource", "tuning"),
    "resource": ("labelSelector", "instanceType", "count"),
    "resource.labelSelector": ("matchLabels", "matchExpressions"),
    "tuning": ("preset", "method", "config", "input", "output"),
    "tuning.preset": ("name", "accessMode", "presetOptions"),
    "tuning.input": ("name", "urls", "image", "imagePullSecrets", "volumeSource"),
    "tuning.output": ("image", "imagePushSecret", "volumeSource"),
}


def refused(workspace: Mapping[str, Any], config_map: Mapping[str, Any]) -> list[ErrorItem]:
    """Everything that keeps these two objects from becoming a tuning job."""
    return [*_keys(workspace), *_names(workspace, config_map), *_resource(workspace), *_tuning(workspace),
            *_config(config_map, str(_at(workspace, "tuning").get("method", "")))]  # fmt: skip


def _at(content: Mapping[str, Any], path: str) -> dict[str, Any]:
    found: Any = content
    for part in filter(None, path.split(".")):
        found = found.get(part) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _keys(workspace: Mapping[str, Any]) -> Iterator[ErrorItem]:
    for path, allowed in _KEYS.items():
        for key in _at(workspace, path):
            if key not in allowed:
                where = f"workspace.{path}.{key}".replace("..", ".")
                yield ErrorItem(where, "an unknown key", ", ".join(allowed), suggestion(key, allowed) or None)


def _names(workspace: Mapping[str, Any], config_map: Mapping[str, Any]) -> Iterator[ErrorItem]:
    name, config = _at(workspace, "metadata").get("name"), _at(config_map, "metadata")
    if not isinstance(name, str) or not _LABEL.fullmatch(name):
        yield ErrorItem("workspace.metadata.name", str(name), "a DNS label: up to 63 lower case letters, digits and -")
    if _at(workspace, "tuning").get("config") != config.get("name"):
        yield ErrorItem("workspace.tuning.config", str(_at(workspace, "tuning").get("config")), str(config.get("name")))
    if _at(workspace, "metadata").get("namespace") != config.get("namespace"):
        seen = str(config.get("namespace"))
        yield ErrorItem("config_map.metadata.namespace", seen, "the Workspace's namespace")


def _resource(workspace: Mapping[str, Any]) -> Iterator[ErrorItem]:
    resource = _at(workspace, "resource")
    if not _at(resource, "labelSelector"):
        yield ErrorItem("workspace.resource.labelSelector", "nothing", "matchLabels")
    if not resource.get("instanceType"):
        why = "Without one KAITO's tuning finds no machine, nodes of your own included."
        yield ErrorItem("workspace.resource.instanceType", "nothing", "a machine size", why)
    if resource.get("count", 1) != 1:
        yield ErrorItem("workspace.resource.count", str(resource["count"]), "1: tuning runs on one node")


def _tuning(workspace: Mapping[str, Any]) -> Iterator[ErrorItem]:
    tuning = _at(workspace, "tuning")
    if tuning.get("method") not in METHODS:
        yield ErrorItem("workspace.tuning.method", str(tuning.get("method")), f"{' or '.join(METHODS)}, lower case")
    if not _at(tuning, "preset").get("name"):
        yield ErrorItem("workspace.tuning.preset.name", "nothing", "a preset that can be tuned")
    given, made = _at(tuning, "input"), _at(tuning, "output")
    yield from _one_of("input", given, ("urls", "image", "volumeSource"))
    yield from _one_of("output", made, ("image", "volumeSource"))
    for url in given.get("urls") or []:
        yield from wrong_url(str(url))
    if len(given.get("urls") or []) > 1:
        why = "KAITO trains on the first file it finds and leaves the others."
        yield ErrorItem("workspace.tuning.input.urls", f"{len(given['urls'])} files", "one file", why)
    for side, part in (("input", given), ("output", made)):
        image = part.get("image")
        if image is not None and not (isinstance(image, str) and IMAGE.fullmatch(image)):
            yield ErrorItem(f"workspace.tuning.{side}.image", str(image)[:80], "an image reference")
    if made.get("image") and not made.get("imagePushSecret"):
        yield ErrorItem("workspace.tuning.output.imagePushSecret", "nothing", "a secret in the namespace")


def _one_of(side: str, part: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[ErrorItem]:
    given = [name for name in names if part.get(name)]
    if len(given) != 1:
        yield ErrorItem(f"workspace.tuning.{side}", " and ".join(given) or "nothing", f"one of {', '.join(names)}")


def _config(config_map: Mapping[str, Any], method: str) -> Iterator[ErrorItem]:
    where = f"config_map.data[{CONFIG_KEY}]"
    try:
        content = json.loads(_at(config_map, "data").get(CONFIG_KEY, ""))
        sections = content[CONFIG_ROOT]
    except (ValueError, KeyError, TypeError):
        yield ErrorItem(where, "no such key, or another form", f"an object {CONFIG_ROOT}")
        return
    for name in sections:
        if name not in SECTIONS:
            yield ErrorItem(f"{where}.{name}", "an unknown section", ", ".join(SECTIONS), suggestion(name, SECTIONS))
    yield from _quantised(where, sections.get("QuantizationConfig") or {}, method)
    yield from _output_dir(where, sections.get("TrainingArguments") or {})


def _quantised(where: str, section: Mapping[str, Any], method: str) -> Iterator[ErrorItem]:
    bits = {name: section.get(name) for name in ("load_in_4bit", "load_in_8bit")}
    on = [name for name, value in bits.items() if value is True]
    wrong = [name for name, value in bits.items() if value not in (None, True, False)]
    if wrong:
        yield ErrorItem(f"{where}.QuantizationConfig.{wrong[0]}", str(bits[wrong[0]]), "true or false")
    if len(on) != (1 if method == "qlora" else 0):
        allowed = "exactly one of load_in_4bit, load_in_8bit" if method == "qlora" else "neither for lora"
        yield ErrorItem(f"{where}.QuantizationConfig", " and ".join(on) or "neither", allowed)


def _output_dir(where: str, section: Mapping[str, Any]) -> Iterator[ErrorItem]:
    value = section.get("output_dir")
    path = value if isinstance(value, str) else ""
    joined = posixpath.normpath(path if path.startswith(_MOUNT) else f"{_MOUNT}/{path}")
    if joined == _MOUNT or not joined.startswith(f"{_MOUNT}/"):
        yield ErrorItem(f"{where}.TrainingArguments.output_dir", str(value), f"a folder below {_MOUNT}")
