"""What a model is given, variant by variant, seen from the endpoint; and what comes back as answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Endpoint, Said, Write, chat, right

from service.evaluate import assemble as seam
from service.evaluate.answers import Answer, ExpectedCall
from service.verbs.evaluate import Evaluated, EvaluateRequest, evaluate
from service.verbs.evaluating import run as evaluate_run

Model = Callable[..., str]


def ask(*models: str, **more: Any) -> Evaluated:
    return evaluate(EvaluateRequest(files=[Path("rows.jsonl")], out=Path("out"), models=list(models), **more))


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], list[Answer]]:
    """What is handed to the measuring half, which goes on as ever."""
    seen: dict[tuple[str, str], list[Answer]] = {}

    def note(rows: Any, found: Any, about: Any, **more: Any) -> Any:
        seen.update(found)
        return seam.assemble(rows, found, about, **more)

    monkeypatch.setattr(evaluate_run, "assemble", note)
    return seen


def test_zero_shot_sends_the_row_and_the_settings(write: Write, model: Model) -> None:
    system = {"role": "system", "content": "Be short."}
    row = chat("question 1", "answer 1", tools=[{"type": "function", "function": {"name": "f"}}])
    row["messages"] = [system, {**row["messages"][0], "weight": 1}, row["messages"][1]]
    write("rows.jsonl", [row])
    with Endpoint(right) as endpoint:
        ask(model(endpoint.url, 'limit_as = "max_completion_tokens"', "[parameters]", "top_p = 0.5"), max_new_tokens=7)
    assert endpoint.paths == ["/v1/chat/completions"]
    assert endpoint.bodies == [
        {
            "model": "m",
            "messages": [system, {"role": "user", "content": "question 1"}],
            "top_p": 0.5,
            "max_completion_tokens": 7,
            "temperature": 0.0,
            "tools": row["tools"],
        }
    ]
    assert "authorization" not in endpoint.headers[0]


@pytest.mark.parametrize(("line", "header", "value"), [
    ("", "authorization", "Bearer k-1"),
    ('api_version = "2024-10-21"', "api-key", "k-1"),
])  # fmt: skip
def test_the_key_goes_where_the_endpoint_reads_it(
    write: Write, model: Model, monkeypatch: pytest.MonkeyPatch, line: str, header: str, value: str
) -> None:
    monkeypatch.setenv("MY_KEY", "k-1")
    write("rows.jsonl", [chat("question 1")])
    with Endpoint(right) as endpoint:
        ask(model(endpoint.url, 'api_key_env = "MY_KEY"', line))
    assert endpoint.headers[0][header] == value
    assert not {"authorization", "api-key"} - {header} & set(endpoint.headers[0])
    assert "k-1" not in "".join(path.read_text() for path in Path("out").iterdir() if path.is_file())


def test_few_shot_and_system_stand_before_the_question(write: Write, model: Model) -> None:
    write("rows.jsonl", [{"messages": [{"role": "system", "content": "Old."}, *chat("question 1")["messages"]]}])
    write("few.toml", 'system = "New."\n[[example]]\nuser = "u"\nassistant = "a"\n')
    with Endpoint(right) as endpoint:
        ask(model(endpoint.url), variants=[Path("few.toml")])
    said = [(one["role"], one["content"]) for one in endpoint.bodies[0]["messages"]]
    assert said == [("system", "New."), ("user", "u"), ("assistant", "a"), ("user", "question 1")]


def test_passages_stand_in_the_prompt_and_in_the_answer(
    write: Write, model: Model, answers: dict[tuple[str, str], list[Answer]]
) -> None:
    write("rows.jsonl", [chat("When do quokkas sleep?"), chat("Xyzzy?")])
    write("docs/a.md", "Quokkas sleep by day.\n\nBooks are lent.\n")
    write("r.toml", '[retrieval]\ntop_k = 1\nchunk_tokens = 16\ntemplate = "<{{passages}}> {{input}}"\n')
    with Endpoint(right) as endpoint:
        made = ask(model(endpoint.url), variants=[Path("r.toml")], documents=Path("docs"))
    found = answers["r", "m"]
    (passage,) = found[0].retrieved
    assert "Quokkas sleep by day." in passage
    assert sorted(endpoint.questions) == sorted([f"<{passage}> When do quokkas sleep?", "<> Xyzzy?"])
    assert found[1].retrieved == []
    assert made.record.documents is not None
    assert made.record.documents["files"] == 1


def test_a_flow_asks_node_after_node(write: Write, model: Model, answers: dict[tuple[str, str], list[Answer]]) -> None:
    write("rows.jsonl", [chat("question {{sort}}", "x", evaluation={"nodes": {"sort": "SORTED"}})])
    nodes = '[[node]]\nid = "sort"\nsystem = "S"\nprompt = "sort {{input}}"\nexpected = "evaluation.nodes.sort"\n'
    write("f.toml", nodes + '[[node]]\nid = "end"\nprompt = "{{sort}}, {{input}}"\n')

    def rule(body: dict[str, Any], number: int) -> Said:
        return Said(text="SORTED {{input}}" if body["messages"][0]["role"] == "system" else "END")

    with Endpoint(rule) as endpoint:
        ask(model(endpoint.url), variants=[Path("f.toml")])
    # what was filled in is not read as a template again
    assert endpoint.questions == ["sort question {{sort}}", "SORTED {{input}}, question {{sort}}"]
    (answer,) = answers["f", "m"]
    assert answer.nodes == {"sort": "SORTED {{input}}", "end": "END"}
    assert (answer.text, answer.tokens_in, answer.tokens_out) == ("END", 20, 10)


def test_samples_and_changed_prompts_are_further_answers(
    write: Write, model: Model, answers: dict[tuple[str, str], list[Answer]]
) -> None:
    write("rows.jsonl", [chat("How many books may I borrow?", "five")])
    write("v.toml", "samples = 2\nperturbations = 99\nsample_temperature = 0.9\n")
    numbers = iter(range(99))
    with Endpoint(lambda body, number: Said(text=f"{next(numbers)}")) as endpoint:
        ask(model(endpoint.url), variants=[Path("v.toml")])
    (answer,) = answers["v", "m"]
    assert (answer.text, answer.samples) == ("0", ["1", "2"])
    assert [body["temperature"] for body in endpoint.bodies[:4]] == [0.0, 0.9, 0.9, 0.0]
    reworded = endpoint.questions[3:]
    assert len(answer.perturbed) == len(set(reworded)) == len(reworded) > 5
    plain = ["how", "many", "books", "may", "i", "borrow"]
    assert all([word.strip(".?!,").lower() for word in one.split()][-6:] == plain for one in reworded)


def test_a_change_that_changes_nothing_is_no_further_answer(
    write: Write, model: Model, answers: dict[tuple[str, str], list[Answer]]
) -> None:
    """Text without spaces and capital letters: others are taken in the place of changes that leave it as it is."""
    write("rows.jsonl", [chat("\u4f55\u518a\u501f\u308a\u3089\u308c\u307e\u3059\u304b", "five")])
    write("v.toml", "perturbations = 4\n")
    with Endpoint(lambda body, number: Said(text=body["messages"][-1]["content"])) as endpoint:
        for seed in range(5):
            ask(model(endpoint.url), variants=[Path("v.toml")], seed=seed)
            (answer,) = answers["v", "m"]
            assert (len(answer.perturbed), len({answer.text, *answer.perturbed})) == (4, 5)


def test_changes_that_are_too_few_are_not_made_up(
    write: Write, model: Model, answers: dict[tuple[str, str], list[Answer]]
) -> None:
    write("rows.jsonl", [chat("\u4f60\u597d", "five")])
    write("v.toml", "perturbations = 99\n")
    with Endpoint(right) as endpoint:
        ask(model(endpoint.url), variants=[Path("v.toml")])
    assert len(answers["v", "m"][0].perturbed) == 6 == len(endpoint.questions) - 1


def test_calls_are_answers_too(write: Write, model: Model, answers: dict[tuple[str, str], list[Answer]]) -> None:
    write("rows.jsonl", [chat("question 1"), chat("question 2")])

    def rule(body: dict[str, Any], number: int) -> Said:
        arguments = '{"floor": 2}' if body["messages"][-1]["content"].endswith("1") else "no json"
        return Said(calls=[{"id": "c", "type": "function", "function": {"name": "find", "arguments": arguments}}])

    with Endpoint(rule) as endpoint:
        ask(model(endpoint.url))
    first, second = answers["zero-shot", "m"]
    assert first.calls == [ExpectedCall("find", {"floor": 2})]
    assert second.calls[0].name == "find"
    assert second.calls[0].arguments not in ({}, {"floor": 2})


def test_tokens_are_counted_where_the_endpoint_says_none(
    write: Write, model: Model, answers: dict[tuple[str, str], list[Answer]]
) -> None:
    write("rows.jsonl", [chat("question 1")])
    with Endpoint(lambda body, number: Said(text="three words here", usage=False)) as endpoint:
        made = ask(model(endpoint.url))
    (answer,) = answers["zero-shot", "m"]
    assert (answer.tokens_out, made.record.models[0]["tokens"]) == (
        3,
        "counted here, because the endpoint does not say them",
    )


def test_two_models_and_two_variants_are_four_cells_of_the_same_rows(
    questions: Path, write: Write, model: Model
) -> None:
    write("a.toml", 'system = "A"\n')
    write("b.toml", 'system = "B"\nmodels = ["n"]\n')
    with Endpoint(right) as endpoint:
        models = [model(endpoint.url, name=name) for name in ("m", "n")]
        made = ask(*models, variants=[Path("a.toml"), Path("b.toml")])
    cells = {(one.variant, one.model): one.answered for one in made.record.cells}
    assert cells == {("a", "m"): 20, ("a", "n"): 20, ("b", "n"): 20}
    assert (len(endpoint.bodies), made.asked) == (60, 60)
