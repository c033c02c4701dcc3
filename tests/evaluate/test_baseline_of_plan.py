"""A real evaluation as the baseline of a plan: on the command line, over HTTP, and when it is not enough."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from scripted_endpoint import Endpoint, Write, chat, right

from service.app import build_app
from service.cli.app import run
from service.records.evaluation import Evaluation
from service.settings import load_settings
from service.store.database import open_engine
from service.store.store import Store
from service.verbs.evaluate import EvaluateRequest, evaluate

DESK = Path(__file__).resolve().parents[2] / "examples" / "library-desk"
CODE = "no_baseline_evaluation"
CONFIG = {
    "architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "vocab_size": 1000, "hidden_size": 192,
    "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 6, "num_key_value_heads": 2,
    "max_position_embeddings": 1024, "tie_word_embeddings": False,
}  # fmt: skip
PRICES = ("[usd_per_million]", "input = 1000.0", "output = 2000.0")
Model = Callable[..., str]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service's data folder with a model whose config is enough for planning."""
    folder = tmp_path / "home" / "models" / "base"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    monkeypatch.setenv("TUNEGATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def plan(capsys: Capture, *arguments: str) -> tuple[int, Any]:
    asked = ["--model", "base", "--data", str(DESK / "train.jsonl"), "--technique", "lora"]
    code = run(["plan", *asked, *arguments, "--format", "json"])
    captured = capsys.readouterr()
    return code, json.loads(captured.out or captured.err)


def measured(model: str, **more: Any) -> Evaluation:
    """What is left in out/evaluation.json."""
    return evaluate(EvaluateRequest(files=[Path("rows.jsonl")], out=Path("out"), models=[model], **more)).record


def record() -> str:
    (path,) = [one for one in Path("out").glob("*.json") if b"tunegate.evaluation/1" in one.read_bytes()]
    return str(path)


def test_an_evaluation_is_a_baseline_and_its_id_is_in_the_plan(questions: Path, model: Model, capsys: Capture) -> None:
    code, bare = plan(capsys)
    assert (code, [one["code"] for one in bare["blockers"]], bare["evaluation_id"]) == (1, [CODE], None)
    (blocker,) = bare["blockers"]
    assert blocker["overridable"]
    for way in ("tunegate split", "--validation", "tunegate evaluate", "--evaluation"):
        assert way in blocker["remedy"]
    with Endpoint(right) as endpoint:
        found = measured(model(endpoint.url))
    code, made = plan(capsys, "--evaluation", record())
    assert (code, made["blockers"], made["evaluation_id"]) == (0, [], found.id)
    assert made["id"] != bare["id"]
    code, lifted = plan(capsys, "--override", f"{CODE}=nobody has any rows yet")
    assert (code, lifted["blockers"], lifted["overrides"][0]["code"]) == (0, [], CODE)
    assert plan(capsys, "--validation", str(DESK / "validation.jsonl"))[1]["blockers"] == []
    assert run(["plan", "--model", "base", "--data", str(DESK / "train.jsonl"), "--technique", "lora",
                "--evaluation", record()]) == 0  # fmt: skip
    assert f"evaluation: {found.id[:12]}" in capsys.readouterr().out


def test_an_evaluation_that_is_not_enough_blocks_with_what_is_missing(
    questions: Path, write: Write, model: Model, capsys: Capture
) -> None:
    with Endpoint(right) as endpoint:
        measured(model(endpoint.url, *PRICES), budget=0.2, max_new_tokens=5)
        code, made = plan(capsys, "--evaluation", record())
        assert (code, [one["code"] for one in made["blockers"]]) == (1, [CODE])
        assert "is not complete" in made["blockers"][0]["detail"]
        assert "no measure" not in made["blockers"][0]["detail"]
        # rows that nothing can be held against
        write("rows.jsonl", [chat(f"question {n}") for n in range(20)])
        evaluate(EvaluateRequest(files=[Path("rows.jsonl")], out=Path("other"), models=[model(endpoint.url)]))
    code, made = plan(capsys, "--evaluation", "other/evaluation.json")
    assert (code, "no measure tells a good answer" in made["blockers"][0]["detail"]) == (1, True)
    assert plan(capsys, "--evaluation", "other/evaluation.json", "--override", f"{CODE}=later")[0] == 0


@pytest.mark.parametrize(
    ("content", "code"), [(None, "unreadable_path"), ("{}", "invalid_input"), ("no", "invalid_input")]
)
def test_what_is_no_evaluation_is_bad_input(content: str | None, code: str, capsys: Capture) -> None:
    if content is not None:
        Path("eval.json").write_text(content)
    ended, problem = plan(capsys, "--evaluation", "eval.json")
    assert (ended, problem["code"]) == (2, code)
    assert "eval.json" in problem["detail"]


def test_over_http_a_stored_evaluation_is_named_by_its_id(questions: Path, model: Model, home: Path) -> None:
    with Endpoint(right) as endpoint:
        found = measured(model(endpoint.url))
    settings = load_settings({"TUNEGATE_HOME": str(home)})
    with TestClient(build_app(settings=settings)) as client:
        engine = open_engine(settings.database_url)
        Store(engine).put("evaluation", found.id, found)
        engine.dispose()
        content = (DESK / "train.jsonl").read_bytes()
        stored = client.post("/v1/datasets", params={"target": "local"}, content=content).json()["id"]
        body = {"dataset_id": stored, "model": "base", "technique": "lora"}
        bare = client.post("/v1/plans", json=body).json()
        assert [one["code"] for one in bare["blockers"]] == [CODE]
        refused = client.post("/v1/jobs", json={"plan_id": bare["id"]})
        assert (refused.status_code, refused.json()["errors"][0]["where"]) == (409, CODE)
        made = client.post("/v1/plans", json=body | {"evaluation_id": found.id}).json()
        assert (made["blockers"], made["evaluation_id"]) == ([], found.id)
        unknown = client.post("/v1/plans", json=body | {"evaluation_id": "f" * 64})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_id")
