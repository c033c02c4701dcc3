"""No request makes the service fetch an address that is written in it."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.access.conftest import House

ROW = {"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day."}]}


class Trap(socketserver.ThreadingTCPServer):
    """Counts whoever comes."""

    daemon_threads = True

    def __init__(self) -> None:
        self.seen: list[Any] = []
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.seen.append(client_address)
        super().process_request(request, client_address)


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    with Trap() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture(scope="module")
def house(serve: Callable[..., House]) -> House:
    return serve(TUNEGATE_AUTH="required")


def lines(row: dict[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for _ in range(12)).encode()


def test_addresses_in_rows_schemas_models_and_endpoints_are_not_fetched(house: House, trap: Trap) -> None:
    address = f"http://127.0.0.1:{trap.server_address[1]}/x"
    secret = house.key("fetching", "read", "lint", "write", "launch").secret
    picture = {"type": "image_url", "image_url": {"url": f"{address}.png"}}
    asking = {"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]}
    schema = json.dumps({"type": "object", "properties": {"messages": {"$ref": address}}})
    query = {"target": "azure-openai", "privacy": "off"}

    def lint(row: dict[str, Any], **more: str) -> Any:
        return house.ask("POST", "/v1/lint", secret, params=query | more, content=lines(row))

    assert lint({"messages": [asking, ROW["messages"][1]]}).status_code == 200
    assert lint(ROW, model=address).status_code == 200  # a name in the report and nothing more
    config = {"_name_or_path": address, "auto_map": {"a": address}}
    answers = [
        lint(ROW, row_schema=schema),
        lint(ROW, answer_schema=schema),
        lint(ROW, row_schema=json.dumps({"$schema": address, "$id": address, "$ref": "#/$defs/none"})),
        house.ask("POST", "/v1/estimates", secret, json={"model": address, "techniques": ["lora"]}),
        house.ask("POST", "/v1/estimates", secret, json={"model": config}),
        house.ask("POST", "/v1/plans", secret, json={"dataset_id": house.upload(secret)["id"], "model": address}),
    ]  # fmt: skip
    assert [one.status_code for one in answers if one.status_code not in {400, 403, 404, 422}] == []
    body = {"dataset_id": house.upload(secret)["id"], "models": [{"id": "m", "name": "m", "endpoint": address}]}
    house.refused(house.ask("POST", "/v1/evaluations", secret, json=body), 403, "endpoint_not_allowed")
    assert trap.seen == []


def test_the_trap_catches(trap: Trap) -> None:
    import socket

    with socket.create_connection(trap.server_address[:2]) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert len(trap.seen) == 1
    trap.seen.clear()
