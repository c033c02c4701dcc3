"""Hub ids resolve to a commit in the local cache, and to nothing else; weights that are pickles are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.cli.app import run
from service.data import rule_files
from service.errors import TuneGateError
from service.models.hub import HUB_ID, pinned
from service.models.resolve import ResolvedModel, resolve_model
from service.settings import load_settings

RULES = rule_files()
DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
OLD, NEW = "a" * 40, "b" * 40
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 1000, "hidden_size": 64,
    "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
}  # fmt: skip


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits of acme/tiny, the newer of which is main."""
    repository = tmp_path / "hub" / "models--acme--tiny"
    for commit in (OLD, NEW):
        folder = repository / "snapshots" / commit
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(CONFIG | {"of": commit}))
        (folder / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(NEW)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path / "home"))
    return repository


def resolved(model: str) -> ResolvedModel:
    return resolve_model(model, rules=RULES, settings=load_settings())


@pytest.mark.parametrize(
    ("reference", "commit"), [("acme/tiny", NEW), ("acme/tiny@main", NEW), (f"acme/tiny@{OLD}", OLD)]
)
def test_a_hub_id_is_pinned_to_the_commit_that_lies_in_the_cache(cache: Path, reference: str, commit: str) -> None:
    model = resolved(reference)
    assert (model.name, model.revision) == ("acme/tiny", commit)
    assert model.folder == cache / "snapshots" / commit


def test_a_snapshot_folder_knows_its_commit(cache: Path) -> None:
    assert resolved(str(cache / "snapshots" / OLD)).revision == OLD


@pytest.mark.parametrize("reference", ["acme/other", "acme/tiny@v2", f"acme/tiny@{'c' * 40}", "../tiny", "acme/.."])
def test_what_is_not_in_the_cache_is_not_fetched_unasked(cache: Path, reference: str) -> None:
    with pytest.raises(TuneGateError) as caught:
        resolved(reference)
    assert caught.value.code == "unreadable_model"
    assert ("TUNEGATE_ALLOW_DOWNLOAD" in caught.value.remedy) == bool(HUB_ID.fullmatch(reference))


def test_the_plan_keeps_id_and_commit_apart(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--data", str(DESK / "train.jsonl"), "--technique", "lora", "--format", "json"]
    arguments += ["--validation", str(DESK / "validation.jsonl")]
    made = []
    for reference in ("acme/tiny", f"acme/tiny@{NEW}", f"acme/tiny@{OLD}"):
        assert run(["plan", "--model", reference, *arguments]) == 0
        made.append(json.loads(capsys.readouterr().out))
    assert [(plan["model"], plan["model_revision"]) for plan in made] == [
        ("acme/tiny", NEW), ("acme/tiny", NEW), ("acme/tiny", OLD),
    ]  # fmt: skip
    assert made[0]["id"] == made[1]["id"] != made[2]["id"]
    assert resolved(pinned(made[2]["model"], made[2]["model_revision"])).revision == OLD


def test_pickled_weights_are_refused_with_the_way_out(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = cache / "snapshots" / OLD
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    arguments = ["--data", str(DESK / "train.jsonl"), "--technique", "lora", "--format", "json"]
    assert run(["plan", "--model", str(folder), *arguments]) == 2
    problem = json.loads(capsys.readouterr().err)
    assert problem["code"] == "unreadable_model"
    assert [one["where"] for one in problem["errors"]] == ["pytorch_model.bin"]
    assert "save_pretrained" in problem["remedy"]
