"""Jobs that take seconds, on services that note what they begin, and what must hold of every job whatever happened."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
from quick_trainer import after_step, weights_before
from served import Served, quiet
from unweighted import add_base

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PATH = os.pathsep.join([str(ROOT), str(HERE), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
DESK = ROOT / "examples" / "library-desk"
GUARD_SECONDS = 240
ENDED = {"succeeded", "failed", "cancelled"}


class Zygote:
    """Starts services that are forked, which takes a second where Python needs many on a busy machine."""

    def __init__(self) -> None:
        command = [sys.executable, str(HERE / "noting.py"), "zygote"]
        environment = os.environ | {"PYTHONPATH": PATH, "OMP_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)

    def start(self, arguments: list[str], environment: dict[str, str], log: Path) -> tuple[psutil.Process, str]:
        """(process, what it says first)."""
        out = log.with_name(f"said-{time.time_ns()}")
        asked = {"arguments": arguments, "environment": environment, "log": str(log), "out": str(out)}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        process = psutil.Process(int(self.process.stdout.readline()))
        until(lambda: not process.is_running() or (out.exists() and "\n" in out.read_text()))
        said = out.read_text()
        out.unlink()
        return process, said

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)


class Noting(Served):
    """A service over a data folder with the model `base`, whose trainer is quick_trainer.

    `pipeline` makes it one of another version; a zygote forks it; `signalled` says where it is killed or stopped
    (noting.py).
    """

    def __init__(
        self,
        home: Path,
        *flags: str,
        pipeline: str | None = None,
        zygote: Zygote | None = None,
        signalled: dict[str, Any] | None = None,
        **settings: str,
    ) -> None:
        if not (home / "models").exists():
            add_base(home)
        self.notes = home / "notes"
        how = json.dumps({"notes": str(self.notes), "version": pipeline, "quick": True, "signal": signalled})
        ours = quiet(home) | {"PYTHONPATH": PATH, "OMP_NUM_THREADS": "1"}
        if zygote is None:
            self.program = (str(HERE / "noting.py"), how)
            super().__init__(home, *flags, **ours | settings)
            return
        self.home, self.log = home, home / "service.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TUNEGATE_", "OTEL_"))}
        environment = kept | {"TUNEGATE_HOME": str(home)} | ours | settings
        self.forked, said = zygote.start([how, "--port", "0", *flags], environment, self.log)
        assert "http://" in said, self.log.read_text()[-3000:]
        self.url = said[said.index("http://") :].strip()
        self.http = httpx.Client(base_url=self.url, timeout=120, trust_env=False)

    @property
    def pid(self) -> int:
        return self.forked.pid if hasattr(self, "forked") else self.process.pid

    def launch(self, *, epochs: int = 3, key: str | None = None) -> str:
        """A job of ten steps an epoch, 0.05 seconds each, without ONNX files."""
        rows = (DESK / "train.jsonl").read_bytes().splitlines(keepends=True)[:4]
        held = (DESK / "validation.jsonl").read_bytes().splitlines(keepends=True)[:2]
        dataset, validation = (
            self._answer("POST", "/v1/datasets", params={"target": "local"}, content=b"".join(one))["id"]
            for one in (rows, held)
        )
        body = {
            "dataset_id": dataset, "validation_dataset_id": validation, "model": "base", "technique": "full",
            "hyperparameters": {"batch_size": 1, "n_epochs": epochs},
            "outputs": {"onnx": []}, "evaluation": {"max_rows": 2, "max_new_tokens": 1},
        }  # fmt: skip
        plan = self._answer("POST", "/v1/plans", json=body)["id"]
        headers = {"Idempotency-Key": key} if key else {}
        return str(self._answer("POST", "/v1/jobs", json={"plan_id": plan}, headers=headers)["id"])

    def job(self, identifier: str) -> Any:
        return self._answer("GET", f"/v1/jobs/{identifier}")

    def events(self, identifier: str) -> list[Any]:
        """Events so far, as (n, event, data); of a job that has ended all of them."""
        found, fields = [], {}
        with self.http.stream("GET", f"/v1/jobs/{identifier}/events") as answer:
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                fields[name] = value
                if not line and "data" in fields:
                    found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
                    fields = {}
        return found

    def cancel(self, identifier: str) -> None:
        self.http.post(f"/v1/jobs/{identifier}/cancel")

    def until(self, identifier: str, *states: str, steps: int = 0) -> Any:
        """The job once it is in one of the states; of any end where none is named."""
        wanted = set(states) or ENDED
        deadline = time.monotonic() + GUARD_SECONDS
        while True:
            job = self.job(identifier)
            if job["state"] in wanted and job["progress"]["step"] >= steps:
                return job
            assert job["state"] not in ENDED, job
            assert time.monotonic() < deadline, (job, self.log.read_text()[-2000:])
            time.sleep(0.05)

    def kill(self) -> None:
        """As kill -9 does."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.gone()
        self.http.close()

    def gone(self) -> None:
        """Return once its process is."""
        if hasattr(self, "forked"):
            self.forked.wait(60)
        else:
            self.process.wait(60)

    def end(self) -> None:
        """Stop it in order."""
        self.http.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        self.gone()

    def trainer(self, identifier: str) -> psutil.Process | None:
        """The living trainer of a job in this data folder."""
        for name in ("lock", "trainer-process.json"):
            with contextlib.suppress(OSError, ValueError, psutil.NoSuchProcess, KeyError):
                path = self.home / "runs" / identifier / ".work" / name
                found = psutil.Process(json.loads(path.read_text())["pid"])
                if found.status() != psutil.STATUS_ZOMBIE and identifier in " ".join(found.cmdline()):
                    return found
        return None

    def _answer(self, method: str, path: str, **options: Any) -> Any:
        answer = self.http.request(method, path, **options)
        assert answer.is_success, answer.text
        return answer.json()


def processes_of(home: Path) -> list[psutil.Process]:
    """Living trainers, and whatever they started, below a data folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(home / "runs") in line and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def until(happened: Callable[[], Any], seconds: float = GUARD_SECONDS) -> Any:
    """What happened, once it did."""
    deadline = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def violations(service: Noting, job_id: str, homes: list[Path], *, killed: int) -> list[str]:
    """What does not hold of a job that has ended; `killed` trainers of it were killed from outside."""
    job, events = service.job(job_id), service.events(job_id)
    wrong = [f"it failed: {job['error']}"] if job["state"] == "failed" else []
    if [n for n, _, _ in events] != list(range(1, len(events) + 1)):
        wrong.append(f"its events have gaps or repeat: {[n for n, _, _ in events]}")
    ends = [data["state"] for _, event, data in events if event == "end"]
    if ends != [job["state"]] or not events or events[-1][1] != "end":
        wrong.append(f"its events end with {ends}")
    begun = Counter(line.split()[2] for home in homes for line in notes_of(home) if line.split()[3] == job_id)
    # who takes a job over ends its trainer
    said = [data.get("message") or "" for _, event, data in events if event == "log"]
    moved = sum("goes on here" in one or "begins anew here" in one for one in said)
    if begun["trainer"] > 1 + killed + moved:
        often = f"killed {killed} times, and the job taken over {moved} times"
        wrong.append(f"its trainer was started {begun['trainer']} times, {often}")
    if job["state"] == "succeeded":
        steps = [data["step"] for _, event, data in events if event == "step"]
        anew = any("begins anew" in one for one in said)
        total = max(steps, default=0)
        if not anew and steps != list(range(1, total + 1)):
            wrong.append(f"its steps have gaps: {steps}")
        wrong += _unverified(service, job_id)
    left = [process for home in homes for process in processes_of(home) if job_id in " ".join(process.cmdline())]
    if left:
        wrong.append(f"{len(left)} of its processes are left")
    return wrong


def notes_of(home: Path) -> list[str]:
    """What its services began: time, pid, step, job."""
    try:
        return (home / "notes").read_text().splitlines()
    except FileNotFoundError:
        return []


def _unverified(service: Noting, job_id: str) -> list[str]:
    """Every file of the artifact, as it is handed out, against its manifest."""
    wrong = []
    answer = service.http.get(f"/v1/jobs/{job_id}/manifest")
    if not answer.is_success:
        return [f"its manifest is not handed out: {answer.text}"]
    state = weights_before(answer.json()["chain"]["plan"])
    for step in range(answer.json()["training"]["steps"]):
        state = after_step(state, step)
    if service.http.get(f"/v1/jobs/{job_id}/artifact/model/model.safetensors").text != state:
        wrong.append("its weights are not those of all its steps, once each")
    for file in answer.json()["files"]:
        given: httpx.Response = service.http.get(f"/v1/jobs/{job_id}/artifact/{file['path']}")
        if not given.is_success or hashlib.sha256(given.content).hexdigest() != file["sha256"]:
            wrong.append(f"{file['path']} of its artifact is not what the manifest says")
    return wrong
