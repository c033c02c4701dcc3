"""What a Kubernetes API server holds: one custom resource with its schema and admission, and what a Job leaves."""

from __future__ import annotations

import copy
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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
        self.loads_adapters = True

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
            asked = re.fullmatch(r"/api/v1/namespaces/tuning/services/([^/:]+):80/proxy/v1/chat/completions", path)
            if asked is not None:
                return self._served(asked[1], body)
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

    def _served(self, name: str, body: dict[str, Any]) -> Answer:
        """vLLM behind the service of a Workspace: its base and its adapters, each by its name."""
        made = self.objects.get(("workspaces", "tuning", name))
        known = {one["type"]: one["status"] for one in (made or {}).get("status", {}).get("conditions", [])}
        if made is None or known.get("InferenceReady") != "True":
            return failure(503, f'no endpoints available for service "{name}"')
        names = {one["source"]["name"] for one in made["inference"]["adapters"]} if self.loads_adapters else set()
        if body.get("model") not in {made["inference"]["preset"]["name"], *names}:
            return 404, {"object": "error", "message": f"The model {body.get('model')} does not exist.", "code": 404}
        message = {"role": "assistant", "content": "Hello."}
        return 200, {
            "id": "chatcmpl-1", "object": "chat.completion", "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        }  # fmt: skip

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
            why = denied(body, self.objects.get(("configmaps", key[1], _workload(body).get("config", ""))))
            if why:
                return failure(400, f'admission webhook "validation.workspace.kaito.sh" denied the request: {why}')
            body["resource"].setdefault("count", 1)
            _workload(body)["preset"].setdefault("accessMode", "public")
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


def _workload(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = body.get("tuning") or body.get("inference") or {}
    return found


def failure(status: int, message: str) -> Answer:
    """A Status body."""
    return status, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
                    "reason": _REASONS.get(status, "Failure"), "code": status}  # fmt: skip


def _owner(made: dict[str, Any]) -> str | None:
    owners = made["metadata"].get("ownerReferences") or [{}]
    return owners[0].get("uid")
