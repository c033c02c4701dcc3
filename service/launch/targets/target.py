"""What every launch target is asked, and what it answers; the words are the same whoever carries the plan out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from service.records.job import RemoteResult, State
from trainers.contract import Failure, Progress, TrainPlan


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """A row of rules/targets.toml: what a target can do, who says so and when."""

    id: str
    title: str
    # whether this version launches on it
    built: bool
    techniques: list[str] = []
    weights: bool
    onnx: bool
    distributed: bool
    nodes: bool
    cancel: bool
    pause: bool
    # whether the job measures the model before and after on the validation rows
    measures: bool = True
    # "hours": machines by the hour, "tokens": trained tokens, "none": no bill
    cost: Literal["none", "hours", "tokens"]
    source: str
    as_of: str
    note: str = ""
    # --emit formats
    emits: list[str] = []


class LaunchRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One launch: the plan, the key that makes it this launch and no other, and where its files lie here."""

    plan: TrainPlan
    key: str
    trainer_version: str
    dataset: Path
    validation: Path | None
    # null: the job fetches the model by its name itself
    model: Path | None


class LaunchPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that will be sent, before any of it is: `manifest` is wire-ready, and the same request gives the same.

    `files` are what is uploaded: name in the manifest to path on this host; no id rests on it.
    """

    target: str
    name: str
    request_sha256: str
    manifest: dict[str, Any]
    files: dict[str, str]
    needs: list[str] = []
    warnings: list[str] = []
    usd_per_hour: float | None = None
    max_usd: float | None = None
    poll_seconds: float = 30.0
    # whether what comes back is exported to ONNX by whoever fetches it
    exports_here: bool = False
    # modules that it takes for that, looked for before anything is spent
    libraries: list[str] = []
    # what comes back, where it is no whole run
    result: RemoteResult | None = None


class RemoteRef(msgspec.Struct, frozen=True, kw_only=True):
    """A remote job that exists; `url` is where a person sees it."""

    target: str
    name: str
    submitted_at: str
    url: str | None = None


class RemoteStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a remote job stands: our state, the target's own word beside it."""

    state: State
    raw: str
    error: Failure | None = None
    # spent so far, where the target tells it; else hours are counted
    usd: float | None = None
    # the target itself hears nothing of the machines any more
    lost: bool = False


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a job made; `sha256` is null where the target tells none."""

    path: str
    bytes: int
    sha256: str | None = None


class CostEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a launch will cost; `usd` is null with the reason where it is not known."""

    usd: float | None
    usd_per_hour: float | None
    hours: float | None
    machine: str | None
    count: int
    source: str
    reason: str | None = None


class TokenCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a managed service will charge: tokens of the file x epochs x price; `usd` is null with the reason.

    `usd_high` differs from `usd` where tokens or price are known as a range; the price is its upper end.
    """

    usd: float | None
    usd_high: float | None
    # of one epoch, at most
    tokens: int | None
    epochs: int
    usd_per_million_tokens: float | None
    tier: str
    source: str
    as_of: str | None = None
    confidence: str | None = None
    # while the tuned model is deployed
    hosting_usd_per_hour: float | None = None
    reason: str | None = None


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a launch needs: whether it is there, what was seen, and what to do where it is not."""

    name: str
    verdict: Literal["ok", "failed", "unknown"]
    seen: str
    remedy: str = ""


@runtime_checkable
class Registers(Protocol):
    """A target that keeps a list of models."""

    def register(self, plan: LaunchPlan, ref: RemoteRef, out: Path, tags: Mapping[str, str]) -> str:
        """Enter the model of a finished run folder with where it comes from; its name there, once however often."""
        ...


class Target(Protocol):
    """A target as a launched plan sees it; planning is pure and needs none (`azure_ml.plan.launch_plan`).

    Every call raises TuneGateError: `target_unreachable` for what may pass (network, throttling, 5xx),
    `target_refused` for what will not, `remote_gone` for a job that was deleted there.
    """

    def submit(self, plan: LaunchPlan) -> RemoteRef:
        """Create the job, or find the one that an earlier call of the same plan created."""
        ...

    def find(self, plan: LaunchPlan) -> RemoteRef | None:
        """The job of this plan, if it exists already."""
        ...

    def poll(self, ref: RemoteRef) -> RemoteStatus: ...

    def progress(self, ref: RemoteRef, *, after: int) -> list[Progress]:
        """The trainer's records numbered above `after`."""
        ...

    def cancel(self, ref: RemoteRef) -> None:
        """Ask for the end; a later poll says when it has come."""
        ...

    def artifacts(self, ref: RemoteRef) -> list[Artifact]: ...

    def fetch(self, ref: RemoteRef, out: Path, *, tick: Callable[[], None]) -> None:
        """Stream every artifact into `out` and compare its sha256; `tick` is called between chunks and may raise."""
        ...

    def check(self) -> list[Check]: ...


@runtime_checkable
class Pausable(Protocol):
    """A target that can halt a job and go on with it; a later poll says when that has come."""

    def pause(self, ref: RemoteRef) -> None: ...

    def resume(self, ref: RemoteRef) -> None: ...
