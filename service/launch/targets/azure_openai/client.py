"""Talks to Azure OpenAI by the openai client: submit once, poll, pause, cancel, and hand back what is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from service.clock import now
from service.errors import TuneGateError
from service.launch.targets.azure_openai.account import account_of
from service.launch.targets.azure_openai.checks import checks
from service.launch.targets.azure_openai.events import Events
from service.launch.targets.azure_openai.files import file_of, listed
from service.launch.targets.azure_openai.outputs import hosted_of
from service.launch.targets.azure_openai.plan import METADATA
from service.launch.targets.azure_openai.settings import AZURE_OPENAI, AzureOpenAiSettings
from service.launch.targets.azure_openai.states import billed_tokens, status_of
from service.launch.targets.azure_openai.talking import WHO
from service.launch.targets.hosting import keep_hosted
from service.launch.targets.talking import unreachable
from service.launch.targets.target import Artifact, Check, LaunchPlan, RemoteRef, RemoteStatus
from trainers.contract import Progress

_PER_MILLION = 1e6
_EVENTS, _NEWEST_EVENTS = 100, 10


class AzureOpenAi:
    """One launched plan at its service; safe for several threads."""

    def __init__(self, plan: LaunchPlan) -> None:
        self._plan = plan
        self._account = account_of(msgspec.convert(plan.manifest["where"], AzureOpenAiSettings))
        self._events = Events()

    def submit(self, plan: LaunchPlan) -> RemoteRef:
        """Upload the rows and create the job; that of an earlier call is found by its metadata or its file."""
        if (found := self.find(plan)) is not None:
            return found
        ids = {what: file_of(self._account, name, Path(plan.files[what])) for what, name in self._uploads.items()}
        job = plan.manifest["job"]
        body = {name: value for name, value in job.items() if name != "trainingType"}
        body |= {"validation_file": ids["validation"]} if "validation" in ids else {}
        try:
            # the client repeats nothing (Account): a second create would be a second bill
            made = self._account.ask(
                "making the job",
                lambda client: client.fine_tuning.jobs.create(
                    training_file=ids["data"], extra_body={"trainingType": job["trainingType"]}, **body
                ),
            )
            return self._ref(_job(made, "making the job"))
        except TuneGateError:
            # it may have been made, and the answer lost
            if (found := self.find(plan)) is not None:
                return found
            raise

    def find(self, plan: LaunchPlan) -> RemoteRef | None:
        """The job of this very request: its metadata say so, or the file that it trains on is this request's own."""
        digest = plan.request_sha256
        every = self._account.ask("looking for the job", lambda client: list(client.fine_tuning.jobs.list(limit=100)))
        jobs = [one for one in every if isinstance(getattr(one, "id", None), str)]
        for one in jobs:
            metadata = getattr(one, "metadata", None)
            if isinstance(metadata, dict) and metadata.get(METADATA) == digest:
                return self._ref(one)
        if jobs and (files := listed(self._account, {self._uploads["data"]})):
            ours = next((one for one in jobs if getattr(one, "training_file", None) in files), None)
            return self._ref(ours) if ours is not None else None
        return None

    def poll(self, ref: RemoteRef) -> RemoteStatus:
        """How the job stands, and what it has cost so far where that can be told."""
        job = self._job(ref)
        return status_of(job, usd=self._spent(job))

    def progress(self, ref: RemoteRef, *, after: int) -> list[Progress]:
        """The service's events."""

        def page(older: str | None) -> Any:
            # where nothing came the last time little is new
            given = {"after": older} if older is not None else {}
            size = _EVENTS if older is not None or not self._events.quiet else _NEWEST_EVENTS
            return self._account.ask(
                "reading the events",
                lambda client: client.fine_tuning.jobs.list_events(ref.name, limit=size, **given),
            )

        return self._events.read(page, after=after)

    def cancel(self, ref: RemoteRef) -> None:
        """Ask for the end; one that has ended or is gone needs no asking."""
        try:
            self._account.ask("cancelling the job", lambda client: client.fine_tuning.jobs.cancel(ref.name))
        except TuneGateError as error:
            if error.code not in {"remote_gone", "target_refused"}:
                raise

    def pause(self, ref: RemoteRef) -> None:
        """Ask for a halt; the service keeps a checkpoint that can be deployed, and bills no paused time."""
        self._account.ask("pausing the job", lambda client: client.fine_tuning.jobs.pause(ref.name))

    def resume(self, ref: RemoteRef) -> None:
        """Ask it to go on."""
        self._account.ask("resuming the job", lambda client: client.fine_tuning.jobs.resume(ref.name))

    def artifacts(self, ref: RemoteRef) -> list[Artifact]:
        """Nothing that can be fetched: the weights stay there."""
        del ref
        return []

    def fetch(self, ref: RemoteRef, out: Path, *, tick: Callable[[], None]) -> None:
        """hosted-model.json, results.csv and the proof of success in `out`; weights are none of it."""
        tick()
        job = self._job(ref)
        made, metrics = hosted_of(self._account, job, tokens=billed_tokens(job))
        keep_hosted(out, made, metrics, plan=self._plan.manifest["plan"])

    def check(self) -> list[Check]:
        """Address, network, credential, role and models, each with its remedy."""
        return checks(self._account)

    @property
    def _uploads(self) -> dict[str, str]:
        uploads: dict[str, str] = self._plan.manifest["uploads"]
        return uploads

    def _job(self, ref: RemoteRef) -> Any:
        doing = "looking at the job"
        return _job(self._account.ask(doing, lambda client: client.fine_tuning.jobs.retrieve(ref.name)), doing)

    def _spent(self, job: Any) -> float | None:
        """By the tokens that are billed; before those are told, by the share of the steps that are done."""
        billing = self._plan.manifest["billing"]
        price, planned = billing["usd_per_million_tokens"], billing["tokens"]
        if price is None:
            return None
        tokens: float | None = billed_tokens(job)
        if tokens is None and planned and self._events.step is not None and self._events.total:
            tokens = planned * min(1.0, self._events.step / self._events.total)
        return None if tokens is None else tokens * price / _PER_MILLION

    def _ref(self, job: Any) -> RemoteRef:
        return RemoteRef(target=AZURE_OPENAI, name=job.id, submitted_at=now())


def _job(answer: Any, doing: str) -> Any:
    """What a gateway put in place of an answer is none."""
    if not isinstance(getattr(answer, "id", None), str):
        raise unreachable(doing, "an answer that is no job's", who=WHO)
    return answer
