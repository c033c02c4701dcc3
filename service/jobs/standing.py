"""One deployment on its target: made once, asked once, looked at while it stands, and removed."""

from __future__ import annotations

import logging
import time
from datetime import datetime

import msgspec

from service.clock import now
from service.errors import TuneGateError
from service.jobs.carrying import carrier
from service.launch.targets.deployable import Deployable, DeploymentOrder, DeploymentStatus
from service.launch.targets.deploying import deployable_of
from service.records.deployment import (
    GONE,
    Deployment,
    DeploymentError,
    DeploymentMoment,
    DeploymentState,
    SmokeTest,
)
from service.store.store import Store

_LOG = logging.getLogger("tunegate.jobs")
_SLOWEST = 10
# so many looks in a row without an answer, and its state is not known any more
_UNKNOWN_AFTER = 3
# a model that was just loaded may refuse its first requests
_SMOKE_TRIES = 5
# what is not ready after so long is removed: it may cost money all the time
_CREATE_HOURS = 3.0
_SECONDS_PER_HOUR = 3600
_UNREACHABLE = "target_unreachable"


class Standing:
    """Every turn may be cut off at any place and taken again, by this service or another."""

    def __init__(self, store: Store, identifier: str) -> None:
        self._store, self._id = store, identifier
        self.order = msgspec.json.decode(store.deployments.sent(identifier), type=DeploymentOrder)
        self._target: Deployable | None = None
        self._failures = self._asked = 0

    @property
    def pause(self) -> float:
        """Seconds until the next turn: longer after every failure."""
        return float(self.order.poll_seconds * min(2**self._failures, _SLOWEST))

    def turn(self) -> bool:
        """One step towards `ready`, or a look at what stands; False once it is not wanted any more."""
        one = self._one()
        if one.state in GONE or one.state == "deleting":
            return False
        if one.expires_at is not None and one.expires_at <= now():
            self._enter("deleting")
            return False
        try:
            wanted = self._look() if one.smoke is not None else self._towards(one)
        except TuneGateError as error:
            return self._unseen(one, error)
        self._failures = 0
        return wanted

    def removed(self) -> bool:
        """Ask for the end; whether nothing of it is left."""
        one = self._one()
        if one.state in GONE:
            return True
        try:
            target = self._deployable()
            if target.look(self.order) is not None:
                target.delete(self.order)
                if (left := target.look(self.order)) is not None:
                    self._note(left)
                    self._failures = 0
                    return False
        except TuneGateError as error:
            self._failures += 1
            if one.error is None and error.code != _UNREACHABLE:
                self._change(error=_said(error))
            _LOG.warning("A deployment is not removed yet (%s).", error.code, extra=self._fields())
            return False
        if one.error is not None and one.smoke is None:
            self._enter("failed")
        else:  # it served; what kept it from being removed is over
            self._enter("deleted", error=None)
        return True

    def _towards(self, one: Deployment) -> bool:
        if one.state == "planned":
            self._enter("creating")
        status = self._deployable().create(self.order)
        self._note(status)
        if status.state == "failed":
            known = status.error
            detail = known.detail if known else f"The target says {status.raw}."
            return self._fail(TuneGateError("deployment_failed", detail, remedy=known.remedy if known else ""))
        if status.state != "ready":
            if _hours_since(one.timeline[0].at) > _CREATE_HOURS:
                detail = f"It was not ready after {_CREATE_HOURS:g} hours."
                return self._fail(TuneGateError("deployment_failed", detail, remedy="Its log on the target says why."))
            self._enter("creating")
            return True
        self._enter("smoke_testing")
        return self._smoke()

    def _smoke(self) -> bool:
        began = time.monotonic()
        try:
            seen = self._deployable().smoke(self.order)
        except TuneGateError as error:
            self._asked += 1
            if self._asked < _SMOKE_TRIES:
                return True
            detail = f"The smoke test failed {self._asked} times: {error.detail}"
            return self._fail(TuneGateError("smoke_failed", detail, remedy=error.remedy))
        smoke = SmokeTest(at=now(), seconds=round(time.monotonic() - began, 3), seen=seen)
        self._enter("ready", smoke=smoke)
        return True

    def _look(self) -> bool:
        status = self._deployable().look(self.order)
        if status is None:
            error = DeploymentError("remote_gone", "It was removed on its target.", "Deploy the job again.")
            self._enter("failed", error=error)
            return False
        self._note(status)
        self._enter("ready" if status.state in {"ready", "creating"} else "unknown")
        return True

    def _unseen(self, one: Deployment, error: TuneGateError) -> bool:
        if error.code == _UNREACHABLE or one.smoke is not None:
            self._failures += 1
            if self._failures >= _UNKNOWN_AFTER:
                self._enter("unknown")
            return True
        return self._fail(error)

    def _fail(self, error: TuneGateError) -> bool:
        """It is removed there first: what failed may cost money too."""
        self._enter("deleting", error=_said(error))
        return False

    def _note(self, status: DeploymentStatus) -> None:
        billed = now() if status.billed else None

        def change(one: Deployment) -> Deployment | None:
            changed = msgspec.structs.replace(
                one, status=status.raw, url=status.url or one.url, billed_from=one.billed_from or billed
            )
            return changed if changed != one else None

        self._store.deployments.update(self._id, change, carrier=carrier())

    def _change(self, **changes: object) -> None:
        self._store.deployments.update(self._id, lambda one: msgspec.structs.replace(one, **changes), carrier=carrier())

    def _enter(self, state: DeploymentState, **changes: object) -> None:
        enter(self._store, self._id, state, **changes)

    def _one(self) -> Deployment:
        return self._store.deployments.get(self._id)

    def _deployable(self) -> Deployable:
        if self._target is None:
            self._target = deployable_of(self.order)
        return self._target

    def _fields(self) -> dict[str, object]:
        return {"fields": {"deployment_id": self._id}}


def enter(store: Store, identifier: str, state: DeploymentState, **changes: object) -> Deployment:
    """Enter a state unless nothing is left of it, or it is being removed and this is not its end."""
    entered = False

    def change(one: Deployment) -> Deployment | None:
        nonlocal entered
        if one.state in GONE or one.state == state or (one.state == "deleting" and state not in GONE):
            return None
        entered = True
        ended = {"billed_until": now()} if state in GONE and one.billed_from is not None else {}
        timeline = [*one.timeline, DeploymentMoment(state, now())]
        return msgspec.structs.replace(one, state=state, timeline=timeline, **ended, **changes)

    one = store.deployments.update(identifier, change, carrier=carrier())
    if entered:
        _LOG.info("deployment", extra={"fields": {"deployment_id": identifier, "state": state}})
    return one


def _said(error: TuneGateError) -> DeploymentError:
    return DeploymentError(error.code, error.detail, error.remedy)


def _hours_since(moment: str) -> float:
    seconds = (datetime.fromisoformat(now()) - datetime.fromisoformat(moment)).total_seconds()
    return seconds / _SECONDS_PER_HOUR
