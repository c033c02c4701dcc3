"""The API server of a cluster over a socket, and the kubeconfig that names it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.kaito.cluster import Answer, Cluster


def kubeconfig(folder: Path, address: str) -> Path:
    """One that names this cluster."""
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "desk",
        "clusters": [{"name": "desk", "cluster": {"server": address}}],
        "users": [{"name": "clerk", "user": {"token": "quokka-token"}}],
        "contexts": [{"name": "desk", "context": {"cluster": "desk", "user": "clerk"}}],
    }  # fmt: skip
    file = folder / "kubeconfig"
    file.write_text(json.dumps(config))
    return file


@contextmanager
def served(cluster: Cluster) -> Iterator[str]:  # noqa: C901 - the handler's methods count as its own
    """The server's address while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def handle_all(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            method = "WATCH" if query.get("watch") else self.command
            cluster.requests.append((method, self.path))
            said = next((one for fault in cluster.faults if (one := fault(method, parts.path)) is not None), None)
            if isinstance(said, tuple):
                return self.send(said)
            if method == "WATCH":
                return self.stream(int(query["resourceVersion"]), float(query.get("timeoutSeconds", 60)))
            answer = cluster.answer(self.command, parts.path.rstrip("/"), query, body)
            if said == "hold":
                cluster.let_go.wait()
            if said is not None:
                self.close_connection = True
                with suppress(OSError):  # who asked may be gone
                    self.connection.shutdown(socket.SHUT_RDWR)
                return None
            return self.send(answer)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_all  # noqa: N815

        def send(self, answer: Answer) -> None:
            content = json.dumps(answer[1]).encode()
            self.send_response(answer[0])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def stream(self, since: int, seconds: float) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            ends = time.monotonic() + seconds
            event = None
            for event in cluster.watched(since):
                if event is not None:
                    line = json.dumps(event).encode() + b"\n"
                    self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
                    self.wfile.flush()
                if time.monotonic() > ends or stopping.is_set():
                    break
            else:
                if not (event and event["type"] == "ERROR"):
                    # cut in the middle, not ended
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
            self.wfile.write(b"0\r\n\r\n")

    stopping = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
