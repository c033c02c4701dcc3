"""Variant files: what they are by what they hold, and every mistake of all files at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripted_endpoint import Write, chat

from service.errors import TuneGateError
from service.evaluate.examples import with_examples
from service.evaluate.rows import RowFile, read_rows
from service.records.evaluation import Goal
from service.verbs.evaluating.request import Checked, EvaluateRequest, check_request

MODEL = "m@http://127.0.0.1:9/v1"


def checked(*names: str, documents: str | None = None, model: str = MODEL) -> Checked:
    folder = Path(documents) if documents else None
    variants = [Path(name) for name in names]
    files = [Path("rows.jsonl")]
    return check_request(
        EvaluateRequest(files=files, out=Path("out"), models=[model], variants=variants, documents=folder)
    )


def test_a_variant_is_what_it_holds(write: Write) -> None:
    write("plain.toml", 'system = "Be short."\nsamples = 2\n')
    write("shown.toml", '[[example]]\nuser = "a"\nassistant = "b"\n')
    write("drawn.toml", 'examples = "train.jsonl"\n')
    write("read.toml", "[retrieval]\ntop_k = 2\nchunk_tokens = 64\n")
    write(
        "steps.toml",
        '[[node]]\nid = "sort"\nprompt = "{{input}}"\n[[node]]\nid = "end"\nprompt = "{{ sort }}: {{input}}"\n',
    )
    write("mine.toml", 'kind = "tuned"\nmodels = ["m"]\n')
    write("both.toml", 'kind = "rag"\nexamples = "train.jsonl"\n[retrieval]\n')
    names = ["plain.toml", "shown.toml", "drawn.toml", "read.toml", "steps.toml", "mine.toml", "both.toml"]
    found = checked(*names, documents=".").variants
    assert [(one.id, one.kind) for one in found] == [
        ("plain", "zero-shot"), ("shown", "few-shot"), ("drawn", "few-shot"), ("read", "rag"), ("steps", "flow"),
        ("mine", "tuned"), ("both", "rag+few-shot"),
    ]  # fmt: skip
    assert (found[0].samples, found[2].shots, found[3].retrieval and found[3].retrieval.top_k) == (2, 3, 2)


def test_what_tuned_models_are_asked_is_a_variant_of_its_own(write: Write) -> None:
    write("t.toml", 'name = "t"\nendpoint = "http://h/v1"\ntuned = true\n')
    request = EvaluateRequest(files=[Path("r")], out=Path("o"), models=[MODEL, "t.toml"], documents=Path())
    assert [(one.id, one.kind, one.models) for one in check_request(request).variants] == [
        ("zero-shot", "zero-shot", ["m"]), ("zero-shot-tuned", "tuned+zero-shot", ["t"]),
        ("rag", "rag", ["m"]), ("rag-tuned", "tuned+rag", ["t"]),
    ]  # fmt: skip
    names = ["a.toml", "a-tuned.toml", "a-tuned-2.toml"]
    for name in names:
        write(name, 'system = "Be short."\n')
    both = EvaluateRequest(files=[Path("r")], out=Path("o"), models=[MODEL, "t.toml"], variants=list(map(Path, names)))
    assert [one.id for one in check_request(both).variants] == [
        "a", "a-tuned-3", "a-tuned", "a-tuned-tuned", "a-tuned-2", "a-tuned-2-tuned",
    ]  # fmt: skip
    write("mine.toml", 'kind = "tuned"\nmodels = ["t"]\n')
    request = EvaluateRequest(files=[Path("r")], out=Path("o"), models=["t.toml"], variants=[Path("mine.toml")])
    assert [(one.id, one.kind) for one in check_request(request).variants] == [("mine", "tuned")]


@pytest.mark.parametrize(
    ("said", "goal"),
    [
        ("exact_match>=90%", Goal("exact_match", 0.9)),
        (" rougeL >= 0.4 , usd_per_1000<=2", Goal("rougeL", 0.4, usd_per_1000=2.0)),
        ("latency_p95_s<=1.5,token_f1>=1", Goal("token_f1", 1.0, latency_p95_s=1.5)),
    ],
)
def test_a_goal_is_read(said: str, goal: Goal) -> None:
    request = EvaluateRequest(files=[Path("r")], out=Path("o"), models=[MODEL], goal=said)
    assert check_request(request).goal == goal


@pytest.mark.parametrize("said", ["", "good", "a>=1,b>=2", "usd_per_1000<=2", "a>=1,", "a>=-1"])
def test_a_goal_that_is_none_is_refused(said: str) -> None:
    request = EvaluateRequest(files=[Path("r")], out=Path("o"), models=[MODEL], goal=said)
    with pytest.raises(TuneGateError) as raised:
        check_request(request)
    assert [one.where for one in raised.value.errors] == ["goal"]


def test_without_files_there_is_one_variant_for_each_thing_to_try() -> None:
    request = EvaluateRequest(
        files=[Path("rows.jsonl")], out=Path("out"), models=[MODEL], examples=Path("t.jsonl"), documents=Path(), shots=5
    )
    found = check_request(request).variants
    assert [(one.id, one.shots) for one in found] == [("zero-shot", 0), ("few-shot", 5), ("rag", 0)]


def test_every_mistake_of_every_file_is_told_at_once(write: Write) -> None:
    write("a.toml", 'sampels = 2\ntemperature = 3\nkind = "flow"\nshots = 2\nmodels = ["n"]\nsystem = ""\n')
    write("b.toml", "id = 7\n[retrieval]\ntopk = 2\ntemplate = 'only {{imput}}'\n")
    write("c.toml", '[[node]]\nid = "input"\nprompt = "{{later}}"\n[[node]]\nprompt = "x"\n')
    write("d.toml", "not = = toml\n")
    write("e.toml", "[retrieval]\n")
    with pytest.raises(TuneGateError) as raised:
        checked("a.toml", "b.toml", "c.toml", "d.toml", "missing.toml", "e.toml")
    told = {one.where: one for one in raised.value.errors}
    assert set(told) == {
        "a.toml: sampels", "a.toml: temperature", "a.toml: kind", "a.toml: shots", "a.toml: system",
        "b.toml: id", "b.toml: retrieval: topk", "b.toml: retrieval: template",
        "c.toml: node[1]: id", "c.toml: node[1]: prompt", "c.toml: node[2]: id", "d.toml", "missing.toml",
        "variant e: retrieval",
    }  # fmt: skip
    assert told["a.toml: sampels"].remedy == "Did you mean 'samples'?"
    assert told["b.toml: retrieval: topk"].remedy == "Did you mean 'top_k'?"
    assert raised.value.exit_code == 2


def test_variants_must_fit_together_and_the_models(write: Write) -> None:
    write("a.toml", 'id = "same"\nmodels = ["gpt"]\n')
    write("b.toml", 'id = "same"\n[[node]]\nid = "n"\nprompt = "x"\nexpected = "one"\n')
    write("c.toml", '[[node]]\nid = "n"\nprompt = "x"\nexpected = "other"\n')
    with pytest.raises(TuneGateError) as raised:
        checked("a.toml", "b.toml", "c.toml")
    assert {one.where for one in raised.value.errors} == {"variant same: models", "variant same", "variant c: node n"}


def test_examples_are_drawn_by_seed_and_are_never_rows_that_are_asked(write: Write) -> None:
    write("rows.jsonl", [chat(f"question {n}", f"answer {n}") for n in range(5)])
    write("train.jsonl", [*(chat(f"shown {n}", f"said {n}") for n in range(30)), chat("no answer")])
    write("few.toml", 'examples = "train.jsonl"\nshots = 4\n')
    rows = read_rows([RowFile(Path("rows.jsonl"), "rows.jsonl")]).rows
    variants = checked("few.toml").variants
    drawn = [with_examples(variants, rows, seed=seed)[0].examples for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len({one.user for one in drawn[0]}) == 4
    assert all(one.assistant == one.user.replace("shown", "said") for one in drawn[0])


def test_examples_that_are_asked_are_refused_however_they_are_written(write: Write) -> None:
    write("rows.jsonl", [chat(f"question {n}", f"answer {n}") for n in range(5)])
    write("train.jsonl", [chat(" Question  3 ", "x"), *(chat(f"shown {n}", "y") for n in range(5))])
    write("few.toml", 'examples = "train.jsonl"\n')
    write("inline.toml", '[[example]]\nuser = "QUESTION 1"\nassistant = "x"\n')
    write("much.toml", 'examples = "short.jsonl"\nshots = 9\n')
    write("short.jsonl", [chat("shown", "z")])
    rows = read_rows([RowFile(Path("rows.jsonl"), "rows.jsonl")]).rows
    with pytest.raises(TuneGateError) as raised:
        with_examples(checked("few.toml", "inline.toml", "much.toml").variants, rows, seed=1)
    told = raised.value.errors
    assert [one.where for one in told] == ["train.jsonl", "variant inline: example 1", "short.jsonl"]
    assert "1 rows" in str(told[0].seen)
    assert "rows.jsonl:2" in str(told[1].seen)
