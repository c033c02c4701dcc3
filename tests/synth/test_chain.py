"""A dataset that a synthesis wrote says so: to lint, in facts, decisions, plans and manifests, whole or in part."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.artifacts.bundle import _chain
from service.cli.app import run
from service.records.synthesis import SynthReport
from tests.synth.conftest import Ask
from trainers.contract import TrainPlan

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 1000, "hidden_size": 192,
    "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 6, "num_key_value_heads": 2,
    "max_position_embeddings": 1024, "tie_word_embeddings": False,
}  # fmt: skip
TEMPLATE = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}</s>{% endfor %}"
FACTS = {
    "eval.exists": True, "gap.kind": "behaviour", "tried.prompt": True, "tried.few_shot": True, "data.rows": 100,
    "answer.grounded": False, "artifact.needed": "weights", "control.needed": True, "compute.managed_by": "us",
    "scenario": ["adapt-domain"], "fit.lora": "fits", "fit.qlora": "fits", "fit.full": "no",
}  # fmt: skip
Printed = Callable[..., Any]


@pytest.fixture
def record(docs: Path, ask: Ask) -> SynthReport:
    return ask(rows=12).record


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    """What a command prints as JSON."""

    def run_it(*arguments: str) -> Any:
        run([*arguments, "--format", "json"])
        return json.loads(capsys.readouterr().out)

    return run_it


def write_model() -> str:
    """A folder with all that a plan reads of a model."""
    folder = Path("model")
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(len(b"{}").to_bytes(8, "little") + b"{}")
    told = {"eos_token": "</s>", "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    return str(folder)


def linted(printed: Printed, *files: str) -> Any:
    return printed("lint", *files, "--target", "local", "--privacy", "off")


def test_the_whole_dataset(record: SynthReport, printed: Printed) -> None:
    report = linted(printed, "out.jsonl")
    assert (report["synth"], report["facts"]["data.synthetic"]) == ([record.id], 1.0)
    Path("out.jsonl").rename("renamed.jsonl")
    assert linted(printed, "renamed.jsonl")["synth"] == [record.id]
    Path("elsewhere").mkdir()
    Path("renamed.jsonl").rename("elsewhere/out.jsonl")
    plain = linted(printed, "elsewhere/out.jsonl")
    assert (plain["synth"], "data.synthetic" in plain["facts"]) == ([], False)
    assert plain["id"] != report["id"]


def test_a_mixture_and_an_edit_are_told_by_their_lines(record: SynthReport, printed: Printed) -> None:
    rows = Path("out.jsonl").read_text().splitlines(keepends=True)
    own = '{"messages": [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello to you."}]}\n'
    Path("out.jsonl").write_text("".join([*rows[:9], own * 3]))
    report = linted(printed, "out.jsonl")
    assert (report["synth"], report["facts"]["data.synthetic"]) == ([record.id], 0.75)
    assert [one["why"] for one in report["not_scanned"] if "come from" in one["what"]] == [
        "3 of 12 are not those of out.synth.json"
    ]


def test_the_parts_of_a_split(record: SynthReport, printed: Printed) -> None:
    printed("split", "out.jsonl", "-o", "parts", "--validation", "0.25")
    report = linted(printed, "parts/train.jsonl")
    assert (report["synth"], report["facts"]["data.synthetic"]) == ([record.id], 1.0)
    assert linted(printed, "parts/validation.jsonl")["synth"] == [record.id]


def test_a_decision_names_it_with_its_caution(record: SynthReport, printed: Printed) -> None:
    Path("facts.json").write_text(json.dumps({"facts": FACTS}))
    plain = printed("advise", "facts.json", "--no-input")
    assert plain["answer"]["step"] == "fine-tune"
    assert "CAU-430" not in str(plain)
    Path("report.json").write_text(json.dumps(linted(printed, "out.jsonl")))
    decided = printed("advise", "facts.json", "--report", "report.json", "--set", "data.rows=100", "--no-input")
    assert {"name": "data.synthetic", "value": 1.0} in [
        {"name": one["name"], "value": one["value"]} for one in decided["facts"]
    ]
    assert record.id in [one["record"] for one in decided["evidence"]]


def test_the_caution_stands_where_there_are_rows_enough(printed: Printed, docs: Path, ask: Ask) -> None:
    for n in range(4, 10):
        (docs / f"{n}.md").write_text(f"Document {n} says in its own way what the others never say about item {n}.\n")
    ask(rows=52)
    Path("facts.json").write_text(json.dumps({"facts": {k: v for k, v in FACTS.items() if k != "data.rows"}}))
    Path("report.json").write_text(json.dumps(linted(printed, "out.jsonl")))
    decided = printed("advise", "facts.json", "--report", "report.json", "--no-input")
    assert decided["answer"]["step"] == "fine-tune"
    assert "share of 1" in next(one["text"] for one in decided["cautions"] if one["rule"] == "CAU-430")


def test_a_plan_and_its_manifest_name_it(record: SynthReport, printed: Printed) -> None:
    plan = printed("plan", "--model", write_model(), "--data", "out.jsonl", "--technique", "lora")
    assert plan["synth"] == [record.id]
    assert _chain(msgspec.convert(plan, TrainPlan), None).synth == [record.id]
