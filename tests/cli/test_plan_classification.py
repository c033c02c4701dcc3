"""Plans of classifications: the task is told by the rows, what belongs to chats is refused, labels have an order."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from service.app import build_app
from service.cli.app import run
from service.settings import load_settings
from trainers.contract import ENCODERS

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
INTENTS, ENTITIES, CHATS = (str(DESK / f"{name}.jsonl") for name in ("intents-train", "entities-train", "train"))
BERT = {"architectures": ["BertForMaskedLM"], "model_type": "bert", "vocab_size": 600, "hidden_size": 128}
WEIGHTS = {
    "bert.embeddings.word_embeddings.weight": [600, 128],
    "bert.encoder.layer.0.attention.self.query.weight": [128, 128],
    "bert.encoder.layer.0.output.dense.weight": [128, 256],
    "cls.predictions.decoder.weight": [600, 128],
    # no adapter sits on a head: its two rows must not bound the rank
    "classifier.weight": [2, 128],
}
MakeModel = Callable[..., str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    def make(folder: Path | None = None, **config: Any) -> str:
        place = folder or tmp_path / "model"
        place.mkdir(parents=True, exist_ok=True)
        (place / "config.json").write_text(json.dumps(BERT | config))
        tensors = {name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for name, shape in WEIGHTS.items()}
        header = json.dumps(tensors).encode()
        (place / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
        return str(place)

    return make


def plan(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    code = run(["plan", *arguments, *_held(arguments), "--format", "json"])
    captured = capsys.readouterr()
    return code, json.loads(captured.out) if captured.out else None, captured.err


def _held(arguments: tuple[str, ...]) -> list[str]:
    """The validation rows that belong to the training rows."""
    return ["--validation", arguments[arguments.index("--data") + 1].replace("-train", "-validation")]


def chosen(made: Any) -> dict[str, Any]:
    return {one["name"]: one for one in made["choices"]}


@pytest.mark.parametrize(
    ("data", "task", "count", "profile"),
    [
        (INTENTS, "text-classification", 15, "local-text-classification"),
        (ENTITIES, "token-classification", 8, "local-token-classification"),
    ],
)
def test_the_task_is_what_the_rows_are_and_it_is_said(
    data: str, task: str, count: int, profile: str, make_model: MakeModel, home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    code, made, _ = plan(capsys, "--model", make_model(), "--data", data, "--technique", "lora")
    assert code == 0
    assert made["task"] == task
    assert made["labels"] == sorted(made["labels"])
    assert len(made["labels"]) == count
    assert chosen(made)["task"]["why"].startswith("the rows are")
    assert chosen(made)["head"]["value"] == "fresh, drawn from the seed"
    assert made["evaluation"]["max_rows"] == 1000
    assert made["estimate"] is None
    assert "'bert'" in chosen(made)["estimate"]["why"]
    assert made["hyperparameters"]["learning_rate"] == 3e-3  # of a small encoder, by the sizes of its weights
    report = json.loads((home / "records" / f"{made['lint_report']}.json").read_text())
    assert report["target"] == profile
    # who says the task gets the same plan, but for the choice
    asked = plan(capsys, "--model", make_model(), "--data", data, "--technique", "lora", "--task", task)[1]
    assert asked["choices"] == [one for one in made["choices"] if one["name"] != "task"]


def test_what_a_person_reads(make_model: MakeModel, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(["plan", "--model", make_model(), "--data", INTENTS, "--technique", "full", *_held(("--data", INTENTS))])
        == 0
    )
    said = capsys.readouterr().out
    assert "text-classification, 15 labels: access, branches, donations," in said
    assert "and 3 more" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--data", INTENTS, "--task", "chat"],
            ["rows of the file are texts with a label", "Task text-classification"],
        ),
        (["--data", CHATS, "--task", "token-classification"], ["rows of the file are chats"]),
        (["--data", INTENTS, "--task", "text-clasification"], ["text-clasification"]),
        (["--data", CHATS], ["bert is an encoder: it writes no text"]),
        (
            ["--data", INTENTS, "--packing", "--check", "x=y", "--max-new-tokens", "9", "--epochs", "0"],
            ["hyperparameters.packing", "evaluation.checks", "evaluation.max_new_tokens", "n_epochs"],
        ),
        (["--data", INTENTS, "--sharding", "zero2"], ["zero2 with task text-classification"]),
        (["--data", ENTITIES, "--adapter-r", "129"], ["129, above the smallest side of"]),
        (["--data", ENTITIES, "--adapter-targets", "classifier"], ["classifier matches no module"]),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_reason(
    arguments: list[str], said: list[str], make_model: MakeModel, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plan", "--model", make_model(), "--technique", "lora", *arguments]) == 2
    captured = capsys.readouterr()
    for part in said:
        assert part in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    ("peft", "said"),
    [
        ('{"peft_type": "PROMPT_TUNING"}', "Virtual tokens"),
        ('{"peft_type": "ADAPTION_PROMPT"}', "no modules_to_save"),
        ('{"peft_type": "IA3", "task_type": "CAUSAL_LM"}', "SEQ_CLS"),
    ],
)
def test_a_peft_method_must_carry_the_head(
    peft: str, said: str, make_model: MakeModel, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--model", make_model(), "--data", INTENTS, *_held(("--data", INTENTS)), "--technique", "peft", "--peft"]
    assert run(["plan", *asked, peft]) == 2
    assert said in capsys.readouterr().err
    assert run(["plan", *asked, '{"peft_type": "IA3"}']) == 0


def test_a_decoder_does_not_classify_here(make_model: MakeModel, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {"intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = make_model(model_type="llama", architectures=["LlamaForCausalLM"], **sizes)
    assert run(["plan", "--model", model, "--data", ENTITIES, "--technique", "lora"]) == 2
    said = capsys.readouterr().err
    assert "llama for task token-classification" in said
    assert "modernbert" in said
    assert "task chat" in said
    assert set(ENCODERS) >= {"bert", "roberta", "distilbert"}


def test_a_head_of_the_same_labels_keeps_its_order(make_model: MakeModel, capsys: pytest.CaptureFixture[str]) -> None:
    names = [json.loads(line)["label"] for line in Path(INTENTS).read_text().splitlines()]
    own = sorted(set(names), reverse=True)
    head = {"architectures": ["BertForSequenceClassification"], "id2label": dict(enumerate(own))}
    arguments = ["--data", INTENTS, "--technique", "lora"]
    made = plan(capsys, "--model", make_model(**head), *arguments)[1]
    assert made["labels"] == own
    assert chosen(made)["head"]["value"] == "the model's own"
    other = head | {"id2label": {0: "good", 1: "bad"}}
    made = plan(capsys, "--model", make_model(**other), *arguments)[1]
    assert made["labels"] == sorted(own)
    assert "other labels (2)" in chosen(made)["head"]["why"]


@pytest.mark.parametrize("labels", [["same"], [f"text {n} of a row" for n in range(1100)], ["a", "b" * 101]])
def test_a_column_that_names_no_classes_is_refused_without_its_text(
    labels: list[str], make_model: MakeModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps({"text1": f"row {n}", "label": one}) + "\n" for n, one in enumerate(labels)))
    assert run(["plan", "--model", make_model(), "--data", str(data), "--technique", "lora"]) == 2
    said = capsys.readouterr().err
    assert f"{len(labels)} different labels" in said
    assert "of a row" not in said
    assert "bbb" not in said


def test_over_http_stored_rows_are_linted_for_the_task_that_they_are_of(make_model: MakeModel, home: Path) -> None:
    make_model(home / "models" / "encoder")
    with TestClient(build_app(settings=load_settings({"TUNEGATE_HOME": str(home)}))) as client:
        content = Path(ENTITIES).read_bytes()
        stored = client.post("/v1/datasets", params={"target": "local"}, content=content).json()
        assert stored["report"]["verdict"] == "fail"  # by the rules of chats
        unseen = Path(ENTITIES.replace("-train", "-validation")).read_bytes()
        held = client.post("/v1/datasets", params={"target": "local"}, content=unseen).json()["id"]
        body = {"dataset_id": stored["id"], "validation_dataset_id": held, "model": "encoder", "technique": "lora"}
        made = client.post("/v1/plans", json=body)
        assert made.status_code == 201, made.text
        assert made.json()["blockers"] == []
        assert made.json()["task"] == "token-classification"
        assert made.json()["lint_report"] != stored["report"]["id"]
        refused = client.post("/v1/plans", json=body | {"task": "chat", "evaluation": {"max_rows": 0}})
        assert refused.status_code == 422
        assert "words with a tag" in refused.text
        assert str(home) not in made.text
