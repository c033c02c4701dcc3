"""Model files and short names: addresses, keys, prices, and every mistake at once."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from scripted_endpoint import Write

from service.errors import TuneGateError
from service.evaluate.models import Model, key_of, require_keys
from service.verbs.evaluating.request import EvaluateRequest, check_request


def models(*specs: str, budget: float | None = None, price: str | None = None, goal: str | None = None) -> list[Model]:
    files = [Path("rows.jsonl")]
    request = EvaluateRequest(files=files, out=Path("o"), models=list(specs), budget=budget, price=price, goal=goal)
    return check_request(request).models


@pytest.mark.parametrize(
    ("content", "endpoint", "header"),
    [
        ('name = "a"\nendpoint = "http://h:1/v1/"', "http://h:1/v1/chat/completions", "authorization"),
        ('name = "a"\nendpoint = "http://h/v1/chat/completions"', "http://h/v1/chat/completions", "authorization"),
        (
            'name = "my dep"\nendpoint = "https://x.openai.azure.com/"\napi_version = "2024-10-21"',
            "https://x.openai.azure.com/openai/deployments/my%20dep/chat/completions?api-version=2024-10-21",
            "api-key",
        ),
        (
            'name = "d"\nendpoint = "https://x.openai.azure.com/openai/v1"',
            "https://x.openai.azure.com/openai/v1/chat/completions",
            "api-key",
        ),
    ],
)
def test_an_endpoint_is_asked_at_its_address(write: Write, content: str, endpoint: str, header: str) -> None:
    write("m.toml", content + "\n")
    (found,) = models("m.toml")
    assert (found.endpoint, found.api_key_header, found.id) == (endpoint, header, "m")


def test_short_names_are_endpoints_or_folders(write: Write) -> None:
    exports = [{"path": f"onnx/{name}/model.onnx", "precision": name} for name in ("fp32", "int4")]
    write("runs/one/manifest.json", json.dumps({"onnx": exports, "schema": "s"}))
    write("runs/one/onnx/fp32/model.onnx", "weights")
    write("runs/one/onnx/int4/model.onnx", "fewer")
    write("runs/two/config.json", "{}")
    write("small.toml", 'folder = "runs/one"\nprecision = "int4"\n')
    specs = ["gpt@https://host/v1", "runs/one", "runs/two", "small.toml", "runs/one/onnx/fp32"]
    endpoint, run, plain, small, export = models(*specs, price="0.15/0.6")
    assert (endpoint.id, endpoint.usd_per_million) == ("gpt", (0.15, 0.6))
    assert [(one.id, one.folder, one.tuned) for one in (run, plain, small, export)] == [
        ("one", "runs/one/onnx/fp32", True), ("two", "runs/two", False), ("small", "runs/one/onnx/int4", True),
        ("fp32", "runs/one/onnx/fp32", True),
    ]  # fmt: skip
    assert run.sha256 == export.sha256 != small.sha256
    write("runs/one/onnx/fp32/model.onnx", "Weights")
    assert models("runs/one")[0].sha256 != run.sha256


def test_weights_of_one_size_and_time_are_told_apart(write: Write) -> None:
    """An unpacked artifact has the times of its zip, which are all the same."""
    for name, letter in (("a", "x"), ("b", "y")):
        write(f"{name}/model.onnx", letter * (2 << 20))
        os.utime(f"{name}/model.onnx", (0, 0))
    first, second = models("a", "b")
    assert first.sha256 != second.sha256
    os.utime("a/model.onnx", (9, 9))
    assert models("a")[0].sha256 == first.sha256


def test_a_run_without_the_export_that_is_asked_for_is_refused(write: Write) -> None:
    write("none/manifest.json", "{}")
    write("one/manifest.json", json.dumps({"onnx": [{"path": "onnx/fp32/model.onnx", "precision": "fp32"}]}))
    write("out/manifest.json", json.dumps({"onnx": [{"path": "../../x/model.onnx", "precision": "fp32"}]}))
    write("a.toml", 'folder = "one"\nprecision = "int4"\n')
    with pytest.raises(TuneGateError) as raised:
        models("none", "a.toml", "out")
    wrong = [(one.where, one.allowed) for one in raised.value.errors]
    none = "a run with an ONNX export"
    assert wrong == [("model none: precision", none), ("a.toml: precision", "fp32"), ("model out: precision", none)]


def test_every_mistake_is_told_at_once(write: Write) -> None:
    write("a.toml", 'name = "a"\nendpoint = "ftp://h"\nprices = 1\nretries = -1\n')
    write("b.toml", 'name = "b"\nendpoint = "http://user:secret@h/v1"\nlimit_as = "max"\n')
    write("c.toml", 'folder = "nowhere"\n[parameters]\nmessages = []\n')
    write("d.toml", "[usd_per_million]\ninput = 1\n")
    with pytest.raises(TuneGateError) as raised:
        models("a.toml", "b.toml", "c.toml", "d.toml", "nowhere", "x@http://h", "x@http://i", goal="high", price="1")
    wrong = [one.where for one in raised.value.errors]
    assert wrong == [
        "goal", "price", "a.toml: retries", "a.toml: prices", "a.toml: endpoint", "b.toml: limit_as",
        "b.toml: endpoint", "c.toml: parameters.messages", "c.toml: parameters", "c.toml: folder",
        "d.toml: usd_per_million: input", "d.toml: endpoint", "model nowhere: folder", "model x",
    ]  # fmt: skip
    assert "secret" not in str(raised.value.errors)


@pytest.mark.parametrize("spec", [
    "m@https://user:s3cret@host/v1", "m@https://host/v1?signature=s3cret", "https://user:s3cret@host/v1",
    "m@https://user:s3cret@host:port/v1", "m@https://user:s3cret@[host/v1", "m@https://host/v1#s3cret",
    "m@ftp://host/s3cret", "https://host/v1?signature=s3cret",
])  # fmt: skip
def test_no_secret_of_an_address_is_repeated(spec: str) -> None:
    with pytest.raises(TuneGateError) as raised:
        models(spec)
    (wrong,) = raised.value.errors
    assert "s3cret" not in str(wrong)
    assert "host" in wrong.where or "[" in spec


def test_a_models_name_may_have_an_at_sign() -> None:
    (found,) = models("@cf/meta/llama@http://h/v1")
    assert (found.name, found.endpoint) == ("@cf/meta/llama", "http://h/v1/chat/completions")


def test_what_means_nothing_for_a_folder_or_an_endpoint_is_refused(write: Write) -> None:
    write("plain/config.json", "{}")
    given = ["timeout_s = 9", "retries = 1", "backoff_s = 1", "concurrency = 2", 'limit_as = "max_tokens"']
    given += ['left_out = ["limit"]', 'api_key_env = "K"', 'api_version = "v1"', "[parameters]", "top_p = 0.5"]
    write("f.toml", "\n".join(['folder = "plain"', *given]))
    write("e.toml", 'name = "e"\nendpoint = "http://h/v1"\nprecision = "int4"\n')
    with pytest.raises(TuneGateError) as raised:
        models("f.toml", "e.toml")
    assert [one.where for one in raised.value.errors] == [
        "f.toml: api_key_env", "f.toml: api_version", "f.toml: backoff_s", "f.toml: concurrency", "f.toml: left_out",
        "f.toml: limit_as", "f.toml: parameters", "f.toml: retries", "f.toml: timeout_s", "e.toml: precision",
    ]  # fmt: skip


def test_a_budget_needs_prices_and_a_limit(write: Write) -> None:
    write("a.toml", 'name = "a"\nendpoint = "http://h/v1"\nleft_out = ["limit"]\n')
    with pytest.raises(TuneGateError) as raised:
        models("a.toml", budget=-1.0)
    assert [one.where for one in raised.value.errors] == ["budget", "model a", "model a: left_out"]


def test_no_service_without_a_price_hides_behind_another_of_its_name(write: Write) -> None:
    write("a.toml", 'name = "a"\nendpoint = "http://h/v1"\nusd_per_million = {input = 1, output = 1}\n')
    for name, more in (("free", ""), ("priced", "usd_per_million = 0.1\n")):
        table = f'[retrieval.embeddings]\nname = "e"\nendpoint = "http://{name}/v1"\n{more}'
        write(f"{name}.toml", f'kind = "rag"\n[retrieval]\n{table}')
    Path("docs").mkdir()
    request = EvaluateRequest(
        files=[Path("rows.jsonl")], out=Path("out"), models=["a.toml"], budget=1.0, documents=Path("docs"),
        variants=[Path("free.toml"), Path("priced.toml")],
    )  # fmt: skip
    with pytest.raises(TuneGateError) as raised:
        check_request(request)
    assert [(one.where, one.seen) for one in raised.value.errors] == [
        ("model e (embeddings)", "a budget, and no price"),
    ]  # fmt: skip


def test_all_missing_keys_are_named() -> None:
    asked = [Model(id=name, name=name, api_key_env=f"KEY_{name}") for name in "abc"]
    assert key_of(asked[0], {"KEY_a": " k "}) == "k"
    with pytest.raises(TuneGateError) as raised:
        require_keys(asked, {"KEY_a": "k", "KEY_b": " "})
    assert (raised.value.exit_code, [one.seen for one in raised.value.errors]) == (
        3, ["KEY_b is not set", "KEY_c is not set"],
    )  # fmt: skip
