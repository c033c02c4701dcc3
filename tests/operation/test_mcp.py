"""Agents' tools over both transports, asked by the SDK's own client; processes are real."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import jsonschema
import psutil
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from service.settings import load_settings
from service.verbs.keys import create_key, key_store

T = TypeVar("T")
MARKER = "mellifluous-quokka-0815"
GOOD = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
# an answer is missing
BAD = {"messages": [{"role": "user", "content": MARKER}]}
LINES = json.dumps(GOOD) + "\n" + json.dumps(BAD) + "\n"
QUIET = {"target": "local", "privacy": "off", "tokens": "off"}


def over_http(url: str, ask: Callable[[Client], Awaitable[T]]) -> T:
    async def run() -> T:
        async with Client(f"{url}/mcp", read_timeout_seconds=120) as client:
            return await ask(client)

    return asyncio.run(run())


def over_stdio(home: Path, ask: Callable[[Client], Awaitable[T]]) -> tuple[T, str]:
    """(what `ask` gives, what the server wrote to stderr)."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TUNEGATE_")}
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "service", "mcp"], env=environment | {"TUNEGATE_HOME": str(home)}
    )
    log = home / "mcp.log"

    async def run() -> T:
        with log.open("w") as sink:
            async with Client(stdio_client(server, errlog=sink), read_timeout_seconds=120) as client:
                return await ask(client)

    return asyncio.run(run()), log.read_text()


async def everything(client: Client) -> dict[str, Any]:
    """Every tool asked once as it should be, and once with two mistakes."""
    listed = (await client.list_tools()).tools
    asked = {
        "advise": {"facts": {"gap.kind": "behaviour"}},
        "lint": QUIET | {"text": LINES},
        "estimate": {"model": "phi-4", "techniques": ["qlora"]},
        "explain": {"id": "r030"},
    }
    wrong = {
        "advise": {"facts": {"gap.kind": "odd", "no.such": 1}},
        "lint": {"target": "nobody", "method": "odd", "text": LINES, "other": MARKER},
        "estimate": {"model": "phi-4", "techniques": ["odd"], "micro_batch": 0, "other": MARKER},
        "explain": {"id": 5, "other": MARKER},
    }
    return {
        "tools": {tool.name: tool for tool in listed},
        "right": {name: await client.call_tool(name, given) for name, given in asked.items()},
        "wrong": {name: await client.call_tool(name, given) for name, given in wrong.items()},
        "unknown": await client.call_tool("lnt", {}),
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def found(service: Any) -> dict[str, Any]:
    return over_http(service.url, everything)


def test_the_tools_only_read_and_say_what_they_take_and_give(found: Any) -> None:
    assert list(found["tools"]) == ["advise", "lint", "estimate", "explain"]
    for tool in found["tools"].values():
        assert (tool.annotations.read_only_hint, tool.annotations.destructive_hint) == (True, False)
        for schema in (tool.input_schema, tool.output_schema):
            jsonschema.Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object"
        assert tool.description


def test_records_are_structured_content_of_the_promised_shape(found: Any) -> None:
    for name, answer in found["right"].items():
        assert not answer.is_error, answer
        jsonschema.validate(answer.structured_content, found["tools"][name].output_schema)
        assert json.loads(answer.content[0].text) == answer.structured_content
    report = found["right"]["lint"].structured_content
    assert (report["verdict"], report["files"][0]["rows"]) == ("fail", 2)
    assert found["right"]["advise"].structured_content["unknown"]
    assert found["right"]["estimate"].structured_content["technique"] == "qlora"
    assert found["right"]["explain"].structured_content["id"] == "R030"


def test_the_records_are_those_of_the_other_skins(service: Any, found: Any) -> None:
    report = service.http.post("/v1/lint", params=QUIET, content=LINES).json()
    assert found["right"]["lint"].structured_content == report
    body = {"model": "phi-4", "techniques": ["qlora"]}
    assert service.http.post("/v1/estimates", json=body).json() == found["right"]["estimate"].structured_content
    decided = service.http.post("/v1/decisions", json={"facts": {"gap.kind": "behaviour"}}).json()
    assert decided["id"] == found["right"]["advise"].structured_content["id"]


def test_a_large_text_is_linted_by_a_worker_of_the_service(service: Any) -> None:
    large = LINES * (1 + 2**20 // len(LINES))
    answer = over_http(service.url, lambda client: client.call_tool("lint", QUIET | {"text": large}))
    started = psutil.Process(service.process.pid).children()
    assert [one for one in started if "spawn_main" in " ".join(one.cmdline())]
    assert answer.structured_content == service.http.post("/v1/lint", params=QUIET, content=large).json()


def test_a_problem_names_all_mistakes_and_repeats_no_text(found: Any) -> None:
    named = {
        "advise": {"gap.kind", "no.such"},
        "lint": {"target", "method", "other"},
        "estimate": {"techniques", "micro_batch", "other"},
        "explain": {"id", "other"},
    }
    for name, answer in found["wrong"].items():
        assert answer.is_error
        problem = answer.structured_content
        assert problem["status"] == 422
        wheres = {error["where"].partition("[")[0].partition(".0")[0] for error in problem["errors"]}
        assert named[name] <= wheres, (name, problem)
        assert MARKER not in json.dumps(problem)
    assert found["unknown"].structured_content["code"] == "not_found"
    assert "'lint'" in found["unknown"].structured_content["remedy"]


def test_over_http_no_file_of_the_service_can_be_named(service: Any, tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    file.write_text(LINES)
    (tmp_path / "config.json").write_text("{}")

    async def ask(client: Client) -> list[Any]:
        return [
            await client.call_tool("lint", QUIET | {"paths": [str(file)]}),
            await client.call_tool("lint", QUIET | {"text": LINES, "row_schema": str(file)}),
            await client.call_tool("lint", QUIET | {"text": LINES, "target": str(file)}),
            await client.call_tool("estimate", {"model": str(tmp_path)}),
            await client.call_tool("estimate", {"model": str(tmp_path / "config.json")}),
        ]

    answers = over_http(service.url, ask)
    assert all(answer.is_error for answer in answers)
    assert all(answer.structured_content["code"] in {"invalid_input", "unreadable_model"} for answer in answers)
    unknown = service.http.post("/mcp", content=b"{", headers={"Content-Type": "application/json"})
    assert unknown.status_code == 400


def test_nothing_that_was_said_is_in_the_log(service: Any, found: Any) -> None:
    assert found
    call = {"jsonrpc": "2.0", "id": MARKER, "method": MARKER, "params": {"name": MARKER, "arguments": MARKER}}
    for content in (json.dumps(call), MARKER, json.dumps([MARKER])):
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        service.line_of(service.http.post("/mcp", content=content, headers=headers))
    assert MARKER not in service.log.read_text()
    assert MARKER not in service.http.get("/metrics").text
    assert {one["route"] for one in service.requests()} >= {"/mcp"}


def test_a_page_of_another_name_is_refused(service: Any) -> None:
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    for odd in ({"Host": "attacker.example"}, {"Origin": "http://attacker.example"}):
        answer = service.http.post("/mcp", content=b"{}", headers=headers | odd)
        assert answer.status_code in {403, 421}


def test_where_a_key_is_asked_for_it_may_have_any_name(serve: Callable[..., Any], tmp_path: Path) -> None:
    running = serve(tmp_path / "data", TUNEGATE_AUTH="required")
    with key_store(load_settings({"TUNEGATE_HOME": str(running.home)})) as store:
        made = create_key(store, "agent", project="desk", scopes=["lint"], expires="1d")
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {"Accept": "application/json, text/event-stream", "Host": "tunegate.example"}
    for method in ("POST", "GET", "DELETE", "OPTIONS"):
        assert running.http.request(method, "/mcp", headers=headers).status_code == 401
    answer = running.http.post("/mcp", json=call, headers=headers | {"X-API-Key": made.secret})
    assert (answer.status_code, len(answer.json()["result"]["tools"])) == (200, 4)


def test_over_stdio_the_same_and_files_of_this_machine(home: Path, found: Any, tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    file.write_text(LINES)

    async def ask(client: Client) -> Any:
        return await everything(client) | {
            "file": await client.call_tool("lint", QUIET | {"paths": [str(file)]}),
            "none": await client.call_tool("lint", QUIET | {"paths": [str(tmp_path / "absent.jsonl")]}),
            "both": await client.call_tool("lint", QUIET | {"paths": [str(file)], "text": LINES}),
        }

    told, log = over_stdio(home, ask)
    for name in ("lint", "estimate", "explain"):
        assert told["right"][name].structured_content == found["right"][name].structured_content
    for name, answer in told["wrong"].items():
        wanted = {error["where"] for error in found["wrong"][name].structured_content["errors"]}
        assert {error["where"] for error in answer.structured_content["errors"]} >= wanted - {"text"}
    report = told["file"].structured_content
    assert (report["counts"], report["files"][0]["path"]) == (
        found["right"]["lint"].structured_content["counts"], str(file),
    )  # fmt: skip
    assert told["none"].structured_content["code"] == "unreadable_path"
    assert told["both"].structured_content["errors"][0]["where"] == "text or paths"
    assert MARKER not in log
    assert "Traceback" not in log


def test_the_sdk_is_loaded_only_by_who_asks_for_it() -> None:
    code = "import sys, service.app, service.cli.app as a; a.cli.get_command(None, 'mcp'); print('mcp' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "False"


def test_what_the_client_is_served_is_plain_json_without_a_session(service: Any) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
    answer: httpx.Response = service.http.post("/mcp", json=call, headers=headers)
    assert answer.headers["content-type"].startswith("application/json")
    assert len(answer.json()["result"]["tools"]) == 4
    assert "mcp-session-id" not in answer.headers
