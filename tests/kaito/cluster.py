"""A Kubernetes API server over a socket: one custom resource with its schema and admission, and what a Job leaves."""

from __future__ import annotations

import copy
import json
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema

from tests.kaito.webhook import denied

SCHEMA = json.loads((Path(__file__).parent / "workspace-schema.json").read_text())
GROUP = "/apis/kaito.sh/v1beta1"
Answer = tuple[int, dict[str, Any]]
_STEP_SECONDS = 0.05
_REASONS = {404: "NotFound", 409: "AlreadyExists", 410: "Expired", 422: "Invalid", 429: "TooManyRequests"}


class Cluster:
    """What the server holds; tests play the controller by `status`, and break the server by `faults`."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.events: list[tuple[int, str, dict[str, Any]]] = []
        self.requests: list[tuple[str, str]] = []
        self.version, self.oldest = 100, 0
        self.changed = threading.Condition()
        # looked at before (may answer instead) and after (may swallow the answer) each request
        self.faults: list[Callable[[str, str], Answer | str | None]] = []
        self.cut_watches = 0
        # answers that are held back until it is set
        self.let_go = threading.Event()
        self.installed, self.namespaces, self.secrets = True, {"tuning"}, {"push"}
        self.allowed = True
        self.finalizer = False

    def counted(self, method: str, part: str) -> int:
        """How often it was asked."""
        return sum(one == method and part in path for one, path in self.requests)

    def fail(self, method: str, part: str, status: int, times: int = 1) -> None:
        """Answer the next such requests with a status; 0 does the work and swallows the answer."""
        left = [times]

        def fault(asked: str, path: str) -> Answer | str | None:
            if asked != method or part not in path or left[0] == 0:
                return None
            left[0] -= 1
            return "swallow" if status == 0 else failure(status, "made to fail")

        self.faults.append(fault)

    def hold(self, method: str, part: str) -> None:
        """Do the work of such requests and answer none of them until `let_go`."""
        self.let_go.clear()
        self.faults.append(lambda asked, path: "hold" if asked == method and part in path else None)

    def workspaces(self) -> list[dict[str, Any]]:
        return [one for (kind, _, _), one in self.objects.items() if kind == "workspaces"]

    def status(self, name: str, state: str, **conditions: tuple[str, str]) -> None:
        """What the controller writes: the state, and conditions as type=(status, reason)."""
        with self.changed:
            found = copy.deepcopy(self.objects["workspaces", "tuning", name])
            listed = [
                {"type": kind, "status": value, "reason": reason, "message": "said by the controller"}
                for kind, (value, reason) in conditions.items()
            ]
            found["status"] = {"state": state, "conditions": listed}
            self._store("MODIFIED", ("workspaces", "tuning", name), found)

    def remove(self, name: str) -> None:
        """Gone, whoever did it."""
        with self.changed:
            self._drop(("workspaces", "tuning", name))

    def put(self, kind: str, name: str, content: dict[str, Any]) -> None:
        """A Job or a pod."""
        self.objects[kind, "tuning", name] = {"metadata": {"name": name, "namespace": "tuning"}} | content

    def expire(self) -> None:
        """Forget every event so far: a watch from before gets 410."""
        with self.changed:
            self.oldest = self.version
            self.events.clear()
            self.changed.notify_all()

    def _store(self, event: str, key: tuple[str, str, str], content: dict[str, Any]) -> None:
        self.version += 1
        content["metadata"]["resourceVersion"] = str(self.version)
        self.objects[key] = content
        if key[0] == "workspaces":
            self.events.append((self.version, event, copy.deepcopy(content)))
        self.changed.notify_all()

    def _drop(self, key: tuple[str, str, str]) -> None:
        gone = copy.deepcopy(self.objects[key])
        self._store("DELETED", key, gone)
        del self.objects[key]
        owned = [one for one, made in self.objects.items() if _owner(made) == gone["metadata"]["uid"]]
        for one in owned:
            del self.objects[one]

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Answer:
        """One request, watches aside."""
        with self.changed:
            if path == "/version":
                return 200, {"major": "1", "minor": "31", "gitVersion": "v1.31.0", "gitCommit": "", "gitTreeState": "",
                             "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}  # fmt: skip
            if path.endswith("selfsubjectaccessreviews"):
                return 201, body | {"status": {"allowed": self.allowed}}
            if path.startswith(GROUP) and not self.installed:
                return failure(404, "the server could not find the requested resource")
            if path == GROUP:
                row = {"name": "workspaces", "singularName": "", "namespaced": True, "kind": "Workspace", "verbs": []}
                return 200, {"kind": "APIResourceList", "groupVersion": "kaito.sh/v1beta1", "resources": [row]}
            found = re.fullmatch(r"(?:/api/v1|/apis/[\w.]+/\w+)/namespaces/([^/]+)(?:/(\w+)(?:/([^/]+))?)?", path)
            if found is None:
                return failure(404, "no such path")
            space, kind, name = found[1], found[2], found[3]
            if kind is None:
                known = space in self.namespaces
                return (200, {"metadata": {"name": space}}) if known else failure(404, "no such namespace")
            if kind == "secrets":
                return (200, {"metadata": {"name": name}}) if name in self.secrets else failure(404, "no such secret")
            return self._object(method, (kind, space, name), query, body)

    def _object(self, method: str, key: tuple[str, str, Any], query: dict[str, str], body: dict[str, Any]) -> Answer:
        kind, space, name = key
        if method == "POST":
            return self._created((kind, space, body["metadata"]["name"]), query, body)
        if name is None:
            items = [one for (one_kind, one_space, _), one in self.objects.items() if (one_kind, one_space) == key[:2]]
            return 200, {"kind": "List", "metadata": {"resourceVersion": str(self.version)}, "items": items}
        if key not in self.objects:
            return failure(404, f"{kind} {name} not found")
        if method == "PATCH":
            made = copy.deepcopy(self.objects[key])
            made["metadata"] |= body["metadata"]
            self._store("MODIFIED", key, made)
        if method == "DELETE":
            return self._deleted(key, body)
        return 200, self.objects[key]

    def _created(self, key: tuple[str, str, str], query: dict[str, str], body: dict[str, Any]) -> Answer:
        if key in self.objects:
            return failure(409, f"{key[2]} already exists")
        if key[0] == "workspaces":
            body.pop("status", None)
            errors = [one.message for one in jsonschema.Draft202012Validator(SCHEMA).iter_errors(body)]
            if errors and query.get("fieldValidation") == "Strict":
                return failure(422, "; ".join(errors))
            why = denied(body, self.objects.get(("configmaps", key[1], body.get("tuning", {}).get("config", ""))))
            if why:
                return failure(400, f'admission webhook "validation.workspace.kaito.sh" denied the request: {why}')
            body["resource"].setdefault("count", 1)
            body["tuning"]["preset"].setdefault("accessMode", "public")
        body["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": "2026-11-22T00:00:00Z", "generation": 1}
        self._store("ADDED", key, body)
        return 201, body

    def _deleted(self, key: tuple[str, str, str], body: dict[str, Any]) -> Answer:
        made = copy.deepcopy(self.objects[key])
        wanted = (body.get("preconditions") or {}).get("uid", made["metadata"].get("uid"))
        if wanted != made["metadata"].get("uid"):
            return failure(409, "the uid is another")
        if key[0] == "workspaces" and self.finalizer:
            made["metadata"]["deletionTimestamp"] = "2026-11-22T00:00:01Z"
            self._store("MODIFIED", key, made)
        elif key[0] == "workspaces":
            self._drop(key)
        else:
            del self.objects[key]
        return 200, {"kind": "Status", "status": "Success"}

    def watched(self, since: int) -> Iterator[dict[str, Any] | None]:
        """Events after a version, None now and then; it ends when told to cut."""
        if since < self.oldest:
            yield {"type": "ERROR", "object": failure(410, "too old resource version")[1]}
            return
        while True:
            with self.changed:
                found = [one for one in self.events if one[0] > since]
                if not found:
                    self.changed.wait(_STEP_SECONDS)
                if self.cut_watches:
                    self.cut_watches -= 1
                    return
            for version, kind, content in found:
                since = version
                yield {"type": kind, "object": content}
            yield None


def failure(status: int, message: str) -> Answer:
    """A Status body."""
    return status, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
                    "reason": _REASONS.get(status, "Failure"), "code": status}  # fmt: skip


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


def _owner(made: dict[str, Any]) -> str | None:
    owners = made["metadata"].get("ownerReferences") or [{}]
    return owners[0].get("uid")


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
