"""The service over a store of objects: uploads, a job that waits for the store, datasets named by URL."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import slots
from made import everything
from object_stores import KINDS, ObjectStore, Relay
from receiver import Receiver
from working import MARKS, Working, marked, personal_rows

from service.settings import load_settings
from service.storage.bucket import Bucket
from service.storage.storage import Storage
from service.storage_settings import address_of

LIMIT = 1 << 20


class Elsewhere:
    """A service whose storage is reached by a line that can be cut."""

    def __init__(self, store: ObjectStore, folder: Path, receiver: Receiver) -> None:
        self.line = Relay(store.port)
        self.store, self.receiver = store, receiver
        store.create("sources")
        self.settings = {
            "TUNEGATE_STORAGE_URL": store.url(folder.name),
            "TUNEGATE_DATASET_SOURCES": f"{store.url('open', 'sources')} other={store.url('theirs', 'sources')}",
            "TUNEGATE_MAX_BODY_BYTES": str(LIMIT),
            "TUNEGATE_WEBHOOKS": receiver.url,
        } | store.environment(self.line.port)
        self.service = Working(folder / "home", **self.settings)

    def put(self, path: str, content: bytes, folder: Path) -> str:
        """An object among the sources, and its URL."""
        file = folder / "source"
        file.write_bytes(content)
        address = address_of(self.store.url("", "sources"))
        assert address is not None
        Bucket(address).keep(path, file)
        return self.store.url(path, "sources")

    def kept(self) -> list[str]:
        storage = Storage(load_settings({"TUNEGATE_HOME": str(self.service.home)} | self.settings))
        return everything(storage)


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.__name__.lower())
def elsewhere(
    request: pytest.FixtureRequest, running: Callable[[type[ObjectStore]], ObjectStore], tmp_path_factory: Any
) -> Iterator[Elsewhere]:
    store = running(request.param)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in store.environment().items():
            patch.setenv(name, value)
        found = Elsewhere(store, tmp_path_factory.mktemp("elsewhere"), receiver := Receiver())
        yield found
        receiver.stop()
        found.service.stop()
        found.line.cut()


def test_a_job_waits_for_the_store_and_its_artifact_is_there_for_other_machines(elsewhere: Elsewhere) -> None:
    service = elsewhere.service
    dataset = service.upload()["id"]
    assert marked(service.home) == []
    assert elsewhere.kept() == [f"default/datasets/{dataset}.jsonl"]
    job = service.launch(dataset)
    service.until(job, "running")
    elsewhere.line.cut()
    answer = service.http.get("/health/ready")
    assert [one["where"] for one in answer.json()["errors"]] == ["storage"]
    service.once(lambda: "waits for the storage" in service.http.get(f"/v1/jobs/{job}/logs").text, job)
    assert service.job(job)["state"] == "finalizing"
    elsewhere.line.mend()
    service.until(job, "succeeded")
    service.once(lambda: service.http.get("/health/ready").status_code == 200)
    # another machine, or this one after a clean-up
    shutil.rmtree(service.home / "runs" / job)
    manifest = service.http.get(f"/v1/jobs/{job}/manifest").json()
    archive = zipfile.ZipFile(io.BytesIO(service.http.get(f"/v1/jobs/{job}/artifact").content))
    for file in manifest["files"]:
        assert hashlib.sha256(archive.read(file["path"])).hexdigest() == file["sha256"]
    assert service.http.get(f"/v1/jobs/{job}/artifact/plan.json").is_success
    assert service.http.delete(f"/v1/jobs/{job}").status_code == 204
    assert service.http.delete(f"/v1/datasets/{dataset}").status_code == 204
    assert elsewhere.kept() == []
    assert marked(service.home) == []


def test_while_the_store_is_away_an_upload_and_a_removal_are_refused_and_leave_nothing(elsewhere: Elsewhere) -> None:
    service = elsewhere.service
    dataset = service.upload(rows=2)["id"]
    elsewhere.line.cut()
    refused = service.http.post("/v1/datasets", params={"target": "local"}, content=personal_rows(3))
    service.problem(refused, 503, "storage_unreachable")
    service.problem(service.http.delete(f"/v1/datasets/{dataset}"), 503, "storage_unreachable")
    assert marked(service.home) == []
    elsewhere.line.mend()
    assert service.http.delete(f"/v1/datasets/{dataset}").status_code == 204
    assert elsewhere.kept() == []


@pytest.mark.parametrize("packed", [False, True])
def test_a_dataset_named_by_url_is_the_same_as_one_that_is_sent(
    elsewhere: Elsewhere, tmp_path: Path, packed: bool
) -> None:
    service = elsewhere.service
    content = personal_rows(5)
    sent = service.post("/v1/datasets", params={"target": "local"}, content=content)
    body = subprocess.run(["gzip", "-c"], input=content, capture_output=True, check=True).stdout if packed else content
    url = elsewhere.put("open/train.jsonl", body, tmp_path)
    named = service.http.post("/v1/datasets", params={"target": "local", "from": url})
    assert (named.status_code, named.json()) == (201, sent)
    assert service.http.delete(f"/v1/datasets/{sent['id']}").status_code == 204
    again = service.http.post("/v1/datasets", params={"target": "local", "from": url})
    assert again.json()["sha256"] == hashlib.sha256(content).hexdigest()
    assert service.http.delete(f"/v1/datasets/{sent['id']}").status_code == 204
    assert not [mark for mark in MARKS if mark in service.log.read_text()]


def test_data_that_change_where_they_lie_are_told_and_an_outage_is_waited_for(
    elsewhere: Elsewhere, tmp_path: Path
) -> None:
    service, receiver = elsewhere.service, elsewhere.receiver
    database = f"sqlite:///{service.home / 'tunegate.sqlite'}"
    hook = service.post("/v1/webhooks", json={"url": receiver.url, "events": ["drift.detected"]})
    decision = service.post("/v1/decisions", json={"facts": {"gap.kind": "behaviour", "eval.exists": True}})
    data = {"from": elsewhere.put("open/traffic.jsonl", personal_rows(60), tmp_path), "target": "local"}
    body = {"name": "traffic", "schedule": {"every_seconds": 3_600}, "data": data, "decision_id": decision["id"]}
    monitor = service.post("/v1/monitors", json=body)["id"]
    elsewhere.line.cut()
    slots.due(database, monitor)
    service.once(lambda: (found := slots.runs(service.http, monitor)) and found[0]["retries"] > 1)
    (waiting,) = slots.runs(service.http, monitor)
    assert (waiting["state"], waiting["waited_for"]["code"]) == ("queued", "storage_unreachable")
    assert waiting["retry_at"] is not None
    elsewhere.line.mend()
    first = slots.ended(service.http, monitor, 1)
    # it was tried on and on meanwhile, and the words of the last try may be others
    said = (first["verdict"], first["retry_at"], first["waited_for"]["code"])
    assert said == ("baseline", None, "storage_unreachable")
    assert service.http.get(f"/v1/monitors/{monitor}").json()["baseline"] == first["dataset"]
    slots.due(database, monitor)
    same = slots.ended(service.http, monitor, 2)
    assert (same["drift"]["findings"], same["dataset"]) == ([], first["dataset"])
    longer = personal_rows(80).replace(b"Noted, ", b"Noted at length and with many words, ")
    elsewhere.put("open/traffic.jsonl", longer, tmp_path)
    slots.due(database, monitor)
    drifted = slots.ended(service.http, monitor, 3)
    assert (drifted["verdict"], drifted["drift"]["current"]["path"]) == ("drifted", drifted["dataset"])
    assert "DRF-012" in {one["rule"] for one in drifted["drift"]["findings"]}
    changed = {one["name"]: one["after"] for one in drifted["redecision"]["changed"]}
    assert changed["data.rows"] == 80
    service.once(lambda: receiver.got)
    (got,) = receiver.got
    told = got.verified(hook["secret"])["data"]
    assert (told["dataset_id"], told["evaluation_id"], told["run"]) == (drifted["dataset"], None, drifted["id"])
    assert not [mark for mark in MARKS if mark in f"{drifted}{got.body!r}{service.log.read_text()}"]
    assert str(service.home) not in f"{drifted}"
    service.http.delete(f"/v1/webhooks/{hook['id']}")
    receiver.got.clear()
    for dataset in {first["dataset"], drifted["dataset"]}:
        assert service.http.delete(f"/v1/datasets/{dataset}").status_code == 204
    slots.due(database, monitor)
    gone = slots.ended(service.http, monitor, 4)
    assert (gone["state"], gone["error"]["code"]) == ("failed", "unknown_id")
    assert service.http.delete(f"/v1/datasets/{gone['dataset']}").status_code == 204


def test_only_what_lies_below_the_operators_prefixes_can_be_named(elsewhere: Elsewhere, tmp_path: Path) -> None:
    service, store = elsewhere.service, elsewhere.store
    secret = elsewhere.put("secret/train.jsonl", personal_rows(), tmp_path)
    elsewhere.put("theirs/train.jsonl", personal_rows(), tmp_path)
    elsewhere.put("opened/train.jsonl", personal_rows(), tmp_path)
    root = store.url("", "sources")
    for url in (
        secret, root, f"{root}/open", f"{root}/theirs/train.jsonl", f"{root}/opened/train.jsonl", store.url("x"),
        f"{root}/open/../secret/train.jsonl", f"{root}/open/%2e%2e/secret/train.jsonl", f"{root}/open//../secret",
        f"{root}/open/..%2fsecret/train.jsonl", f"{root}/open/./train.jsonl", f"{root}/open/\\..\\secret",
        f"{root}/open/train.jsonl?sig=hush", f"{root}/open/train.jsonl#x", f"user:hush@{root}/open/train.jsonl",
        "http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "gs://sources/open/train.jsonl", "",
        f"{root}/open/train.jsonl\n", root.replace("sources", "SOURCES") + "/open/train.jsonl",
        "abfss://sources@quokkas.org/open/train.jsonl",
    ):  # fmt: skip
        answer = service.http.post("/v1/datasets", params={"target": "local", "from": url})
        refused = service.problem(answer, 422 if url == f"{root}/open" else 403, refused_as(url, root))
        assert refused["remedy"]
        assert "hush" not in answer.text
    assert "hush" not in service.log.read_text()
    missing = service.http.post("/v1/datasets", params={"target": "local", "from": f"{root}/open/nothing.jsonl"})
    service.problem(missing, 422, "source_unreadable")


def refused_as(url: str, root: str) -> str:
    # the prefix itself is allowed, and no object
    return "source_unreadable" if url == f"{root}/open" else "source_not_allowed"


def test_the_limits_of_a_body_hold_for_what_is_named(elsewhere: Elsewhere, tmp_path: Path) -> None:
    service = elsewhere.service
    uploads = service.home / "uploads"
    row = personal_rows(1)
    large = elsewhere.put("open/large.jsonl", row * (LIMIT // len(row) + 1), tmp_path)
    bomb = subprocess.run(["gzip", "-c"], input=b"\n" * 20 * LIMIT, capture_output=True, check=True).stdout
    packed = elsewhere.put("open/bomb.jsonl.gz", bomb, tmp_path)
    for url in (large, packed):
        answer = service.http.post("/v1/datasets", params={"target": "local", "from": url})
        service.problem(answer, 413, "too_large")
    both = service.http.post("/v1/datasets", params={"target": "local", "from": large}, content=row)
    service.problem(both, 422, "invalid_input")
    twice = service.http.post(f"/v1/datasets?target=local&from={large}&from={large}")
    service.problem(twice, 422, "invalid_input")
    packed_row = subprocess.run(["gzip", "-c"], input=row, capture_output=True, check=True).stdout
    damaged = elsewhere.put("open/damaged.jsonl.gz", packed_row[: len(packed_row) // 2], tmp_path)
    answer = service.http.post("/v1/datasets", params={"target": "local", "from": damaged})
    service.problem(answer, 422, "invalid_input")
    assert list(uploads.iterdir()) == []
