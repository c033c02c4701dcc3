"""Webhooks over HTTP: made where the operator allows it, shown without secrets, tried, paged, sent once more."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from receiver import Receiver, until
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from service.errors import TuneGateError
from service.settings import load_settings
from service.verbs.webhooks import MOST_WAITING, MOST_WEBHOOKS
from service.webhooks.secrets import Secrets, secrets_of
from tests.access.conftest import House


class Desk:
    """A project of its own for each test, on the one service of the module."""

    def __init__(self, house: House, project: str, receiver: Receiver) -> None:
        self.house, self.receiver, self.settings, self.project = house, receiver, house.settings, project
        self.secret = house.key(project, "admin").secret
        self.refused, self.sql = house.refused, house.sql

    def ask(self, method: str, path: str, **more: Any) -> Any:
        return self.house.ask(method, path, self.secret, **more)

    def get(self, path: str, **more: Any) -> Any:
        return self.ask("GET", path, **more)

    def post(self, path: str, **more: Any) -> Any:
        return self.ask("POST", path, **more)

    def made(self, **body: Any) -> Any:
        url = f"{self.receiver.url}/hooks/one?token=t0ken"
        answer = self.post("/v1/webhooks", json={"url": url} | body)
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"] == f"/v1/webhooks/{answer.json()['id']}"
        return answer.json()

    def arrived(self, path: str) -> Any:
        """The last delivery that has ended, once there is one."""
        return until(lambda: [one for one in self.get(path).json()["items"] if one["state"] != "pending"])[-1]


@pytest.fixture(scope="module")
def listening() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def house(serve: Callable[..., House], listening: Receiver) -> House:
    return serve(TUNEGATE_WEBHOOKS=f"{listening.url}/hooks, https://hooks.example.com/a")


@pytest.fixture
def receiver(listening: Receiver) -> Iterator[Receiver]:
    listening.got.clear()
    yield listening
    listening.answers.clear()
    listening.open.set()


@pytest.fixture
def desk(house: House, receiver: Receiver, request: pytest.FixtureRequest) -> Desk:
    return Desk(house, request.node.originalname.replace("_", "-")[:60], receiver)


def test_a_webhook_is_made_shown_pinged_and_removed(desk: Desk, receiver: Receiver) -> None:
    new = desk.made(events=["job.failed", "job.succeeded"])
    assert (new["state"], new["events"]) == ("active", ["job.succeeded", "job.failed"])
    path = f"/v1/webhooks/{new['id']}"
    shown = desk.get(path).json()
    assert shown == {name: value for name, value in new.items() if name != "secret"}
    assert desk.get("/v1/webhooks").json() == {"items": [shown], "next": None}
    ping = desk.post(f"{path}/ping")
    assert (ping.status_code, ping.json()["state"], ping.json()["tries"]) == (202, "pending", 0)
    found = desk.arrived(f"{path}/deliveries")
    assert (found["id"], found["type"], found["state"]) == (ping.json()["id"], "webhook.ping", "delivered")
    (got,) = receiver.got
    assert (got.path, got.message) == ("/hooks/one?token=t0ken", found["id"])
    assert got.verified(new["secret"])["data"] == {"project": desk.project, "webhook": new["id"]}
    again = desk.post(f"{path}/deliveries/{found['id']}/retry")
    assert (again.status_code, again.json()["state"]) == (202, "pending")
    assert receiver.until(2)[1].message == found["id"]
    assert desk.ask("DELETE", path).status_code == 204
    desk.refused(desk.get(path), 404, "unknown_id")
    desk.refused(desk.ask("DELETE", path), 404, "unknown_id")
    assert desk.get("/v1/webhooks").json()["items"] == []
    noted = [one["action"] for one in desk.get("/v1/audit").json()["items"]]
    assert noted == ["key.created", "webhook.created", "webhook.deleted"]


def test_neither_database_nor_log_nor_audit_hold_a_secret(desk: Desk, receiver: Receiver) -> None:
    new = desk.made()
    desk.post(f"/v1/webhooks/{new['id']}/ping")
    receiver.until(1)
    key = desk.settings.home / "webhook.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    secret = new["secret"].removeprefix("whsec_")
    for path in desk.settings.home.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes()
    assert "t0ken" not in desk.get("/v1/audit").text
    assert "t0ken" not in desk.get("/metrics").text
    assert "webhook_messages_waiting" in desk.get("/metrics").text


def test_secrets_are_exchanged_without_a_gap(desk: Desk, receiver: Receiver) -> None:
    first = desk.made()
    path = f"/v1/webhooks/{first['id']}"
    second = desk.post(f"{path}/secrets").json()
    assert second["secret"] != first["secret"]
    assert [one["expires_at"] is None for one in second["secrets"]] == [False, True]
    desk.post(f"{path}/ping")
    (got,) = receiver.until(1)
    got.verified(first["secret"])
    got.verified(second["secret"])
    third = desk.post(f"{path}/secrets", params={"overlap_hours": 0}).json()
    assert len(third["secrets"]) == 1
    desk.post(f"{path}/ping")
    got = receiver.until(2)[1]
    got.verified(third["secret"])
    for old in (first, second):
        with pytest.raises(WebhookVerificationError):
            Webhook(old["secret"]).verify(got.body, got.headers)


def test_what_the_operator_does_not_list_is_refused_with_the_remedy(desk: Desk, receiver: Receiver) -> None:
    for url in (f"{receiver.url}/other", "https://hooks.example.com", "https://evil.example/a"):
        body = desk.refused(desk.post("/v1/webhooks", json={"url": url}), 403, "endpoint_not_allowed")
        assert "TUNEGATE_WEBHOOKS" in body["remedy"]
        assert f"{receiver.url}/hooks" in body["errors"][0]["allowed"]
    for url in (
        "http://hooks.example.com/a", "ftp://hooks.example.com/a", "x", "https://u:p@hooks.example.com/a",
        "https://hooks.example.com/a#b", "https://hooks.example.com:99999/a",
    ):  # fmt: skip
        body = desk.refused(desk.post("/v1/webhooks", json={"url": url}), 422, "invalid_input")
        assert body["errors"][0]["where"] == "url"
        assert url not in json.dumps(body["errors"]).replace('"x"', "")


def test_a_body_that_does_not_fit_is_refused(desk: Desk) -> None:
    fine = "https://hooks.example.com/a"
    for body in ({}, {"url": 3}, {"url": fine, "events": []}, {"url": fine, "events": ["x"]}, {"url": fine, "n": 1}):
        desk.refused(desk.post("/v1/webhooks", json=body), 400, "invalid_input")
    new = desk.made()
    for hours in (-1, 169, "x"):
        answer = desk.post(f"/v1/webhooks/{new['id']}/secrets", params={"overlap_hours": hours})
        desk.refused(answer, 400, "invalid_input")


def test_a_project_has_a_bounded_number_and_sees_its_own(desk: Desk, receiver: Receiver) -> None:
    theirs = Desk(desk.house, "theirs", receiver)
    new, *_ = [desk.made() for _ in range(MOST_WEBHOOKS)]
    more = desk.post("/v1/webhooks", json={"url": f"{receiver.url}/hooks"})
    assert desk.refused(more, 429, "quota_exceeded")["remedy"]
    assert more.headers["retry-after"] == "60"
    theirs.made()
    assert len(theirs.get("/v1/webhooks").json()["items"]) == 1
    first = desk.get("/v1/webhooks", params={"limit": 15}).json()
    rest = desk.get("/v1/webhooks", params={"limit": 15, "cursor": first["next"]}).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (15, MOST_WEBHOOKS - 15, None)
    desk.refused(desk.get("/v1/webhooks", params={"cursor": "x"}), 422, "invalid_input")
    desk.refused(theirs.post(f"/v1/webhooks/{new['id']}/ping"), 404, "unknown_id")


def test_a_disabled_one_is_enabled_again(desk: Desk, receiver: Receiver) -> None:
    new = desk.made()
    path = f"/v1/webhooks/{new['id']}"
    receiver.answers = [(410, {})]
    desk.post(f"{path}/ping")
    lost = desk.arrived(f"{path}/deliveries")
    assert (lost["state"], lost["last_try"]["outcome"], lost["last_try"]["status"]) == ("failed", "gone", 410)
    found = until(lambda: (one := desk.get(path).json())["disabled"] and one)
    assert (found["state"], found["disabled"]) == ("disabled", "gone")
    for what in ("ping", f"deliveries/{lost['id']}/retry"):
        body = desk.refused(desk.post(f"{path}/{what}"), 409, "webhook_disabled")
        assert "/enable" in body["remedy"]
    assert desk.post(f"{path}/enable").json()["state"] == "active"
    assert desk.post(f"{path}/deliveries/{lost['id']}/retry").json()["tries"] == 0
    assert receiver.until(2)[1].message == lost["id"]


def test_messages_that_wait_are_bounded_and_paged(desk: Desk, receiver: Receiver) -> None:
    new = desk.made()
    path = f"/v1/webhooks/{new['id']}"
    receiver.open.clear()
    for _ in range(5):
        desk.post(f"{path}/ping")
    page = desk.get(f"{path}/deliveries", params={"limit": 3}).json()
    rest = desk.get(f"{path}/deliveries", params={"limit": 3, "cursor": page["next"]}).json()
    assert (len(page["items"]), len(rest["items"]), rest["next"]) == (3, 2, None)
    assert len({one["id"] for one in page["items"] + rest["items"]}) == 5
    columns = "id, webhook_id, type, body, state, tries, created_at, due_at"
    for n in range(MOST_WAITING - 5):
        desk.sql(
            f"INSERT INTO outbox ({columns}) VALUES (:id, :hook, 'webhook.ping', '{{}}', 'pending', 0, 'x', '9')",
            id=f"m{n}", hook=new["id"],
        )  # fmt: skip
    desk.refused(desk.post(f"{path}/ping"), 429, "quota_exceeded")
    desk.refused(desk.post(f"{path}/deliveries/nothing/retry"), 404, "unknown_id")


@pytest.mark.parametrize("listed", ["http://hooks.example.com", "https://a.example?x=1", "https://u@a.example", "x"])
def test_a_listed_address_must_be_a_trusted_one(listed: str) -> None:
    with pytest.raises(TuneGateError) as raised:
        load_settings({"TUNEGATE_WEBHOOKS": f"https://fine.example {listed}"})
    assert [one.where for one in raised.value.errors] == ["TUNEGATE_WEBHOOKS: entry 2"]


def test_the_key_may_stand_in_a_file_and_must_be_long_enough(tmp_path: Path) -> None:
    file = tmp_path / "key"
    for content in (None, b"short\n"):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(TuneGateError) as raised:
            secrets_of(tmp_path, file)
        assert (raised.value.code, "openssl rand" in raised.value.remedy) == ("environment", True)
    file.write_bytes(b"0123456789abcdef0123456789abcdef\n")
    kept = secrets_of(tmp_path, file).new()
    secret = secrets_of(tmp_path / "another-service", file).of("w", kept)
    assert secret is not None
    assert secret != secrets_of(tmp_path, file).of("other", kept)
    assert Secrets(bytes(32)).of("w", kept) is None
    with pytest.raises(TuneGateError, match=r"webhook\.key"):
        secrets_of(file, None)
