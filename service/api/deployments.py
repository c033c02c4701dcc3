"""Routes of deployments: plan, make, look, remove."""

from __future__ import annotations

from litestar import Controller, Response, delete, get, post

from service.api.parameters import Key, Limit
from service.api.problems import documented
from service.records.deployment import Deployment, DeploymentPlan
from service.verbs import deployments
from service.verbs.context import Context


class Deployments(Controller):
    """Tuned models in service on the target that their job ran on."""

    path = "/deployments"
    tags = ("deployments",)

    @post("/plan", status_code=200, sync_to_thread=True, responses=documented(404, 409, 422))
    def plan(self, data: deployments.DeploymentRequest, context: Context) -> DeploymentPlan:
        """What would be made and what it costs an hour; nothing is made or kept."""
        return deployments.plan(context, data)

    @post(status_code=202, responses=documented(404, 409, 422))
    async def create(
        self, data: deployments.DeploymentRequest, context: Context, idempotency_key: Key = None
    ) -> Response[Deployment]:
        """Put a job's model into service, ask it once, and remove it when its time is over.

        The same Idempotency-Key, or the same plan while it stands, gives the same deployment.
        """
        made = await deployments.deploy(context, data, idempotency_key=idempotency_key)
        return Response(made, headers={"Location": f"/v1/deployments/{made.id}"})

    @get(sync_to_thread=True, responses=documented(422))
    def list(self, context: Context, cursor: str | None = None, limit: Limit = 100) -> deployments.DeploymentList:
        """Deployments in the order in which they were asked for."""
        return deployments.list_deployments(context, cursor=cursor, limit=limit)

    @get("/{identifier:str}", sync_to_thread=True, responses=documented(404))
    def show(self, identifier: str, context: Context) -> Deployment:
        """A deployment as it stands, with what it has cost so far."""
        return deployments.deployment(context, identifier)

    @delete("/{identifier:str}", status_code=202, sync_to_thread=True, responses=documented(404))
    def remove(self, identifier: str, context: Context) -> Deployment:
        """Remove all that was made; nothing is left on the target once the state is `deleted` or `failed`."""
        return deployments.undeploy(context, identifier)
