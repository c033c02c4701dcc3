"""Routes of monitors: make, list, remove, and what their runs found."""

from __future__ import annotations

from litestar import Controller, Response, delete, get, post

from service.api.parameters import Limit
from service.api.problems import documented
from service.records.monitor import Monitor, MonitorRun
from service.verbs import monitors
from service.verbs.context import Context
from service.verbs.monitoring.body import MonitorRequest


class Monitors(Controller):
    """Evaluations that are asked for, and data that are read, again and again, and held against a baseline."""

    path = "/monitors"
    tags = ("monitors",)

    @post(sync_to_thread=True, responses=documented(403, 422, 429, 501))
    def create(self, data: MonitorRequest, context: Context) -> Response[Monitor]:
        """Ask for an evaluation, or read data, at every slot of a schedule (UTC), and tell webhooks `drift.detected`.

        Every run asks all rows anew, or stores the data as they are then. Slots that were slept through are made up for
        by one run.
        """
        made = monitors.create(context, data)
        return Response(made, headers={"Location": f"/v1/monitors/{made.id}"})

    @get(sync_to_thread=True, responses=documented(422))
    def list(self, context: Context, cursor: str | None = None, limit: Limit = 100) -> monitors.MonitorList:
        """Monitors of the project, the oldest first."""
        return monitors.list_monitors(context, cursor=cursor, limit=limit)

    @get("/{identifier:str}", sync_to_thread=True, responses=documented(404))
    def show(self, identifier: str, context: Context) -> Monitor:
        """A monitor, and when it is due next."""
        return context.store.monitors.get(identifier)

    @delete("/{identifier:str}", sync_to_thread=True, responses=documented(404))
    def remove(self, identifier: str, context: Context) -> None:
        """Remove a monitor and its runs; the evaluations and records that it asked for stay."""
        monitors.remove(context, identifier)

    @get("/{identifier:str}/runs", sync_to_thread=True, responses=documented(404, 422))
    def runs(
        self, identifier: str, context: Context, cursor: str | None = None, limit: Limit = 100
    ) -> monitors.RunList:
        """Runs of a monitor, the oldest first, without their records."""
        return monitors.runs(context, identifier, cursor=cursor, limit=limit)

    @get("/{identifier:str}/runs/{run:str}", sync_to_thread=True, responses=documented(404))
    def run(self, identifier: str, run: str, context: Context) -> MonitorRun:
        """A run with its drift report, and with what the last decision would be now."""
        return monitors.run(context, identifier, run)
