"""The outbox worked off: to the end, again after failures, by one service at a time, whatever receivers do."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
import sqlalchemy as sa
from outbox_work import KEY, QUICK, deliveries, dispatcher, ended_job, hooked, settled, until, worked_off, working
from prometheus_client import REGISTRY
from receiver import GUARD_SECONDS, Receiver

from service.allowed_addresses import AllowedAddress
from service.clock import now
from service.jobs.states import enter
from service.records.evaluation_job import EvaluationError, EvaluationJob, EvaluationMoment
from service.records.synth_job import SynthJob
from service.records.webhook import JobMessage
from service.store.store import Store
from service.webhooks.dispatcher import Dispatcher, Pauses
from service.webhooks.secrets import Secrets
from service.webhooks.sending import Sender


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("tunegate_webhook_tries_total", {"outcome": outcome}) or 0.0


def test_an_end_is_told_to_whoever_wants_it_and_verified_by_others_means(store: Store, receiver: Receiver) -> None:
    wanted, secret = hooked(store, f"{receiver.url}/all")
    hooked(store, f"{receiver.url}/never", events=("evaluation.succeeded",))
    hooked(store, f"{receiver.url}/foreign", project="others")
    before = counted("delivered")
    job = ended_job(store)
    # a second end changes nothing, and so tells nothing
    assert enter(store, job.id, "cancelled").state == "failed"
    (delivery,) = worked_off(store, wanted, receiver)
    (got,) = receiver.got
    assert (got.path, got.headers["content-type"]) == ("/all", "application/json")
    assert got.verified(secret) == got.said
    assert msgspec.json.decode(got.body, type=JobMessage).type == "job.failed"
    assert got.said["data"] == {
        "project": "default", "id": job.id, "plan": job.plan, "state": "failed", "gate": None,
        "error_code": "trainer_died",
    }  # fmt: skip
    assert b"quokkas" not in got.body
    assert (delivery.id, delivery.state, delivery.tries) == (got.message, "delivered", 1)
    assert delivery.last_try is not None
    assert (delivery.last_try.outcome, delivery.last_try.status, delivery.next_try_at) == ("delivered", 204, None)
    assert counted("delivered") == before + 1


def test_the_end_of_an_evaluation_is_told(store: Store, receiver: Receiver) -> None:
    webhook, secret = hooked(store, receiver.url, project="desk")
    job = EvaluationJob(id="e1", request="0" * 64, state="queued", timeline=[EvaluationMoment("queued", now())])
    store.of("desk").evaluations.add(job, None)
    error = EvaluationError("no_answers", "x", "y")
    store.evaluations.update("e1", lambda one: msgspec.structs.replace(one, state="failed", error=error))
    worked_off(store, webhook, receiver)
    said = receiver.got[0].verified(secret)
    assert (said["type"], said["data"]["id"], said["data"]["error_code"]) == ("evaluation.failed", "e1", "no_answers")
    assert (said["data"]["project"], said["data"]["evaluation_id"]) == ("desk", None)


def test_the_end_of_a_synthesis_is_told(store: Store, receiver: Receiver) -> None:
    webhook, secret = hooked(store, receiver.url, events=("synthesis.succeeded",), project="desk")
    job = SynthJob(id="s1", request="0" * 64, state="queued", timeline=[EvaluationMoment("queued", now())])
    store.of("desk").syntheses.add(job, None)
    for state in ("running", "succeeded"):
        changes = {"state": state, "synth_id": "r1"}
        store.syntheses.update("s1", lambda one, changes=changes: msgspec.structs.replace(one, **changes))  # type: ignore[misc]
    worked_off(store, webhook, receiver)
    (got,) = receiver.got
    said = got.verified(secret)
    assert said["type"] == "synthesis.succeeded"
    assert said["data"] == {
        "project": "desk", "id": "s1", "state": "succeeded", "synth_id": "r1", "dataset_id": None, "error_code": None,
    }  # fmt: skip


def test_one_that_is_removed_before_it_ended_is_told_as_cancelled(store: Store, receiver: Receiver) -> None:
    webhook, secret = hooked(store, receiver.url, events=("synthesis.cancelled",), project="desk")
    job = SynthJob(id="s1", request="0" * 64, state="queued", timeline=[EvaluationMoment("queued", now())])
    store.of("desk").syntheses.add(job, None)
    store.of("desk").syntheses.forget("s1")
    worked_off(store, webhook, receiver)
    (got,) = receiver.got
    assert got.verified(secret)["data"]["state"] == "cancelled"


def test_a_receiver_that_fails_is_tried_again_with_the_same_id_and_a_new_signature(
    store: Store, receiver: Receiver
) -> None:
    webhook, secret = hooked(store, f"{receiver.url}/here")
    receiver.answers = [(500, {}), (302, {"Location": f"{receiver.url}/elsewhere"}), (429, {"Retry-After": "1"})]
    ended_job(store)
    # seconds apart, so that each try has a time of its own
    pauses = Pauses(first=1.3, growth=1, longest=2, tries=4)
    (delivery,) = worked_off(store, webhook, receiver, pauses=pauses)
    assert (delivery.state, delivery.tries, len(receiver.got)) == ("delivered", 4, 4)
    first = receiver.got[0]
    assert {(one.message, one.path, one.body) for one in receiver.got} == {(delivery.id, "/here", first.body)}
    for one in receiver.got:
        one.verified(secret)
    times = [int(one.headers["webhook-timestamp"]) for one in receiver.got]
    assert times == sorted(set(times))


def test_what_nobody_takes_is_given_up_and_the_webhook_disabled(store: Store, receiver: Receiver) -> None:
    webhook, _ = hooked(store, receiver.url)
    receiver.decide = lambda _: 503
    ended_job(store)
    (delivery,) = worked_off(store, webhook, receiver)
    assert (delivery.state, delivery.tries, delivery.next_try_at) == ("failed", 4, None)
    assert delivery.last_try is not None
    assert (delivery.last_try.outcome, delivery.last_try.status) == ("server_error", 503)
    found = store.webhooks.get(webhook.id)
    assert (found.state, found.disabled) == ("disabled", "failing")
    ended_job(store)  # nothing more is written for it
    assert len(deliveries(store, webhook)) == 1
    noted = [(one.actor, one.action, one.subject) for one in store.audit.page(after=0, limit=50)]
    assert ("service", "webhook.message_given_up", delivery.id) in noted
    assert ("service", "webhook.disabled", webhook.id) in noted


def test_one_that_took_something_meanwhile_stays(store: Store, receiver: Receiver) -> None:
    webhook, _ = hooked(store, receiver.url)
    bad, _ = ended_job(store), ended_job(store)
    receiver.decide = lambda got: 500 if got.said["data"]["id"] == bad.id else 200
    assert [one.state for one in worked_off(store, webhook, receiver)] == ["failed", "delivered"]
    assert store.webhooks.get(webhook.id).state == "active"


def test_410_ends_it_at_once(store: Store, receiver: Receiver) -> None:
    webhook, _ = hooked(store, receiver.url)
    receiver.answers = [(410, {})]
    ended_job(store)
    ended_job(store)
    found = worked_off(store, webhook, receiver)
    assert len(receiver.got) == 1
    assert [one.last_try.outcome for one in found if one.last_try] == ["gone", "disabled"]
    assert store.webhooks.get(webhook.id).disabled == "gone"


def test_one_that_is_not_there_yet_is_told_once_it_is(store: Store, receiver: Receiver) -> None:
    webhook, secret = hooked(store, receiver.url)
    port = receiver.port
    receiver.stop()
    ended_job(store)

    async def work() -> None:
        async with working(dispatcher(store, receiver, pauses=Pauses(first=0.05, growth=1, tries=1_000))):
            await until(lambda: deliveries(store, webhook)[0].tries)
            assert deliveries(store, webhook)[0].last_try.outcome == "unreachable"  # type: ignore[union-attr]
            later = Receiver(port)
            await until(settled(store, webhook))
            later.got[0].verified(secret)
            later.stop()

    asyncio.run(work())
    receiver._server.socket.close()


def test_a_slow_receiver_holds_up_itself_alone(store: Store, receiver: Receiver) -> None:
    slow = Receiver()
    stuck, _ = hooked(store, slow.url)
    quick, _ = hooked(store, receiver.url)
    slow.open.clear()

    async def work() -> None:
        sender = Sender([AllowedAddress(one.url) for one in (slow, receiver)], seconds=GUARD_SECONDS)
        async with working(Dispatcher(store.outbox, sender, Secrets(KEY), pauses=QUICK, poll=0.02)):
            for _ in range(5):
                await asyncio.to_thread(ended_job, store)
            await until(settled(store, quick))
            await until(lambda: slow.got)
            assert (len(receiver.got), len(slow.got)) == (5, 1)
            assert {one.state for one in deliveries(store, stuck)} == {"pending"}
            slow.open.set()
            await until(settled(store, stuck))

    asyncio.run(work())
    assert len(slow.got) == 5
    slow.stop()


def test_an_answer_that_takes_too_long_is_none(store: Store, receiver: Receiver) -> None:
    webhook, _ = hooked(store, receiver.url)
    receiver.open.clear()
    ended_job(store)

    async def work() -> None:
        sender = Sender([AllowedAddress(receiver.url)], seconds=0.2)
        async with working(Dispatcher(store.outbox, sender, Secrets(KEY), pauses=QUICK, poll=0.02)):
            await until(settled(store, webhook))

    asyncio.run(work())
    (delivery,) = deliveries(store, webhook)
    assert delivery.last_try is not None
    assert (delivery.last_try.outcome, delivery.last_try.status, delivery.tries) == ("timeout", None, 4)


def test_several_services_over_one_database_send_everything_once(store: Store, engine: sa.Engine) -> None:
    receivers = [Receiver() for _ in range(4)]
    hooks = [hooked(store, one.url)[0] for one in receivers]
    for _ in range(10):
        ended_job(store)

    async def work() -> None:
        async with working(*(dispatcher(Store(engine), *receivers) for _ in range(3))):
            for hook in hooks:
                await until(settled(store, hook))

    asyncio.run(work())
    for one, hook in zip(receivers, hooks, strict=True):
        assert sorted(got.message for got in one.got) == sorted(one.id for one in deliveries(store, hook))
        one.stop()


def test_a_claim_of_who_died_ends_and_is_taken_over(store: Store, receiver: Receiver) -> None:
    webhook, _ = hooked(store, receiver.url)
    ended_job(store)
    (dead,) = store.outbox.claim(most=10, seconds=2)
    assert store.outbox.claim(most=10, seconds=2) == []
    (delivery,) = worked_off(store, webhook, receiver)
    assert (delivery.id, delivery.state, delivery.tries) == (dead.id, "delivered", 1)


def test_who_stops_gives_back_what_it_could_not_send(store: Store, receiver: Receiver) -> None:
    hooked(store, receiver.url)
    ended_job(store)
    receiver.open.clear()

    async def work() -> None:
        ours = dispatcher(store, receiver)
        await ours.round()
        await until(lambda: receiver.got)
        await ours.finish(0)

    asyncio.run(work())
    assert len(store.outbox.claim(most=10, seconds=30)) == 1


def test_with_another_key_nothing_is_sent_and_that_is_said(store: Store, receiver: Receiver) -> None:
    webhook, _ = hooked(store, receiver.url)
    ended_job(store)
    found = worked_off(store, webhook, receiver, key=b"another key of thirty-two bytes!")
    assert [one.last_try.outcome for one in found if one.last_try] == ["unsigned"]
    assert receiver.got == []


def test_what_ended_long_ago_is_removed_and_what_waits_is_not(store: Store, receiver: Receiver) -> None:
    webhook, _ = hooked(store, receiver.url)
    ended_job(store)
    worked_off(store, webhook, receiver)
    ended_job(store)
    assert store.outbox.purge("2020-01-01T00:00:00.000Z") == 0
    assert store.outbox.purge("2999-01-01T00:00:00.000Z") == 1
    assert [one.state for one in deliveries(store, webhook)] == ["pending"]
    assert store.outbox.waiting() == 1


def test_the_end_of_a_job_stands_or_falls_with_what_is_told_of_it(store: Store, engine: sa.Engine) -> None:
    webhook, _ = hooked(store, "https://hooks.example.com")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE webhooks SET events = 'no JSON'"))
    with pytest.raises(msgspec.DecodeError):
        ended_job(store)
    ((_, job),) = store.list_jobs(after=0, limit=9)
    assert job.state == "queued"
    assert deliveries(store, webhook) == []


def test_pauses_grow_to_about_a_day() -> None:
    pauses = Pauses()
    every = [pauses.after(tries, None) for tries in range(1, 13)]
    assert every[-1] is None
    assert 15 * 3_600 < sum(one or 0 for one in every) < 27 * 3_600
    assert pauses.after(1, 60.0) == 60.0
    assert pauses.after(1, 10.0**9) == pauses.longest
    assert len({pauses.after(5, None) for _ in range(50)}) > 1
