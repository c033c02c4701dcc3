"""What MODEL may name, and how a model that cannot be read is reported."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from service.data import rule_files
from service.errors import TuneGateError
from service.models.resolve import ResolvedModel, resolve_model
from service.settings import Settings, load_settings

RULES = rule_files()
CONFIG: dict[str, Any] = {
    "model_type": "llama", "vocab_size": 100, "hidden_size": 16, "intermediate_size": 32,
    "num_hidden_layers": 2, "num_attention_heads": 4,
}  # fmt: skip


def settings_in(home: Path) -> Settings:
    return load_settings({"TUNEGATE_HOME": str(home)})


def safetensors(size: int = 8) -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}).encode()
    return len(header).to_bytes(8, "little") + header + b"\0" * size


def model_folder(folder: Path, config: dict[str, Any] | None = None) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG if config is None else config))
    (folder / "model.safetensors").write_bytes(safetensors())
    (folder / "tokenizer.json").write_text("{}")
    return folder


def resolved(model: str | dict[str, Any], home: Path) -> ResolvedModel:
    return resolve_model(model, rules=RULES, settings=settings_in(home))


def refused(model: str | dict[str, Any], home: Path) -> TuneGateError:
    with pytest.raises(TuneGateError) as caught:
        resolved(model, home)
    return caught.value


def test_a_catalogue_id_has_sizes_but_no_folder(tmp_path: Path) -> None:
    found = resolved("phi-3-mini-4k", tmp_path)
    assert (found.name, found.params, found.folder) == ("phi-3-mini-4k", 3_821_079_552, None)


def test_a_folder_is_named_without_its_path_and_has_a_fingerprint(tmp_path: Path) -> None:
    found = resolved(str(model_folder(tmp_path / "mine")), tmp_path)
    assert (found.name, found.folder) == ("mine", tmp_path / "mine")
    assert found.fingerprint is not None
    assert len(found.fingerprint) == 64
    assert found.params is not None


def test_a_name_under_the_models_folder_is_found(tmp_path: Path) -> None:
    model_folder(tmp_path / "models" / "mine")
    assert resolved("mine", tmp_path).folder == tmp_path / "models" / "mine"


def test_a_local_folder_wins_over_the_catalogue_row_of_the_same_name(tmp_path: Path) -> None:
    model_folder(tmp_path / "models" / "phi-4")
    assert resolved("phi-4", tmp_path).folder is not None


def test_a_config_file_or_object_is_enough_for_sizes(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    by_path, inline = resolved(str(tmp_path / "config.json"), tmp_path), resolved(CONFIG, tmp_path)
    assert by_path.params == inline.params
    assert by_path.folder is inline.folder is None


def test_a_folder_without_weights_can_be_sized_but_not_trained(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "mine")
    (folder / "model.safetensors").unlink()
    found = resolved(str(folder), tmp_path)
    assert found.folder is None
    assert found.params is not None


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(CONFIG).encode())
    assert resolved(str(tmp_path / "config.json"), tmp_path).params is not None


def test_the_fingerprint_follows_the_content_and_not_the_place(tmp_path: Path) -> None:
    one, same = model_folder(tmp_path / "one"), model_folder(tmp_path / "two")
    first = resolved(str(one), tmp_path).fingerprint
    assert resolved(str(same), tmp_path).fingerprint == first
    (same / "notes.md").write_text("not part of the model")
    assert resolved(str(same), tmp_path).fingerprint == first
    (same / "modeling_own.py").write_text("code of the model is part of it, since it may be run")
    coded = resolved(str(same), tmp_path).fingerprint
    assert coded != first
    (same / "modeling_own.py").write_text("and so is a change of it")
    assert resolved(str(same), tmp_path).fingerprint != coded
    (same / "tokenizer.json").write_text('{"a": 1}')
    assert resolved(str(same), tmp_path).fingerprint != first


def test_the_end_of_a_large_file_counts(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "large")
    large, size = folder / "model.safetensors", 65 * 2**20
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    with large.open("wb") as handle:
        handle.write(len(header).to_bytes(8, "little") + header)
        handle.truncate(8 + len(header) + size)
    before = resolved(str(folder), tmp_path).fingerprint
    with large.open("r+b") as handle:
        handle.seek(-1, 2)
        handle.write(b"\1")
    assert resolved(str(folder), tmp_path).fingerprint != before


def test_an_unknown_name_suggests_the_nearest_and_lists_all(tmp_path: Path) -> None:
    model_folder(tmp_path / "models" / "mine")
    error = refused("phi-3-mini-4", tmp_path)
    assert (error.code, error.exit_code) == ("unreadable_model", 2)
    assert "'phi-3-mini-4k'" in error.remedy
    assert "mine" in error.remedy


@pytest.mark.parametrize("name", ["../mine", "..", "", "a" * 5000, "mine\0"])
def test_a_name_cannot_leave_the_models_folder(tmp_path: Path, name: str) -> None:
    model_folder(tmp_path / "mine")
    assert refused(name, tmp_path / "home").code == "unreadable_model"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "not JSON"),
        (b"[]", "a JSON list"),
        (b"\xff\xfe{", "not JSON"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_broken_config_is_named_with_its_fault(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "config.json").write_bytes(content)
    error = refused(str(tmp_path / "config.json"), tmp_path)
    assert error.code == "unreadable_model"
    assert "config.json" in error.detail
    assert said in error.detail


def test_a_folder_without_a_config_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    error = refused(str(tmp_path / "empty"), tmp_path)
    assert "config.json: missing" in error.detail


def test_a_config_without_model_type_is_refused(tmp_path: Path) -> None:
    error = refused({name: value for name, value in CONFIG.items() if name != "model_type"}, tmp_path)
    assert error.code == "unreadable_model"
    assert "model_type" in error.detail


def test_all_unusable_sizes_are_reported_at_once(tmp_path: Path) -> None:
    broken = CONFIG | {"hidden_size": "16", "num_hidden_layers": 0, "vocab_size": None, "tie_word_embeddings": "yes"}
    error = refused(broken, tmp_path)
    assert {item.where for item in error.errors} >= {
        "hidden_size", "num_hidden_layers", "vocab_size", "tie_word_embeddings",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (safetensors()[:-1], "where its header says"),
        (b"\1\0", "cut short"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS pointer"),
        ((9).to_bytes(8, "little") + b"not json!", "not JSON"),
        ((2).to_bytes(8, "little") + b"[]", "names no tensors"),
    ],
)
def test_unusable_weights_are_named_with_their_fault(tmp_path: Path, content: bytes, said: str) -> None:
    folder = model_folder(tmp_path / "mine")
    (folder / "model.safetensors").write_bytes(content)
    (item,) = refused(str(folder), tmp_path).errors
    assert item.where == "model.safetensors"
    assert said in str(item.seen)


def test_every_missing_shard_is_named(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "mine")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    error = refused(str(folder), tmp_path)
    assert [item.where for item in error.errors] == ["model-1.safetensors", "model-2.safetensors"]


def test_a_model_without_a_formula_still_resolves(tmp_path: Path) -> None:
    found = resolved(CONFIG | {"model_type": "mamba"}, tmp_path)
    assert found.params is None


@pytest.mark.parametrize("kind", ["pipe", "device", "too large"])
def test_a_config_is_a_file_of_a_usual_size(kind: str, tmp_path: Path) -> None:
    path = Path("/dev/zero") if kind == "device" else tmp_path / "config.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "too large":
        with path.open("wb") as handle:
            handle.truncate(11 * 2**20)
    error = refused(str(path), tmp_path)
    assert error.code == "unreadable_model"
    assert ("10 MiB" if kind == "too large" else "no regular file") in error.detail
