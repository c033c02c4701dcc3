"""`tunegate evaluate`, then `tunegate advise` on what it left: endpoints for which the right advice is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from scripted_endpoint import Endpoint, Said, Write, chat, right

from service.cli.app import run

# what no evaluation measures, and a person says
STATED = {
    "gap.kind": "behaviour", "answer.grounded": False, "data.rows": 240, "scenario": ["chatbot"],
    "artifact.needed": "onnx", "compute.managed_by": "us", "gpu.count": 1, "fit.lora": "fits",
}  # fmt: skip


class Known(msgspec.Struct, frozen=True):
    """A task: of ten questions, how many the model answers rightly as it is and with examples, and what follows."""

    plain: int
    shown: int
    rows: int
    status: str
    step: str
    rule: str
    said: str


TASKS = {
    "prompting is enough": Known(10, 10, 100, "met", "keep-prompt", "ESC-020", "Prompting is enough"),
    "examples are enough": Known(6, 10, 100, "met", "few-shot", "ESC-050", "Few-shot is enough"),
    "neither is enough": Known(6, 6, 100, "not-met", "fine-tune", "ESC-080", "fine-tune is worth a try"),
    "too few rows": Known(9, 9, 10, "not-enough-rows", "build-evaluation", "ESC-010", "lies inside the interval"),
}


def model_of(task: Known) -> Callable[[dict[str, Any], int], Said]:
    def rule(body: dict[str, Any], number: int) -> Said:
        shown = sum(one["role"] == "user" for one in body["messages"]) > 1
        question = int(body["messages"][-1]["content"].split()[-1])
        able = question % 10 < (task.shown if shown else task.plain)
        return right(body, number) if able else Said(text="Nobody at the desk can say.")

    return rule


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, Any]:
    code = run([*map(str, arguments), "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", TASKS)
def test_what_was_measured_decides(
    name: str, write: Write, model: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    task = TASKS[name]
    rows = write("rows.jsonl", [chat(f"question {n}", f"answer {n}") for n in range(task.rows)])
    examples = write("examples.jsonl", [chat(f"question {n}", f"answer {n}") for n in range(1000, 1006)])
    facts = write("facts.json", json.dumps({"facts": STATED}))
    with Endpoint(model_of(task)) as endpoint:
        asked = ["--model", model(endpoint.url), "--examples", examples, "--goal", "exact_match>=90%", "-o", "out"]
        code, record = printed(capsys, "evaluate", rows, *asked)
    assert len(endpoint.bodies) == 2 * task.rows
    assert (code, record["conclusion"]["status"]) == (0 if task.status == "met" else 1, task.status)
    assert task.said in record["conclusion"]["why"]
    assert json.loads(Path("out/evaluation.json").read_text()) == record
    code, decision = printed(capsys, "advise", facts, "--evaluation", "out/evaluation.json")
    assert (code, decision["answer"]["step"]) == (0, task.step)
    assert task.rule in {one["rule"] for one in decision["because"]}
    origins = {one["name"]: one["from"] for one in decision["facts"]}
    # a kind of gap that is proposed stands back behind one that was stated
    assert {origins[fact] for fact in record["facts"] if fact != "gap.kind"} == {f"measured:{record['id']}"}
