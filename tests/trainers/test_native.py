"""A model's own code is never run: it is not needed, or the model is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainers.native import require_native
from trainers.problems import TrainerError

AUTO_MAP = {"AutoModelForCausalLM": "modeling_own.OwnForCausalLM"}


def folder_with(place: Path, **config: object) -> str:
    (place / "config.json").write_text(json.dumps(config))
    (place / "modeling_own.py").write_text("raise SystemExit('code of a model was run')")
    return str(place)


def test_an_architecture_of_its_own_is_refused_saying_why(tmp_path: Path) -> None:
    with pytest.raises(TrainerError) as raised:
        require_native(folder_with(tmp_path, model_type="own", auto_map=AUTO_MAP))
    assert raised.value.failure.code == "unreadable_model"
    assert "auto_map" in raised.value.failure.detail
    assert "'own'" in raised.value.failure.detail


def test_a_native_architecture_is_loaded_by_its_own_class(model: Path, tmp_path: Path) -> None:
    import shutil

    from transformers import AutoModelForCausalLM

    shutil.copytree(model, tmp_path / "copy")
    config = json.loads((model / "config.json").read_text())
    place = folder_with(tmp_path / "copy", **config, auto_map=AUTO_MAP)
    require_native(place)
    loaded = AutoModelForCausalLM.from_pretrained(place, trust_remote_code=False)
    assert type(loaded).__module__.startswith("transformers.")
