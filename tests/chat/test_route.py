"""The chat route over real HTTP, with OpenAI's own client, answered by the ONNX file of a real job."""

from __future__ import annotations

import json
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest
from transformers import AutoTokenizer

from trainers.labels import render
from trainers.onnx.graph import OnnxCausalLM

if TYPE_CHECKING:
    from conftest import Service

Freeze = Callable[[int], None]
ROUTE = "/v1/jobs/{identifier}/chat/completions"
ASKED: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What about the quokka?"}]


def ask(client: openai.OpenAI, **more: Any) -> Any:
    return client.chat.completions.create(**{"model": "fp32", "messages": ASKED, "max_tokens": 24} | more)


def text_of(completion: Any) -> str:
    return str(completion.choices[0].message.content)


@pytest.fixture(scope="module")
def client(service: Service) -> openai.OpenAI:
    return service.client()


@pytest.fixture(scope="module")
def expected(service: Service) -> tuple[list[int], list[int], str]:
    """(prompt, answer, its text) by plain onnxruntime and transformers alone."""
    folder = service.run() / "onnx" / "fp32"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = tokenizer(render(tokenizer, ASKED, None, prompt=True), add_special_tokens=False)["input_ids"]
    answer = OnnxCausalLM(folder, threads=1).generate(prompt, max_new_tokens=24)
    return prompt, answer, tokenizer.decode(answer, skip_special_tokens=True)


def test_models_are_listed_and_one_can_be_shown(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["fp32"]
    assert client.models.retrieve("fp32").owned_by == "tunegate"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("int4")


def test_it_is_the_models_greedy_answer(service: Service, client: openai.OpenAI, expected: Any) -> None:
    prompt, answer, text = expected
    completion = ask(client)
    assert text_of(completion).rstrip("\ufffd") == text.rstrip("\ufffd")
    assert len(text) > 20
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (len(prompt), len(answer))
    assert completion.usage.total_tokens == len(prompt) + len(answer)
    assert completion.choices[0].finish_reason == "length"
    manifest = service.http.get(f"/v1/jobs/{service.job}/manifest").json()
    assert completion.tunegate == {
        "artifact": manifest["id"], "precision": "fp32", "engine": "onnxruntime-genai", "why": None,
    }  # fmt: skip
    for named in ("", service.job):
        assert text_of(ask(client, model=named)) == text_of(completion)


def test_the_example_of_the_contract_is_answered(service: Service) -> None:
    operation = service.http.get("/schema/openapi.json").json()["paths"][ROUTE]["post"]
    (example,) = operation["requestBody"]["content"]["application/json"]["examples"].values()
    answer = service.http.post(ROUTE.format(identifier=service.job), json=example["value"])
    assert (answer.status_code, answer.json()["choices"][0]["message"]["role"]) == (200, "assistant")


def test_a_stream_is_the_same_answer_in_pieces(client: openai.OpenAI) -> None:
    whole = ask(client)
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == text_of(whole)
    assert sum(map(bool, pieces)) > 5
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [one.choices[0].finish_reason for one in chunks if one.choices][-1] == "length"
    assert (chunks[-1].choices, chunks[-1].usage) == ([], whole.usage)
    assert {chunk.id for chunk in chunks} == {chunks[0].id} != {whole.id}


def test_a_stream_ends_with_done_and_has_no_usage_unless_asked(service: Service) -> None:
    body = {"messages": ASKED, "max_tokens": 3, "stream": True}
    answer = service.http.post(f"/v1/jobs/{service.job}/chat/completions", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [line for line in answer.text.split("\n\n") if line]
    assert events[-1] == "data: [DONE]"
    assert all("usage" not in json.loads(event.removeprefix("data: ")) for event in events[:-1])


def test_stop_texts_cut_exactly(client: openai.OpenAI) -> None:
    text = text_of(ask(client))
    stop = text[7:10]
    for more in ({"stop": stop}, {"stop": ["never to be found", stop], "seed": 5}):
        stopped = ask(client, **more)
        assert (text_of(stopped), stopped.choices[0].finish_reason) == (text[: text.index(stop)], "stop")
    assert "".join(one.choices[0].delta.content or "" for one in ask(client, stop=stop, stream=True)) == text_of(
        stopped
    )


def test_a_seed_draws_the_same_answer_again_and_temperature_other_ones(client: openai.OpenAI) -> None:
    first, again, other, cold = (
        text_of(ask(client, temperature=1.5, seed=seed, top_p=top_p))
        for seed, top_p in ((1, 0.95), (1, 0.95), (-2, 0.95), (1, 0.0))
    )
    assert first == again != other
    assert cold == text_of(ask(client)) != first
    assert text_of(ask(client, temperature=1.5)) != text_of(ask(client, temperature=1.5))


def refused(service: Service, body: Any, status: int, code: str, job: str | None = None) -> Any:
    """The problem, which OpenAI's clients can read too."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = service.http.post(f"/v1/jobs/{job or service.job}/chat/completions", content=content)
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), problem
    # clients of OpenAI's API shorten a conversation when they read its name for one that is too long
    known = "context_length_exceeded" if code == "context_overflow" else code
    assert (problem["status"], problem["code"], problem["error"]["code"]) == (status, code, known)
    assert problem["detail"] in problem["error"]["message"]
    return problem


def test_every_unusable_field_is_named_at_once_and_nothing_said_is_repeated(service: Service) -> None:
    body = {
        "messages": [{"role": "robot", "content": "mellifluous"}], "temperature": 9, "top_p": "mellifluous", "n": 2,
        "max_tokens": 0, "stop": ["a"] * 5, "logprobs": True, "response_format": {"type": "json_object"},
        "tool_choice": "required", "temprature": 1, "presence_penalty": 0.5, "parallel_tool_calls": False,
        "stream_options": {"include_usage": True}, "user": "me", "metadata": {"a": "b"}, "seed": None,
    }  # fmt: skip
    problem = refused(service, body, 422, "invalid_input")
    assert sorted(one["where"] for one in problem["errors"]) == sorted(
        ["messages[0].role", "temperature", "top_p", "n", "max_tokens", "stop", "logprobs", "response_format.type",
         "tool_choice", "temprature", "presence_penalty", "parallel_tool_calls", "stream_options"]
    )  # fmt: skip
    assert "'temperature'" in problem["error"]["message"]
    assert "mellifluous" not in json.dumps(problem)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 422, "invalid_input"),
        (b"[]", 422, "invalid_input"),
        (b"\xff", 422, "invalid_input"),
        ({}, 422, "invalid_input"),
        ({"messages": []}, 422, "invalid_input"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 422, "invalid_input"),
        ({"messages": ASKED, "max_tokens": 10, "max_completion_tokens": 11}, 422, "invalid_input"),
        ({"messages": ASKED, "max_tokens": 250}, 422, "context_overflow"),
        ({"messages": [{"role": "user", "content": "quokka " * 300}]}, 422, "context_overflow"),
        ({"messages": [{"role": "user", "content": "quokka " * 300}], "stream": True}, 422, "context_overflow"),
        ({"messages": ASKED, "model": "int4"}, 404, "not_found"),
        (b'"' + b"x" * (5 * 2**20) + b'"', 413, "too_large"),
    ],
)
def test_what_cannot_be_answered_is_said_before_anything_is_generated(
    service: Service, body: Any, status: int, code: str
) -> None:
    assert "quokka" not in json.dumps(refused(service, body, status, code))


def test_only_artifacts_of_succeeded_jobs_answer(service: Service) -> None:
    body = {"messages": ASKED}
    refused(service, body, 409, "artifact_not_ready", job=service.other)
    for job in ("nothing", "..", f"{service.job}%2f.."):
        answer = service.http.post(f"/v1/jobs/{job}/chat/completions", json=body)
        assert answer.status_code in {404, 405}, answer.text
    with pytest.raises(openai.ConflictError, match="The job is cancelled"):
        service.client(service.other).models.list()


def test_tools_are_shown_to_the_model_and_may_be_left_out(client: openai.OpenAI) -> None:
    tools: Any = [{"type": "function", "function": {"name": "find_room", "parameters": {"type": "object"}}}]
    plain, shown, left_out = (ask(client, **more).usage.prompt_tokens for more in (
        {}, {"tools": tools}, {"tools": tools, "tool_choice": "none"},
    ))  # fmt: skip
    assert shown > plain == left_out


def until(happened: Any) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_process_that_died_is_replaced_and_too_many_questions_are_refused(
    service: Service, expected: Any, freeze: Freeze
) -> None:
    for process in service.answering():
        process.kill()
        process.wait(60)
    assert text_of(ask(service.client())).rstrip("\ufffd") == expected[2].rstrip("\ufffd")
    (process,) = service.answering()
    freeze(process.pid)
    answers: list[httpx.Response] = []

    def post() -> None:
        body = {"messages": ASKED, "max_tokens": 4}
        with httpx.Client(trust_env=False, timeout=100) as http:
            answers.append(http.post(f"{service.url}/v1/jobs/{service.job}/chat/completions", json=body))

    asking = [threading.Thread(target=post) for _ in range(11)]
    for thread in asking:
        thread.start()
    until(lambda: len(answers) == 3)  # eight wait; while they do, the service answers all else
    assert service.http.get("/health/live").is_success
    assert [(one.status_code, one.json()["code"], int(one.headers["retry-after"])) for one in answers] == [
        (503, "busy", 5)
    ] * 3
    process.send_signal(signal.SIGCONT)
    for thread in asking:
        thread.join()
    assert sorted(one.status_code for one in answers) == [200] * 8 + [503] * 3


def test_questions_of_clients_that_have_gone_leave_room_for_others(service: Service, freeze: Freeze) -> None:
    ask(service.client(), max_tokens=1)
    (process,) = service.answering()
    freeze(process.pid)
    gone = [posted(service, stream=bool(n % 2)) for n in range(9)]
    refusals, _, _ = select.select(gone, [], [], 60)
    assert [one.recv(4096).split()[1] for one in refusals] == [b"503"]
    for connection in gone:
        connection.close()
    deadline = time.monotonic() + 60
    while True:
        asked = posted(service, stream=False)
        heard, _, _ = select.select([asked], [], [], 1)
        if not heard:  # it waits: the others wait no more
            process.send_signal(signal.SIGCONT)
        if asked.recv(4096).split()[1] == b"200":
            return
        freeze(process.pid)
        assert time.monotonic() < deadline


def posted(service: Service, *, stream: bool) -> socket.socket:
    """A connection on which a question was asked."""
    host, _, port = service.url.removeprefix("http://").rpartition(":")
    body = json.dumps({"messages": ASKED, "stream": stream, "max_tokens": 2}).encode()
    connection = socket.create_connection((host, int(port)), timeout=60)
    head = f"POST /v1/jobs/{service.job}/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def test_nothing_said_is_in_the_log(service: Service) -> None:
    log = service.log.read_text()
    assert "quokka" not in log
    assert "Traceback" not in log
    assert not [path for path in service.home.rglob("*.json*") if b"mellifluous" in path.read_bytes()]
