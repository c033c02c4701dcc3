"""The judge: what it is asked, what counts as a score, and that nothing but the score hangs on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Endpoint, Said, Write, chat, right

from service.errors import TuneGateError
from service.evaluate import assemble as seam
from service.evaluate.answers import Answer
from service.evaluate.judging import score_of
from service.verbs.evaluate import Evaluated, EvaluateRequest, evaluate
from service.verbs.evaluating import run as evaluate_run

Model = Callable[..., str]


@pytest.fixture
def scores(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """What is handed to the measuring half, which goes on as ever."""
    seen: list[float | None] = []

    def note(rows: Any, found: dict[tuple[str, str], list[Answer]], about: Any, **more: Any) -> Any:
        seen.extend(answer.judged for answers in found.values() for answer in answers)
        return seam.assemble(rows, found, about, **more)

    monkeypatch.setattr(evaluate_run, "assemble", note)
    return seen


def ask(model: str, judge: str) -> Evaluated:
    return evaluate(EvaluateRequest(files=[Path("rows.jsonl")], out=Path("out"), models=[model], judge=judge))


@pytest.mark.parametrize(("said", "score"), [
    ("7", 0.7), ("10", 1.0), ("Score: 8.5/10", 0.85), (" 0 ", 0.0), ("11", None), ("good", None), ("100", None),
    (None, None), ("-", None),
])  # fmt: skip
def test_a_score_is_a_number_of_the_range(said: str | None, score: float | None) -> None:
    assert score_of(said) == score


def test_the_judge_is_given_question_reference_and_answer_and_asked_once(
    write: Write, model: Model, scores: list[float | None]
) -> None:
    write("rows.jsonl", [chat("question 1", "expected 1"), chat("question 2")])
    numbers = {"question 1": "4", "question 2": "nothing"}

    def rule(body: dict[str, Any], number: int) -> Said:
        return Said(text=next(said for asked, said in numbers.items() if asked in body["messages"][-1]["content"]))

    with Endpoint(right) as endpoint, Endpoint(rule) as judge:
        made = ask(model(endpoint.url), f"j@{judge.url}")
        asked = ["<question>\nquestion 1\n</question>"]
        asked += ["<reference>\nexpected 1\n</reference>", "<answer>\nanswer 1\n</answer>"]
        bare = "<question>\nquestion 2\n</question>\n\n<answer>\nanswer 2\n</answer>"
        assert sorted(judge.questions) == ["\n\n".join(asked), bare]
        assert ask(model(endpoint.url), f"j@{judge.url}").from_before
        assert len(judge.bodies) == 2
    assert scores == [0.4, None]
    assert made.record.settings["judge"]["name"] == "j"
    assert [one["id"] for one in made.record.models] == ["m"]


def test_a_judge_that_fails_leaves_the_answers_and_is_told(
    questions: Path, model: Model, scores: list[float | None]
) -> None:
    with Endpoint(right) as endpoint, Endpoint(lambda body, number: Said(status=401, raw=b"")) as judge:
        made = ask(model(endpoint.url), f"j@{judge.url}")
    assert (made.record.cells[0].answered, made.record.complete, set(scores)) == (20, True, {None})
    assert [(one.model, one.code, one.given_up) for one in made.failures] == [("judge-j", "key_refused", True)]
    assert len(judge.bodies) <= 8


def test_a_model_of_the_judges_id_is_refused_before_it_is_sent_the_judges_key(
    write: Write, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGES_KEY", "s3cret-of-the-judge")
    write("rows.jsonl", [chat("question 1", "answer 1")])
    with Endpoint(right) as endpoint, Endpoint(lambda body, number: Said(text="5")) as judge:
        judging = model(judge.url, 'id = "x"', 'api_key_env = "JUDGES_KEY"', name="judging")
        with pytest.raises(TuneGateError) as raised:
            ask(model(endpoint.url, 'id = "judge-x"', name="asked"), judging)
        assert [one.where for one in raised.value.errors] == ["model judge-x"]
        assert not endpoint.headers
        ask(model(endpoint.url, 'id = "x"', name="asked"), judging)
        assert not [headers for headers in endpoint.headers if "authorization" in headers]
        assert {headers["authorization"] for headers in judge.headers} == {"Bearer s3cret-of-the-judge"}
