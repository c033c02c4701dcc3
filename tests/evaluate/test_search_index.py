"""Retrieval from an index of Azure AI Search, against a server of its shape: requests, results, faults."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Endpoint, Said, Write, chat
from scripted_retrieval import MARKER, PASSAGES, ROWS, desk, evaluate, library, vector

Model = Callable[..., str]
Captured = pytest.CaptureFixture[str]
TABLE = """[retrieval]
top_k = 1
[retrieval.search]
endpoint = "{url}"
index = "desk-1"
text_field = "chunk"
api_key_env = "SEARCH_KEY"
backoff_s = 0.001
"""


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_KEY", "s3cret")


def variant(write: Write, endpoint: Endpoint, *lines: str, name: str = "index") -> str:
    url = endpoint.url.removesuffix("/v1")
    return str(write(f"{name}.toml", TABLE.format(url=url) + "".join(f"{line}\n" for line in lines)))


def results(body: dict[str, Any]) -> Said:
    """The best of the passages for what the question means, with the fields that the service adds."""
    meant = vector(body["search"])
    ranked = sorted(PASSAGES.values(), key=lambda text: -sum(a * b for a, b in zip(meant, vector(text), strict=True)))
    value = [{"@search.score": 1.0 / n, body["select"]: text} for n, text in enumerate(ranked[: body["top"]], 1)]
    return Said(raw=json.dumps({"@odata.context": "x", "value": value}).encode())


def served(body: dict[str, Any], number: int) -> Said:
    return results(body) if "search" in body else library(body, number)


def searched(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [body for body in endpoint.bodies if "search" in body]


def test_results_become_the_passages_without_any_documents(write: Write, model: Model, capsys: Captured) -> None:
    write("rows.jsonl", ROWS)
    with Endpoint(served) as endpoint:
        arguments = ["--model", model(endpoint.url), "--variant", variant(write, endpoint), "--samples", "1"]
        code, record, _ = evaluate(capsys, *arguments)
        assert (code, record["cells"][0]["measures"]["exact_match"]["value"]) == (0, 1.0)
        assert record["cells"][0]["measures"]["grounded_ngrams"]["rows"] == 3
        asked = searched(endpoint)
        heads = [head for body, head in zip(endpoint.bodies, endpoint.headers, strict=True) if "search" in body]
        paths = {path for body, path in zip(endpoint.bodies, endpoint.paths, strict=True) if "search" in body}
        evaluate(capsys, *arguments[:4])
        assert len(searched(endpoint)) == 3
    assert sorted(one["search"] for one in asked) == sorted(
        re.sub(r"[+|]", "", row["messages"][0]["content"]) for row in ROWS
    )
    assert [{**one, "search": ""} for one in asked] == [{"search": "", "select": "chunk", "top": 1}] * 3
    assert paths == {"/indexes/desk-1/docs/search?api-version=2024-07-01"}
    assert {head["api-key"] for head in heads} == {"s3cret"}
    assert all("authorization" not in head for head in heads)
    assert (record["documents"], record["variants"][0]["retrieval"]) == (
        None,
        {
            "by": "search",
            "search": {
                "endpoint": f"{endpoint.url.removesuffix('/v1')}/indexes/desk-1/docs/search?api-version=2024-07-01",
                "text_field": "chunk", "vector_field": None, "semantic_configuration": None, "filter": False,
            },
        },
    )  # fmt: skip
    assert all("s3cret" not in path.read_text() for path in Path("out").iterdir() if path.is_file())


def test_operators_of_a_query_are_taken_out_of_a_question(write: Write, model: Model, capsys: Captured) -> None:
    write("rows.jsonl", [chat('Is "C++" (or -x) | e-mail* lent~?', "three weeks"), chat("+ - |", "x")])
    with Endpoint(served) as endpoint:
        evaluate(capsys, "--model", model(endpoint.url), "--variant", variant(write, endpoint))
    assert sorted(one["search"] for one in searched(endpoint)) == ["Is C or x e mail lent ?"]


def test_vectors_semantic_ranking_and_filters_are_asked_for(write: Write, model: Model, capsys: Captured) -> None:
    write("rows.jsonl", ROWS[:1])
    question = ROWS[0]["messages"][0]["content"]
    meaning = ['vector_field = "v"', 'semantic_configuration = "house"', "filter = \"lang eq 'en'\""]
    with Endpoint(served) as endpoint:
        own = variant(write, endpoint, *meaning, 'api_version = "2025-09-01"', name="own")
        embeddings = ["[retrieval.embeddings]", 'name = "e"', f'endpoint = "{endpoint.url}"']
        ours = variant(write, endpoint, 'vector_field = "v"', *embeddings, name="ours")
        code, _, _ = evaluate(capsys, "--model", model(endpoint.url), "--variant", own, "--variant", ours)
    by_kind = {one["vectorQueries"][0]["kind"]: one for one in searched(endpoint)}
    assert code == 0
    assert by_kind["text"] == {
        "search": question, "select": "chunk", "top": 1, "filter": "lang eq 'en'", "queryType": "semantic",
        "semanticConfiguration": "house", "semanticErrorHandling": "fail",
        "vectorQueries": [{"kind": "text", "text": question, "fields": "v", "k": 50}],
    }  # fmt: skip
    sent = by_kind["vector"]["vectorQueries"][0]
    size = sum(one * one for one in vector(question)) ** 0.5
    assert sent.pop("vector") == pytest.approx([one / size for one in vector(question)], rel=1e-6)
    assert sent == {"kind": "vector", "fields": "v", "k": 1}
    assert "queryType" not in by_kind["vector"]
    assert any(path.endswith("api-version=2025-09-01") for path in endpoint.paths)


ERROR = json.dumps({"error": {"code": "", "message": f"about {MARKER}"}}).encode()


@pytest.mark.parametrize(
    ("said", "code", "told", "times"),
    [
        (Said(status=403, raw=b""), "key_refused", "api_key_env", 1),
        (Said(status=404, raw=ERROR), "no_such_model", "no such index", 1),
        (Said(status=400, raw=ERROR), "refused_request", "text_field", 3),
        (Said(raw=b'{"value": [{"other": "text"}]}'), "wrong_field", "text_field", 3),
        (Said(raw=b'{"value": [{"chunk": ["text"]}]}'), "wrong_field", "text_field", 3),
        (Said(raw=b'{"results": []}'), "no_answer", "Azure AI Search", 6),
        (Said(raw=b"<html>"), "not_json", "search.windows.net", 6),
    ],
)
def test_faults_of_the_index_are_told_and_the_others_go_on(
    write: Write, model: Model, capsys: Captured, said: Said, code: str, told: str, times: int
) -> None:
    write("rows.jsonl", ROWS)
    write("plain.toml", 'system = "Be short."\n')

    def rule(body: dict[str, Any], number: int) -> Said:
        if "search" in body:
            return said
        return Said(text="unknown")

    with Endpoint(rule) as endpoint:
        arguments = ["--variant", variant(write, endpoint), "--variant", "plain.toml", "--concurrency", "1"]
        exit_code, record, words = evaluate(capsys, "--model", model(endpoint.url), *arguments)
    failed = {cell["variant"]: cell["failed"] for cell in record["cells"]}
    assert (exit_code, failed) == (3, {"plain": {}, "index": {code: 3}})
    assert told in words
    assert code in words
    assert MARKER not in words
    assert len(searched(endpoint)) == times


@pytest.mark.parametrize("status", [429, 503, 206])
def test_a_busy_index_is_asked_again(write: Write, model: Model, capsys: Captured, status: int) -> None:
    write("rows.jsonl", ROWS)

    def rule(body: dict[str, Any], number: int) -> Said:
        if "search" in body and number == 1:
            return Said(status=status, raw=results(body).raw, headers={"retry-after": "0"})
        return served(body, number)

    with Endpoint(rule) as endpoint:
        code, record, said = evaluate(capsys, "--model", model(endpoint.url), "--variant", variant(write, endpoint))
    assert (code, record["cells"][0]["answered"], len(searched(endpoint))) == (0, 3, 6)
    assert "3 tries repeated" in said


def test_a_document_without_a_text_is_passed_over(write: Write, model: Model, capsys: Captured) -> None:
    write("rows.jsonl", [chat("doors", "nine")])
    prompts = []

    def rule(body: dict[str, Any], number: int) -> Said:
        if "search" in body:
            return Said(raw=json.dumps({"value": [{"chunk": None}, {"chunk": "at nine"}]}).encode())
        prompts.append(body["messages"][-1]["content"])
        return library(body, number)

    with Endpoint(rule) as endpoint:
        code, _, _ = evaluate(
            capsys, "--model", model(endpoint.url), "--variant", variant(write, endpoint, "retries = 0")
        )
    assert code == 0
    assert "at nine" in prompts[0]


def test_mistakes_of_the_table_are_told_at_once(
    write: Write, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk(write)
    write("a.toml", "[retrieval]\nhybrid = true\nchunk_tokens = 64\n[retrieval.search]\nindex = '../x'\nkey = 'k'\n")
    lines = 'endpoint = "https://h"\nindex = "i"\ntext_field = "a b"\napi_version = "new"\napi_key_env = "K-1"\n'
    write("b.toml", f"[retrieval.search]\n{lines}")
    code, record, said = evaluate(
        capsys, "--model", "m@http://127.0.0.1:9/v1", "--variant", "a.toml", "--variant", "b.toml"
    )
    assert (code, record) == (2, None)
    places = ("hybrid", "chunk_tokens", "search: index", "search: key", "search: endpoint", "search: text_field")
    for place in (*places, "a.toml: retrieval: search: api_key_env", "b.toml: retrieval: search: api_version"):
        assert place in said
    monkeypatch.delenv("SEARCH_KEY")
    write("c.toml", TABLE.format(url="https://h"))
    code, _, said = evaluate(capsys, "--model", "m@http://127.0.0.1:9/v1", "--variant", "c.toml")
    assert (code, "SEARCH_KEY is not set" in said) == (3, True)
