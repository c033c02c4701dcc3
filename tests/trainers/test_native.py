"""A model's own code is run only where the plan says so: else it is not needed, or the model is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trainers.contract import TrainPlan
from trainers.native import require_native
from trainers.problems import TrainerError

AUTO_MAP = {"AutoModelForCausalLM": "modeling_own.OwnForCausalLM"}
# an architecture that transformers does not have: Llama's, under a name of its own
OWN_CODE = """
from transformers import LlamaConfig, LlamaForCausalLM

class OwnConfig(LlamaConfig):
    model_type = "own"

class OwnForCausalLM(LlamaForCausalLM):
    config_class = OwnConfig
"""


def folder_with(place: Path, **config: object) -> str:
    (place / "config.json").write_text(json.dumps(config))
    (place / "modeling_own.py").write_text("raise SystemExit('code of a model was run')")
    return str(place)


def plan_of(make_plan: Any, model: str, **changes: Any) -> TrainPlan:
    return msgspec.json.decode(make_plan(model=model, **changes).read_bytes(), type=TrainPlan)


def test_an_architecture_of_its_own_is_refused_saying_why(make_plan: Any, tmp_path: Path) -> None:
    folder = folder_with(tmp_path, model_type="own", auto_map=AUTO_MAP)
    with pytest.raises(TrainerError) as raised:
        require_native(plan_of(make_plan, folder))
    assert raised.value.failure.code == "unreadable_model"
    assert "auto_map" in raised.value.failure.detail
    assert "'own'" in raised.value.failure.detail
    assert "--trust-remote-code" in raised.value.failure.remedy


def test_a_native_architecture_is_loaded_by_its_own_class(make_plan: Any, model: Path, tmp_path: Path) -> None:
    import shutil

    from transformers import AutoModelForCausalLM

    shutil.copytree(model, tmp_path / "copy")
    config = json.loads((model / "config.json").read_text())
    place = folder_with(tmp_path / "copy", **config, auto_map=AUTO_MAP)
    require_native(plan_of(make_plan, place))
    loaded = AutoModelForCausalLM.from_pretrained(place, trust_remote_code=False)
    assert type(loaded).__module__.startswith("transformers.")


def test_code_of_another_repository_is_refused_though_trusted(make_plan: Any, tmp_path: Path) -> None:
    elsewhere = {"AutoModelForCausalLM": "someone/else--modeling_own.OwnForCausalLM"}
    # transformers takes that code even where it has the architecture itself
    for kind in ("own", "llama"):
        folder = folder_with(tmp_path, model_type=kind, auto_map=elsewhere)
        with pytest.raises(TrainerError, match="another repository"):
            require_native(plan_of(make_plan, folder, trust_remote_code=True))
    folder = folder_with(tmp_path, model_type="llama")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"AutoTokenizer": ["a/b--t.T", None]}}))
    with pytest.raises(TrainerError, match="another repository"):
        require_native(plan_of(make_plan, folder, trust_remote_code=True))


def test_trusted_code_is_trained_and_exported(
    make_plan: Any, run_trainer: Callable[..., Any], tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=96, num_hidden_layers=1, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    folder = tmp_path / "own"
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "modeling_own.py").write_text(OWN_CODE)
    own = {"model_type": "own", "architectures": ["OwnForCausalLM"]}
    auto_map = {"AutoConfig": "modeling_own.OwnConfig"} | AUTO_MAP
    changed = json.loads((folder / "config.json").read_text()) | own | {"auto_map": auto_map}
    (folder / "config.json").write_text(json.dumps(changed))

    code, _, result = run_trainer(make_plan(model=str(folder), n_epochs=1), tmp_path / "refused")
    assert code == 2
    assert "--trust-remote-code" in result["error"]["remedy"]
    assert not (tmp_path / "modules").exists()  # where code would be copied to before it is run

    plan = make_plan(model=str(folder), n_epochs=1, trust_remote_code=True)
    code, printed, result = run_trainer(plan, tmp_path / "trusted")
    assert code == 0, printed
    assert [one["route"] for one in result["onnx"]] == ["torch-dynamo"]
    assert result["onnx"][0]["parity"]["max_abs_logit_diff"] < 1e-4
