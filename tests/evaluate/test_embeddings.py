"""Retrieval by embeddings: what is found, what is asked once, what it costs, and what cannot be used."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_endpoint import Endpoint, Said, Write
from scripted_retrieval import (
    MARKER,
    PASSAGES,
    ROWS,
    desk,
    embedded,
    embeddings_asked,
    evaluate,
    from_passages,
    library,
)

from service.evaluate.retrievers import fused

Model = Callable[..., str]
Captured = pytest.CaptureFixture[str]


def variant(write: Write, url: str, *lines: str, name: str = "vectors", top: str = "top_k = 1") -> str:
    table = ["[retrieval]", top, "[retrieval.embeddings]", 'name = "e"', f'endpoint = "{url}"', "backoff_s = 0.001"]
    return str(write(f"{name}.toml", "\n".join([*table, *lines]) + "\n"))


def asked(*variants: str) -> list[str]:
    return ["--documents", "docs", *(part for one in variants for part in ("--variant", one))]


def test_what_means_the_same_is_found_without_a_word_in_common(write: Write, model: Model, capsys: Captured) -> None:
    desk(write)
    words = str(write("words.toml", "[retrieval]\ntop_k = 1\n"))
    with Endpoint(library) as endpoint:
        both = asked(words, variant(write, endpoint.url, "batch = 2"))
        code, record, _ = evaluate(capsys, "--model", model(endpoint.url), *both, "--goal", "exact_match>=10%")
        first = embeddings_asked(endpoint)
    assert code in {0, 1}
    share = {cell["variant"]: cell["measures"]["exact_match"]["value"] for cell in record["cells"]}
    assert share == {"words": 0.0, "vectors": 1.0}
    # passages two at a time in the order of their names, each question by itself
    texts = [PASSAGES[name] for name in sorted(PASSAGES)]
    assert sorted(first[:2], key=len, reverse=True) == [texts[:2], texts[2:]]
    assert sorted(first[2:]) == sorted([row["messages"][0]["content"]] for row in ROWS)
    assert set(endpoint.paths) == {"/v1/chat/completions", "/v1/embeddings"}
    grounded = {cell["variant"]: "grounded_ngrams" in cell["measures"] for cell in record["cells"]}
    assert grounded["vectors"]
    said = {one["id"]: one.get("retrieval") for one in record["variants"]}
    assert said["words"] is None
    assert said["vectors"] == {
        "by": "embeddings",
        "embeddings": {
            "endpoint": f"{endpoint.url}/embeddings", "name": "e", "dimensions": 3, "texts": 6, "tokens": 60,
            "usd": None,
        },
    }  # fmt: skip


def test_nothing_is_embedded_twice_whatever_the_batches(write: Write, model: Model, capsys: Captured) -> None:
    desk(write)
    with Endpoint(library) as endpoint:
        m = model(endpoint.url)
        _, before, _ = evaluate(capsys, "--model", m, *asked(variant(write, endpoint.url, "batch = 3")))
        assert len(embeddings_asked(endpoint)) == 1 + len(ROWS)
        _, again, said = evaluate(
            capsys, "--model", m, *asked(variant(write, endpoint.url, "batch = 1", "retries = 1"))
        )
        assert len(embeddings_asked(endpoint)) == 1 + len(ROWS)
        assert "0 answers asked for" in said
        write("docs/new.txt", "Maps are read here.")
        evaluate(capsys, "--model", m, *asked(variant(write, endpoint.url, "batch = 3")))
        assert embeddings_asked(endpoint)[1 + len(ROWS) :] == [["Maps are read here."]]
        # another model at the same address gives other vectors
        other = Path(variant(write, endpoint.url, name="other"))
        other.write_text(other.read_text().replace('"e"', '"f"'))
        evaluate(capsys, "--model", m, *asked(str(other)))
        assert len(embeddings_asked(endpoint)) == 2 * (1 + len(ROWS)) + 1
    assert before["id"] == again["id"]


def test_prefixes_dimensions_and_the_key_are_sent(
    write: Write, model: Model, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk(write)
    lines = [
        'question_prefix = "query: "',
        'passage_prefix = "passage: "',
        "dimensions = 3",
        'api_key_env = "DESK_KEY"',
    ]
    with Endpoint(library) as endpoint:
        arguments = ["--model", model(endpoint.url), *asked(variant(write, endpoint.url, *lines))]
        code, _, said = evaluate(capsys, *arguments)
        assert (code, endpoint.bodies) == (3, [])
        assert "e (embeddings)" in said
        assert "DESK_KEY is not set" in said
        monkeypatch.setenv("DESK_KEY", "s3cret")
        code, _, _ = evaluate(capsys, *arguments)
    sent = [(body, head) for body, head in zip(endpoint.bodies, endpoint.headers, strict=True) if "input" in body]
    assert code == 0
    assert {head["authorization"] for _, head in sent} == {"Bearer s3cret"}
    assert {body["dimensions"] for body, _ in sent} == {3}
    assert all(text.startswith("passage: ") for text in sent[0][0]["input"])
    assert all(body["input"][0].startswith("query: ") for body, _ in sent[1:])
    assert all("s3cret" not in path.read_text() for path in Path("out").iterdir() if path.is_file())


def test_both_rankings_are_fused(write: Write, model: Model, capsys: Captured) -> None:
    desk(write)
    # the words say fees.txt, the meaning says loans.txt and then fees.txt: together fees.txt is first
    write("rows.jsonl", [{"messages": [{"role": "user", "content": "A crown to borrow, owe"}]}])
    seen = {}
    with Endpoint(library) as endpoint:
        plain = variant(write, endpoint.url, name="plain")
        fuse = variant(write, endpoint.url, name="fused", top="top_k = 3\nhybrid = true")
        evaluate(capsys, "--model", model(endpoint.url), *asked(plain, fuse))
        for body in endpoint.bodies:
            if "messages" in body:
                prompt = body["messages"][-1]["content"]
                seen[prompt.count("\n\n")] = [name for name, text in PASSAGES.items() if text in prompt]
                if prompt.count("\n\n") > 2:
                    assert prompt.index(PASSAGES["fees.txt"]) < prompt.index(PASSAGES["loans.txt"])
    assert sorted(map(len, seen.values())) == [1, 3]


@given(st.lists(st.permutations(range(6)).map(lambda one: list(one)[:4]), min_size=1, max_size=3))
def test_fusion_is_the_sum_of_reciprocal_ranks(rankings: list[list[int]]) -> None:
    found = fused(rankings)
    score = {n: sum(1 / (61 + one.index(n)) for one in rankings if n in one) for n in range(6)}
    assert set(found) == {n for one in rankings for n in one}
    assert all(score[a] >= score[b] - 1e-12 for a, b in pairwise(found))


def test_a_budget_counts_what_is_embedded(write: Write, model: Model, capsys: Captured) -> None:
    desk(write)
    prices = ("[usd_per_million]", "input = 0.0", "output = 0.0")
    with Endpoint(library) as endpoint:
        m = model(endpoint.url, *prices)
        free = variant(write, endpoint.url)
        code, _, said = evaluate(capsys, "--model", m, *asked(free), "--budget", "1")
        assert (code, "a budget, and no price" in said, endpoint.bodies) == (2, True, [])
        # 60 tokens at 1,000 USD per million are 0.06 USD; a request of bytes may cost more at most
        dear = variant(write, endpoint.url, "usd_per_million = 1000.0", "concurrency = 1")
        code, record, said = evaluate(capsys, "--model", m, *asked(dear), "--budget", "0.02")
        assert (code, record["complete"], embeddings_asked(endpoint)) == (1, False, [])
        assert "budget is used up" in said
        code, record, said = evaluate(capsys, "--model", m, *asked(dear), "--budget", "5")
        assert code == 0
        assert "0.0600 USD paid" in said
        assert record["variants"][0]["retrieval"]["embeddings"]["usd"] == 0.06
        # what was set aside for a request is settled in the folder too
        again = variant(write, endpoint.url, "usd_per_million = 1000.0", "concurrency = 2")
        _, record, said = evaluate(capsys, "--model", m, *asked(again), "--budget", "5")
    assert "0 answers asked for" in said
    assert "0.0600 USD paid in all" in said


def broken(raw: Any) -> Callable[[dict[str, Any], int], Said]:
    def rule(body: dict[str, Any], number: int) -> Said:
        del number
        if "input" not in body:
            return from_passages(body)
        made = raw(json.loads(embedded(body["input"]).raw or b"")) if callable(raw) else raw
        return Said(raw=made if isinstance(made, bytes) else json.dumps(made).encode())

    return rule


def changed(**more: Any) -> Callable[[Any], Any]:
    return lambda answer: {**answer, "data": [{**one, **more} for one in answer["data"]]}


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (lambda answer: {**answer, "data": answer["data"][1:]}, "2 vectors for 3 texts"),
        (lambda answer: {**answer, "data": {}}, "no list of embeddings"),
        (b'"hello"', "no list of embeddings"),
        (changed(embedding="0.1 0.2"), "an embedding that is no list of numbers"),
        (changed(embedding=[0.5, None, 1.0]), "an embedding that is no list of numbers"),
        (changed(embedding=[0.5, float("nan"), 1.0]), "NaN or infinity"),
        (changed(embedding=[0.0, 0.0, 0.0]), "a vector of zeros"),
        (changed(embedding=[1.0] * 4), "vectors of 4 numbers where 3 are due"),
        (changed(index=0), "not those of the texts"),
        (b"<html>gateway</html>", "not_json"),
    ],
)
def test_vectors_that_cannot_be_used_are_told(
    write: Write, model: Model, capsys: Captured, raw: Any, told: str
) -> None:
    desk(write)
    write("docs/hours.txt", f"{MARKER} {PASSAGES['hours.txt']}")
    with Endpoint(broken(raw)) as endpoint:
        vectors = variant(write, endpoint.url, "dimensions = 3")
        plain = str(write("plain.toml", 'system = "Be short."\n[retrieval]\ntop_k = 1\n'))
        code, record, said = evaluate(capsys, "--model", model(endpoint.url), *asked(plain, vectors))
    assert code == 3
    assert told in said
    assert MARKER not in said
    answered = {cell["variant"]: (cell["answered"], sum(cell["failed"].values())) for cell in record["cells"]}
    # the other variant goes on; the failing documents were asked for twice and then left
    assert answered == {"plain": (3, 0), "vectors": (0, 3)}
    assert len(embeddings_asked(endpoint)) == 2


@pytest.mark.parametrize(
    ("status", "told", "most"), [(429, "rate_limited", 4), (500, "server_error", 4), (401, "key_refused", 1)]
)
def test_faults_are_tried_again_where_that_helps(
    write: Write, model: Model, capsys: Captured, status: int, told: str, most: int
) -> None:
    desk(write)

    def rule(body: dict[str, Any], number: int) -> Said:
        if "input" in body and (most == 1 or number < 3):
            return Said(raw=MARKER.encode(), status=status)
        return library(body, number)

    with Endpoint(rule) as endpoint:
        vectors = variant(write, endpoint.url, "retries = 3")
        code, record, said = evaluate(capsys, "--model", model(endpoint.url), *asked(vectors))
        if most == 1:
            assert (code, record, len(endpoint.bodies)) == (3, None, 1)
            assert told in said
        else:
            assert (code, record["cells"][0]["answered"]) == (0, 3)
            assert "tries repeated" in said
    assert MARKER not in said


def test_vectors_in_another_order_are_put_in_theirs(write: Write, model: Model, capsys: Captured) -> None:
    desk(write)

    def rule(body: dict[str, Any], number: int) -> Said:
        return embedded(body["input"], turned=True) if "input" in body else library(body, number)

    with Endpoint(rule) as endpoint:
        _, record, _ = evaluate(capsys, "--model", model(endpoint.url), *asked(variant(write, endpoint.url)))
    assert record["cells"][0]["measures"]["exact_match"]["value"] == 1.0


def test_mistakes_of_the_table_are_told_at_once(write: Write, capsys: Captured) -> None:
    desk(write)
    a = write("a.toml", "[retrieval]\nhybrid = true\n[retrieval.embeddings]\nendpont = 'x'\nbatch = 0\n")
    b = write("b.toml", "[retrieval]\nhybrid = true\n")
    c = variant(write, "ftp://host/v1", 'api_key_env = "sk-not-a-name"', "usd_per_million = -1", name="c")
    code, record, said = evaluate(capsys, "--model", "m@http://127.0.0.1:9/v1", *asked(str(a), str(b), c))
    assert (code, record) == (2, None)
    for place in (
        "endpont",
        "batch",
        "name",
        "endpoint",
        "api_key_env",
        "usd_per_million",
        "b.toml: retrieval: hybrid",
    ):
        assert place in said
    assert "sk-not-a-name" not in said
