"""How a Workspace stands, read from its status, its Job and its pods; never from what a container wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from service.launch.targets.talking import cleaned
from service.launch.targets.target import RemoteStatus
from service.records.job import State
from trainers.contract import Failure

_STATES: dict[str, State] = {"Running": "running", "Succeeded": "succeeded", "Failed": "failed"}
# what a container of KAITO's Job does, and what helps where it fails
_REMEDIES = {
    "data-downloader": "The rows cannot be fetched from the cluster: check input_url.",
    "puller": "The rows' image cannot be pulled: check input_image and input_pull_secret.",
    "model-weights-downloader": "The preset's weights cannot be pulled: check the nodes' way to its registry.",
    "pusher": "The adapter cannot be pushed: check output_image and output_push_secret.",
}
_REASONS = {
    "OOMKilled": "The container ran out of memory: a smaller micro_batch, or a larger machine.",
    "ErrImagePull": "An image cannot be pulled: check its name and the secrets.",
    "ImagePullBackOff": "An image cannot be pulled: check its name and the secrets.",
    "Unschedulable": "No node takes the pod: check quota and instance_type.",
}


def conditions(workspace: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The conditions by their type."""
    return {one["type"]: one for one in (workspace.get("status") or {}).get("conditions") or []}


def said(workspace: dict[str, Any]) -> str:
    """The Workspace's own word for its state."""
    return str((workspace.get("status") or {}).get("state") or "") or "Pending"


def state_of(workspace: dict[str, Any]) -> RemoteStatus:
    """The state without a look at the Job; `failed` is for `failed_status` to judge."""
    raw, known = said(workspace), conditions(workspace)
    deleting = known.get("WorkspaceDeleting", {}).get("status") == "True"
    if workspace["metadata"].get("deletionTimestamp") or deleting:
        return RemoteStatus(state="cancelling", raw="Deleting")
    if raw == "Pending":
        resource = known.get("ResourceReady")
        waiting: State = "preparing" if resource is not None and resource.get("status") != "True" else "queued"
        return RemoteStatus(state=waiting, raw=raw)
    return RemoteStatus(state=_STATES.get(raw, "unknown"), raw=raw)


def failed_status(workspace: dict[str, Any], job: Any, pods: Sequence[Any], *, free: str) -> RemoteStatus:
    """A Workspace that says Failed says so for good, while its Job goes on with another pod: the Job has the last word.

    `free` is the command that gives the nodes back.
    """
    status = job.status if job is not None else None
    if status is not None and status.succeeded:
        return RemoteStatus(state="succeeded", raw="Failed, Job succeeded")
    ended = any(one.status == "True" for one in (status.conditions or []) if one.type == "Failed") if status else True
    if status is not None and status.active and not ended:
        return RemoteStatus(state="running", raw=f"Failed, Job goes on: {status.failed or 0} failed pod(s)")
    counted = f", Job: {status.failed or 0} failed pod(s)" if status is not None else ""
    details = [*_of_pods(pods), *_of_job(status), *_of_workspace(workspace)]
    reasons = [remedy for _, remedy in details if remedy]
    remedy = " ".join(dict.fromkeys([*reasons[:2], f"Its nodes are billed until it is deleted: {free}"]))
    detail = "; ".join(dict.fromkeys(text for text, _ in details)) or "the cluster gives no reason"
    return RemoteStatus(state="failed", raw=f"Failed{counted}", error=Failure("job_failed", f"{detail}.", remedy))


def _of_pods(pods: Sequence[Any]) -> Iterator[tuple[str, str]]:
    for pod in pods:
        for one in pod.status.conditions or []:
            if one.type == "PodScheduled" and one.status == "False":
                yield f"pod {pod.metadata.name}: {one.reason}", _REASONS.get(str(one.reason), "")
        if pod.status.reason:
            yield f"pod {pod.metadata.name}: {pod.status.reason}", ""
        containers = [*(pod.status.init_container_statuses or []), *(pod.status.container_statuses or [])]
        for container in containers:
            yield from _of_container(container)


def _of_container(container: Any) -> Iterator[tuple[str, str]]:
    # never .message: it may hold the end of a log, and with it rows
    state, last = container.state, container.last_state
    ended = (state.terminated if state else None) or (last.terminated if last else None)
    waiting = state.waiting if state else None
    if ended is not None and ended.exit_code:
        why = _REASONS.get(str(ended.reason), "") or _REMEDIES.get(container.name, "")
        yield f"container {container.name}: {ended.reason or 'ended'} with exit code {ended.exit_code}", why
    elif waiting is not None and waiting.reason not in {None, "PodInitializing", "ContainerCreating"}:
        why = _REMEDIES.get(container.name, "") or _REASONS.get(str(waiting.reason), "")
        yield f"container {container.name}: {waiting.reason}", why


def _of_job(status: Any) -> Iterator[tuple[str, str]]:
    for one in (status.conditions or []) if status is not None else []:
        if one.type == "Failed" and one.status == "True" and one.reason:
            yield f"Job: {one.reason}", ""


def _of_workspace(workspace: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What the controller says, which never sees a row."""
    for name, one in conditions(workspace).items():
        if one.get("status") == "False" and one.get("reason"):
            yield cleaned(f"{name}: {one['reason']}: {one.get('message', '')}".rstrip(": ")), ""
