"""An OpenAI-compatible endpoint over a real socket whose answers and faults follow rules; counts what it is asked."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import msgspec


class Said(msgspec.Struct, kw_only=True):
    """What one request gets: an answer, or a raw body with a status, or no answer at all."""

    text: str | None = None
    calls: list[dict[str, Any]] | None = None
    status: int = 200
    headers: dict[str, str] = {}
    raw: bytes | None = None
    usage: bool = True
    hang: bool = False
    drop: bool = False
    drip: float = 0.0  # seconds before each byte of the first hundred


Rule = Callable[[dict[str, Any], int], Said]
Write = Callable[..., Path]


class Endpoint:
    """Answers with `rule(body, number)`; the number counts the requests with an equal body, from 1."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["content-length"]))
                said = endpoint._note(json.loads(content), dict(self.headers.items()), self.path)
                if said.hang:
                    endpoint._ended.wait(60)
                if said.hang or said.drop:
                    self.close_connection = True
                    self.connection.close()
                    return
                body = said.raw if said.raw is not None else _completion(said)
                self.send_response(said.status)
                for name, value in {"content-type": "application/json", **said.headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                for byte in body[:100] if said.drip else b"":
                    endpoint._ended.wait(said.drip)
                    self.wfile.write(bytes([byte]))
                self.wfile.write(body[100 if said.drip else 0 :])

            def log_message(self, *args: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def questions(self) -> list[str]:
        """The last message of every request."""
        return [body["messages"][-1]["content"] for body in self.bodies]

    def _note(self, body: dict[str, Any], headers: dict[str, str], path: str) -> Said:
        with self._lock:
            key = json.dumps(body, sort_keys=True)
            self._counts[key] += 1
            self.bodies.append(body)
            self.headers.append({name.lower(): value for name, value in headers.items()})
            self.paths.append(path)
            return self.rule(body, self._counts[key])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


def _completion(said: Said) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": said.text}
    if said.calls is not None:
        message["tool_calls"] = said.calls
    answer: dict[str, Any] = {"object": "chat.completion", "choices": [{"index": 0, "message": message}]}
    if said.usage:
        answer["usage"] = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return json.dumps(answer).encode()


def right(body: dict[str, Any], number: int) -> Said:
    """The right answer to `question`."""
    asked = body["messages"][-1]["content"]
    return Said(text=f"answer {asked.split()[-1]}")


def chat(asked: str, answered: str | None = None, **more: Any) -> dict[str, Any]:
    """A row that asks, with the answer that is expected."""
    messages = [{"role": "user", "content": asked}]
    if answered is not None:
        messages.append({"role": "assistant", "content": answered})
    return {"messages": messages, **more}
