"""Evaluations of a real service that retrieve: documents of the body, embeddings and an index that it may ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from scripted_endpoint import Endpoint, Said
from scripted_retrieval import MARKER, PASSAGES, ROWS, library, vector
from service_process import Service

TEXTS = [{"name": name, "text": text} for name, text in PASSAGES.items()]


def served(body: dict[str, Any], number: int) -> Said:
    """A model, its embeddings and a search index at one address."""
    if "search" not in body:
        return library(body, number)
    meant = vector(body["search"])
    best = max(PASSAGES.values(), key=lambda text: sum(a * b for a, b in zip(meant, vector(text), strict=True)))
    return Said(raw=json.dumps({"value": [{body["select"]: best}]}).encode())


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Endpoint(served) as endpoint:
        running = Service(tmp_path_factory.mktemp("home"), endpoint)
        yield running
        running.process.terminate()
        running.process.wait(60)


def body(service: Service, **more: Any) -> dict[str, Any]:
    content = "".join(json.dumps(row) + "\n" for row in ROWS)
    params = {"target": "local", "privacy": "off"}
    stored = service.http.post("/v1/datasets", params=params, content=content).json()
    return service.body(stored["id"], **more)


def tables(url: str) -> list[dict[str, Any]]:
    key = {"api_key_env": "DESK_KEY", "backoff_s": 0.001}
    search = {"endpoint": url, "index": "desk", "text_field": "chunk", **key}
    return [
        {"id": "words", "retrieval": {"top_k": 1}},
        {"id": "vectors", "retrieval": {"top_k": 1, "embeddings": {"endpoint": url, "name": "e", **key}}},
        {"id": "index", "retrieval": {"top_k": 1, "search": search}},
    ]


def test_documents_of_the_body_embeddings_and_an_index_are_retrieved_from(service: Service) -> None:
    texts = [{**TEXTS[0], "text": f"{TEXTS[0]['text']} Ask {MARKER}."}, *TEXTS[1:]]
    asked = body(service, variants=tables(service.endpoint.url), documents=texts)
    done = service.until(service.evaluate(asked, **{"Idempotency-Key": "a"})["id"], "succeeded")
    record = done["evaluation"]
    share = {cell["variant"]: cell["measures"]["exact_match"]["value"] for cell in record["cells"]}
    assert share == {"words": 0.0, "vectors": 1.0, "index": 1.0}
    assert (record["documents"]["path"], record["documents"]["files"]) == ("documents", 3)
    assert str(service.home) not in json.dumps(done)
    sent = [head for made, head in zip(service.endpoint.bodies, service.endpoint.headers, strict=True)
            if "messages" not in made]  # fmt: skip
    assert {head.get("api-key") or head.get("authorization") for head in sent} == {"s3cret", "Bearer s3cret"}
    # the text lies with the evaluation's documents and answers, readable by the service's user alone
    holding = {path for path in service.home.rglob("*") if path.is_file() and MARKER.encode() in path.read_bytes()}
    folder = service.home / "evaluations" / done["id"]
    assert holding <= {folder / "documents" / TEXTS[0]["name"], folder / "answers" / "answers.jsonl"}
    assert folder / "documents" / TEXTS[0]["name"] in holding
    assert (folder / "documents").stat().st_mode & 0o777 == 0o700
    other = service.http.post("/v1/evaluations", json={**asked, "documents": TEXTS}, headers={"Idempotency-Key": "a"})
    assert (other.status_code, other.json()["code"]) == (409, "key_reused")
    # without variants, documents are one thing to try
    usual = service.until(service.evaluate(body(service, documents=TEXTS))["id"], "succeeded")
    assert [cell["variant"] for cell in usual["evaluation"]["cells"]] == ["zero-shot", "rag"]


def test_addresses_and_keys_that_are_not_listed_are_never_asked(service: Service) -> None:
    variants = tables("http://127.0.0.1:1/v1")
    mine = tables(service.endpoint.url)[1]
    mine["id"], mine["retrieval"]["embeddings"]["api_key_env"] = "mine", "HOME"
    before = len(service.endpoint.bodies)
    answer = service.http.post("/v1/evaluations", json=body(service, variants=[*variants, mine], documents=TEXTS))
    assert (answer.status_code, answer.json()["code"]) == (403, "endpoint_not_allowed")
    assert [one["where"] for one in answer.json()["errors"]] == [
        "variants[2]: retrieval: embeddings: endpoint",
        "variants[3]: retrieval: search: endpoint",
        "variants[4]: retrieval: embeddings: api_key_env",
    ]
    assert len(service.endpoint.bodies) == before


def test_documents_that_cannot_be_used_are_told_at_once(service: Service) -> None:
    texts = [
        {"name": "../../etc/passwd.txt", "text": MARKER}, {"name": "/etc/hosts.txt", "text": MARKER},
        {"name": "..", "text": MARKER}, {"name": "picture.png", "text": MARKER}, {"name": "A.txt", "text": MARKER},
        {"name": "a.TXT", "text": MARKER}, {"name": "b.txt", "text": " "}, {"name": "c.txt"},
        {"name": "d.txt", "text": "x\u0000y"}, {"name": "e.txt", "text": MARKER, "path": "/etc"},
    ]  # fmt: skip
    answer = service.http.post("/v1/evaluations", json=body(service, documents=texts))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert [one["where"] for one in answer.json()["errors"]] == [
        "documents[1]: name", "documents[2]: name", "documents[3]: name", "documents[4]: name", "documents[6]: name",
        "documents[7]: text", "documents[8]: text", "documents[9]: text", "documents[10]: path",
    ]  # fmt: skip
    assert MARKER not in answer.text
    many = [{"name": f"{n}.txt", "text": "x"} for n in range(1001)]
    answer = service.http.post("/v1/evaluations", json=body(service, documents=many, variants=tables("x")[:1]))
    assert next(one["where"] for one in answer.json()["errors"]) == "documents"


def test_retrieval_without_documents_says_what_it_needs(service: Service) -> None:
    answer = service.http.post("/v1/evaluations", json=body(service, variants=tables(service.endpoint.url)))
    errors = answer.json()["errors"]
    assert [one["where"] for one in errors] == ["variant words: retrieval", "variant vectors: retrieval"]
    assert all("documents" in one["allowed"] for one in errors)
