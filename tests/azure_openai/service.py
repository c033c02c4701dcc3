"""Azure OpenAI on this machine: files and fine-tuning jobs that run through their states, every body judged."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from email import message_from_bytes
from email.message import Message
from typing import Any

from loopback import Answer, Asked
from openai.types.fine_tuning.job_create_params import JobCreateParams
from pydantic import TypeAdapter

KEY = "loopback-key-of-nobody"
HOST = "desk.openai.azure.com"
MOST = 2
# what Azure takes beside the SDK's own parameters
_AZURE_ALONE = {"trainingType"}
_TYPES = {"Standard", "GlobalStandard", "Developer"}
_CREATE: TypeAdapter[Any] = TypeAdapter(JobCreateParams)
_KNOWN = set(JobCreateParams.__annotations__)
_DONE = {"succeeded", "failed", "cancelled"}
METRICS = "step,train_loss,train_mean_token_accuracy,valid_loss,validation_mean_token_accuracy\n" + "".join(
    f"{step},{2 / step:.4f},{1 - 1 / (step + 1):.4f},{f'{2.1 / step:.4f}' if step % 5 == 0 else ''},\n"
    for step in range(1, 11)
)  # fmt: skip


class Account:
    """One resource; `hold` keeps jobs at the state they are in, otherwise every look moves them on."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, Any]] = {}
        self.content: dict[str, bytes] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.wrong: list[str] = []
        self.tokens: set[str] = set()
        self.headers: list[dict[str, str]] = []
        self.hold: str | None = None
        self.metrics: bytes = METRICS.encode()
        self.reads_files = True
        self.refuse: dict[str, str] | None = None
        # called when a job was made, before that is answered
        self.made: Callable[[], None] | None = None
        self.deployed: dict[str, str] = {}
        self._lock = threading.RLock()

    def __call__(self, asked: Asked) -> Answer | None:
        with self._lock:
            self.headers.append(asked.headers)
            if not self._let_in(asked.headers):
                return Answer.problem(401, "401", "Access denied due to invalid credentials")
            path = asked.path.removeprefix("/openai/v1")
            if path == asked.path or "api-version" in asked.query:
                return None
            return self._files(asked, path) or self._jobs(asked, path) or self._models(path) or self._chat(asked, path)

    def _let_in(self, headers: dict[str, str]) -> bool:
        given = headers.get("authorization", "").removeprefix("Bearer ")
        return given == KEY or given in self.tokens or (not self.tokens and given.count(".") == 2)

    def _models(self, path: str) -> Answer | None:
        if path != "/models":
            return None
        row = {"id": "gpt-4.1-2025-04-14", "object": "model", "capabilities": {"fine_tune": True}}
        return Answer.of({"object": "list", "data": [row, {"id": "gpt-oss-20b-11", "capabilities": {}}]})

    def _chat(self, asked: Asked, path: str) -> Answer | None:
        if path != "/chat/completions":
            return None
        if asked.json["model"] not in self.deployed:
            return Answer.problem(404, "DeploymentNotFound")
        message = {"role": "assistant", "content": "words that nobody reads"}
        return Answer.of(
            {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": self.deployed[asked.json["model"]],
             "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
             "usage": {"prompt_tokens": 1, "completion_tokens": 4, "total_tokens": 5}}
        )  # fmt: skip

    def _files(self, asked: Asked, path: str) -> Answer | None:
        if path == "/files" and asked.method == "POST":
            return self._upload(asked)
        if path == "/files":
            return _page(
                [one for one in self.files.values() if one["purpose"] == asked.query.get("purpose", "fine-tune")], asked
            )
        found = re.fullmatch(r"/files/([\w-]+)(/content)?", path)
        if not found:
            return None
        if found[2]:
            return Answer(200, self.content[found[1]], {"Content-Type": "application/octet-stream"})
        if found[1] not in self.files:
            return Answer.problem(404, "NotFound")
        file = self.files[found[1]]
        if self.reads_files:
            file["status"] = {"pending": "running", "running": "processed"}.get(file["status"], file["status"])
        return Answer.of(file)

    def _upload(self, asked: Asked) -> Answer:
        head = b"Content-Type: " + asked.headers["content-type"].encode() + b"\r\n\r\n"
        parts: dict[str, Message] = {}
        for part in message_from_bytes(head + asked.body).get_payload():  # type: ignore[union-attr]
            parts[str(part.get_param("name", header="content-disposition"))] = part  # type: ignore[union-attr, arg-type]
        rows = parts["file"].get_payload(decode=True)
        assert isinstance(rows, bytes)
        if parts["purpose"].get_payload() != "fine-tune":
            self.wrong.append("purpose")
        return Answer.of(self._file(str(parts["file"].get_filename()), rows, "fine-tune", "pending"))

    def _file(self, name: str, content: bytes, purpose: str, status: str) -> dict[str, Any]:
        identifier = f"file-{len(self.content) + 1:032x}"
        self.content[identifier] = content
        made = {"id": identifier, "object": "file", "bytes": len(content), "filename": name, "purpose": purpose,
                "status": status, "created_at": 1_780_000_000 + len(self.content)}  # fmt: skip
        self.files[identifier] = made
        return made

    def _jobs(self, asked: Asked, path: str) -> Answer | None:
        if path == "/fine_tuning/jobs" and asked.method == "POST":
            return self._create(asked.json)
        if path == "/fine_tuning/jobs":
            return _page(list(self.jobs.values())[::-1], asked)
        found = re.fullmatch(r"/fine_tuning/jobs/([\w-]+)(?:/(\w+))?", path)
        if not found:
            return None
        if found[1] not in self.jobs:
            return Answer.problem(404, "NotFound")
        job, deed = self.jobs[found[1]], found[2]
        if deed == "events":
            return _page(self.events[job["id"]][::-1], asked)
        if deed == "checkpoints":
            return _page(self._checkpoints(job), asked)
        if deed in {"cancel", "pause", "resume"}:
            return self._deed(job, deed)
        self._on(job)
        return Answer.of(job)

    def _create(self, body: dict[str, Any]) -> Answer:
        try:
            _CREATE.validate_python({name: value for name, value in body.items() if name not in _AZURE_ALONE})
        except ValueError as error:
            self.wrong.append(str(error))
        self.wrong += [f"unknown {name}" for name in body if name not in _KNOWN | _AZURE_ALONE]
        if body.get("trainingType") not in _TYPES:
            self.wrong.append("trainingType")
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,18}", str(body.get("suffix"))):
            self.wrong.append("suffix")
        for name in ("training_file", "validation_file"):
            file = self.files.get(body.get(name, ""))
            if body.get(name) and (file is None or file["status"] != "processed"):
                return Answer.problem(400, "invalidPayload", f"{name} is not ready")
        if self.refuse:
            return Answer.problem(400, **self.refuse)
        identifier = f"ftjob-{len(self.jobs) + 1:032x}"
        job = {"id": identifier, "object": "fine_tuning.job", "status": "pending", "created_at": 1_780_000_100,
               "fine_tuned_model": None, "error": None, "result_files": None, "trained_tokens": None,
               "model": body["model"], "seed": body.get("seed"), "training_file": body["training_file"],
               "validation_file": body.get("validation_file"), "method": body["method"],
               "metadata": body.get("metadata"),
               "user_provided_suffix": body["suffix"], "trainingType": body["trainingType"]}  # fmt: skip
        self.jobs[identifier], self.events[identifier] = job, []
        self._say(job, "Job enqueued. Waiting for jobs ahead to complete.")
        if self.made is not None:
            made, self.made = self.made, None
            made()
        return Answer.of(job, 201)

    def _on(self, job: dict[str, Any]) -> None:
        """One state further, unless it is held there."""
        state = job["status"]
        if state in _DONE or state == self.hold or state == "paused":
            return
        if state == "pending":
            job["status"] = "running"
            self._say(job, "Training started.")
            for step in (1, 5):
                self.step(job, step)
        elif state == "running":
            self.finish(job)

    def step(self, job: dict[str, Any], step: int, total: int = 10) -> None:
        data = {"step": step, "total_steps": total, "train_loss": 2 / step, "train_mean_token_accuracy": 0.5}
        self._say(job, f"Step {step}: training loss={2 / step:.2f}", data, "metrics")

    def finish(self, job: dict[str, Any]) -> None:
        self.step(job, 10)
        suffix = job["user_provided_suffix"]
        file = self._file("results.csv", self.metrics, "fine-tune-results", "processed")
        self.files[file["id"]]["purpose"] = "fine-tune-results"
        job |= {"status": "succeeded", "fine_tuned_model": f"{job['model']}.ft-{job['id'][-8:]}-{suffix}",
                "result_files": [file["id"]], "trained_tokens": 60_000}  # fmt: skip

    def fail(self, job: dict[str, Any], code: str, message: str) -> None:
        job |= {"status": "failed", "error": {"code": code, "message": message, "param": "training_file"}}

    def _deed(self, job: dict[str, Any], deed: str) -> Answer:
        state = job["status"]
        allowed = {"cancel": {"pending", "running", "paused"}, "pause": {"pending", "running"}, "resume": {"paused"}}[
            deed
        ]
        if state not in allowed:
            return Answer.problem(400, "invalidOperation", f"the job is {state}")
        job["status"] = {"cancel": "cancelled", "pause": "paused", "resume": "running"}[deed]
        return Answer.of(job)

    def _checkpoints(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        if job["status"] != "succeeded":
            return []
        return [
            {"id": f"ftchkpt-{step}", "object": "fine_tuning.job.checkpoint", "created_at": 1, "step_number": step,
             "fine_tuned_model_checkpoint": f"{job['fine_tuned_model']}:ckpt-step-{step}",
             "fine_tuning_job_id": job["id"], "metrics": {"step": step, "train_loss": 2 / step}}
            for step in (8, 4)
        ]  # fmt: skip

    def _say(self, job: dict[str, Any], message: str, data: Any = None, type_: str = "message") -> None:
        said = self.events[job["id"]]
        said.append({"id": f"ftevent-{job['id'][-4:]}-{len(said)}", "object": "fine_tuning.job.event",
                     "level": "info", "created_at": 1_780_000_200 + len(said), "message": message, "type": type_,
                     "data": data})  # fmt: skip


def _page(rows: list[dict[str, Any]], asked: Asked) -> Answer:
    """`MOST` at a time at most, so that every list is paged through."""
    begin = 0
    if after := asked.query.get("after"):
        begin = [row["id"] for row in rows].index(after) + 1
    size = min(MOST, int(asked.query.get("limit", MOST)))
    part = rows[begin : begin + size]
    more = begin + size < len(rows)
    return Answer.of({"object": "list", "data": part, "has_more": more, "last_id": part[-1]["id"] if part else None})


def rows_of(content: bytes) -> list[Any]:
    return [json.loads(line) for line in content.splitlines()]
