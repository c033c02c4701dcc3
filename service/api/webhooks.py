"""Routes of webhooks: make, list, remove, try, and what became of their messages; the scope admin has them."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, Response, delete, get, post
from litestar.params import Parameter

from service.api.parameters import Limit
from service.api.problems import OF_BODIES, documented
from service.records.webhook import NewWebhook, Webhook, WebhookDelivery
from service.verbs import webhooks
from service.verbs.context import Context

Hours = Annotated[int, Parameter(ge=0, le=168)]


class Webhooks(Controller):
    """Who is told when a job or an evaluation of the project ends."""

    path = "/webhooks"
    tags = ("webhooks",)

    @post(sync_to_thread=True, responses=documented(403, *OF_BODIES, 422))
    def create(self, data: webhooks.WebhookRequest, context: Context) -> Response[NewWebhook]:
        """Tell an address what ends; its secret is in this answer and in no other.

        Messages are signed as the Standard Webhooks specification says, and told at least once. Only addresses that the
        operator lists are told (TUNEGATE_WEBHOOKS).
        """
        made = webhooks.create(context, data)
        return Response(made, headers={"Location": f"/v1/webhooks/{made.id}"})

    @get(sync_to_thread=True, responses=documented(422))
    def list(self, context: Context, cursor: str | None = None, limit: Limit = 100) -> webhooks.WebhookList:
        """Webhooks of the project, the oldest first."""
        return webhooks.list_webhooks(context, cursor=cursor, limit=limit)

    @get("/{identifier:str}", sync_to_thread=True, responses=documented(404))
    def show(self, identifier: str, context: Context) -> Webhook:
        """A webhook, without its secrets."""
        return context.store.webhooks.get(identifier)

    @delete("/{identifier:str}", sync_to_thread=True, responses=documented(404))
    def remove(self, identifier: str, context: Context) -> None:
        """Remove a webhook and what was to be sent to it."""
        webhooks.remove(context, identifier)

    @post("/{identifier:str}/secrets", sync_to_thread=True, responses=documented(404))
    def exchange(self, identifier: str, context: Context, overlap_hours: Hours = 24) -> NewWebhook:
        """One more secret, shown once; the earlier ones sign too until the overlap ends (0: not at all any more)."""
        return webhooks.new_secret(context, identifier, overlap_hours=overlap_hours)

    @post("/{identifier:str}/enable", status_code=200, sync_to_thread=True, responses=documented(404))
    def enable(self, identifier: str, context: Context) -> Webhook:
        """Send to a disabled webhook again; what it missed is in its deliveries."""
        return webhooks.enable(context, identifier)

    @post("/{identifier:str}/ping", status_code=202, sync_to_thread=True, responses=documented(404, 409))
    def ping(self, identifier: str, context: Context) -> WebhookDelivery:
        """Send `webhook.ping`, to see whether it arrives."""
        return webhooks.ping(context, identifier)

    @get("/{identifier:str}/deliveries", sync_to_thread=True, responses=documented(404, 422))
    def deliveries(
        self, identifier: str, context: Context, cursor: str | None = None, limit: Limit = 100
    ) -> webhooks.DeliveryList:
        """Messages to a webhook, the oldest first: states and outcomes, never what was answered."""
        return webhooks.deliveries(context, identifier, cursor=cursor, limit=limit)

    @post(
        "/{identifier:str}/deliveries/{delivery:str}/retry", status_code=202, sync_to_thread=True,
        responses=documented(404, 409),
    )  # fmt: skip
    def retry(self, identifier: str, delivery: str, context: Context) -> WebhookDelivery:
        """Send a message once more, with the same webhook-id."""
        return webhooks.retry(context, identifier, delivery)
