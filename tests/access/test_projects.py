"""What two projects have in common, and what the audit log says of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from service.verbs.keys import key_store
from tests.access.conftest import House, new_job, seeded


@pytest.fixture(scope="module")
def house(serve: Callable[..., House]) -> House:
    return serve()


def test_without_a_key_the_service_is_open_and_the_first_key_closes_it(house: House) -> None:
    assert house.client.get("/v1/jobs").status_code == 200
    assert house.client.get("/v1/jobs", headers={"X-API-Key": "one that nobody made"}).status_code == 200
    foreign = {"Origin": "https://evil.quokkas.org", "Content-Type": "application/json"}
    house.refused(house.client.post("/v1/decisions", json={"facts": {}}, headers=foreign), 403, "cross_site")
    odd = foreign | {"Origin": "http://["}
    house.refused(house.client.post("/v1/decisions", json={"facts": {}}, headers=odd), 403, "cross_site")
    same = {"Origin": str(house.client.base_url).rstrip("/")}
    assert house.client.post("/v1/decisions", json={"facts": {}}, headers=same).status_code == 201
    stored = house.client.post("/v1/decisions", json={"facts": {}}).json()["id"]
    secret = house.revoked("default")
    # the last key is gone, and the door stays shut
    house.refused(house.client.get("/v1/jobs"), 401, "unauthorized")
    house.refused(house.ask("GET", "/v1/jobs", secret), 401, "unauthorized")
    # what was stored openly is the default project's
    assert house.ask("GET", f"/v1/decisions/{stored}", house.key("default").secret).status_code == 200
    house.refused(house.ask("GET", f"/v1/decisions/{stored}", house.key("other").secret), 404, "unknown_id")


def test_equal_datasets_of_two_projects_are_removed_one_by_one(house: House) -> None:
    one, two = house.key("one").secret, house.key("two").secret
    made = house.upload(one)["id"]
    assert house.upload(two)["id"] == made
    kept = house.settings.home / "storage"
    one_s, two_s = (kept / name / "datasets" / f"{made}.jsonl" for name in ("one", "two"))
    assert one_s.read_bytes() == two_s.read_bytes()
    assert house.ask("DELETE", f"/v1/datasets/{made}", two).status_code == 204
    house.refused(house.ask("GET", f"/v1/datasets/{made}", two), 404, "unknown_id")
    assert house.ask("GET", f"/v1/datasets/{made}", one).status_code == 200
    assert list(kept.rglob(f"{made}.jsonl")) == [one_s]


def test_an_idempotency_key_is_its_projects(house: House) -> None:
    with key_store(house.settings) as store:
        first = store.of("one").add_job(new_job("first"), "same")
        again = store.of("one").add_job(new_job("second"), "same")
        other = store.of("two").add_job(new_job("third"), "same")
    assert [(job.id, new) for job, new in (first, again, other)] == [
        ("first", True), ("first", False), ("third", True),
    ]  # fmt: skip


def test_the_log_says_who_did_what_and_is_the_projects(house: House) -> None:
    key = house.key("logged", "read", "write", "launch")
    admin = house.key("logged", "admin").secret
    ids = seeded(house, "logged", key.secret)
    house.ask("DELETE", f"/v1/datasets/{ids['datasets']}", key.secret)
    house.ask("POST", f"/v1/jobs/{ids['jobs']}/cancel", key.secret)
    seen = house.ask("GET", "/v1/audit", admin).json()["items"]
    assert [(one["actor"], one["action"]) for one in seen] == [
        ("cli", "key.created"), ("cli", "key.created"), ("tests", "webhook.created"),
        ("tests", "monitor.created"), ("test", "deployment.created"),
        (f"key:{key.key.id}", "dataset.deleted"), (f"key:{key.key.id}", "job.cancelled"),
    ]  # fmt: skip
    assert {one["project"] for one in seen} == {"logged"}
    assert key.secret not in str(seen)
    first = house.ask("GET", "/v1/audit", admin, params={"limit": 1}).json()
    rest = house.ask("GET", "/v1/audit", admin, params={"cursor": first["next"]}).json()
    assert first["items"] + rest["items"] == seen


def test_a_removal_that_is_cut_off_is_in_the_log(house: House) -> None:
    key, admin = house.key("cut-off"), house.key("cut-off", "admin").secret
    made = seeded(house, "cut-off", key.secret)["evaluations"]
    folder = house.settings.evaluations / made
    folder.parent.mkdir(exist_ok=True)
    folder.write_bytes(b"a file where a folder should be")
    assert house.ask("DELETE", f"/v1/evaluations/{made}", key.secret).status_code >= 400
    folder.unlink()
    seen = house.ask("GET", "/v1/audit", admin).json()["items"][-1]
    assert (seen["actor"], seen["action"], seen["subject"]) == (f"key:{key.key.id}", "evaluation.deleted", made)
    assert house.ask("DELETE", f"/v1/evaluations/{made}", key.secret).status_code == 204


def test_the_log_only_grows(house: House) -> None:
    for statement in ("DELETE FROM audit", "UPDATE audit SET actor = 'nobody'"):
        with pytest.raises(sa.exc.DBAPIError, match="only grows"):
            house.sql(statement)


def test_no_secret_is_in_the_database(house: House) -> None:
    secret = house.key("hidden").secret
    assert house.ask("GET", "/v1/jobs", secret).status_code == 200
    kept = b"".join(path.read_bytes() for path in house.settings.home.glob("tunegate.sqlite*"))
    assert secret.split("_")[1].encode() in kept
    assert secret.encode() not in kept
    assert secret[-43:].encode() not in kept
