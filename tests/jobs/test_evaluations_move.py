"""Evaluations and syntheses whose service is lost with its folder are begun anew by another, of what is kept."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa
from postgres_server import Postgres
from quick_jobs import Noting, processes_of, until
from scripted_endpoint import Endpoint, Said, chat

from tests.synth.conftest import good, passage_of

ROWS, ANSWERED = 12, 5
DOCUMENT = "Every question is answered at the quokka desk."


def test_both_are_carried_out_by_another_service_with_their_documents(tmp_path: Path, postgres: Postgres) -> None:
    name = f"d{os.urandom(6).hex()}"
    postgres.create(name)
    go_on = threading.Event()

    def rule(body: dict[str, Any], number: int) -> Said:
        # the endpoint hears nobody else while a rule waits
        if not go_on.is_set() and (_writes(body) or len(_of_rows(endpoint)) > ANSWERED):
            return Said(hang=True)
        return good(body, number) if _writes(body) else Said(text="yes")

    services: dict[str, Noting] = {}
    with Endpoint(rule) as endpoint:
        settings = {
            "TUNEGATE_DATABASE_URL": postgres.address(name, "+psycopg"),
            "TUNEGATE_STORAGE_URL": (tmp_path / "storage").as_uri(),
            "TUNEGATE_EXECUTOR_SILENCE_SECONDS": "3",
            "TUNEGATE_ENDPOINTS": endpoint.url,
        }

        def serve(one: str) -> Noting:
            (tmp_path / one).mkdir()
            services[one] = Noting(tmp_path / one, **settings, TUNEGATE_EXECUTOR=one)
            return services[one]

        try:
            lost = serve("lost")
            identifier = lost.http.post("/v1/evaluations", json=_body(lost, endpoint)).json()["id"]
            written = lost.http.post("/v1/synth", json=_synth(endpoint)).json()["id"]
            until(lambda: len(_of_rows(endpoint)) > ANSWERED and len(endpoint.bodies) > len(_of_rows(endpoint)))
            lost.kill()
            for process in _of(tmp_path / "lost"):
                process.kill()
            shutil.rmtree(tmp_path / "lost")
            before = len(_of_rows(endpoint))
            go_on.set()
            other = serve("other")
            shown = until(lambda: (one := _shown(other, identifier))["state"] not in {"queued", "running"} and one)
            assert shown["state"] == "succeeded", shown
            assert shown["progress"] == {"asked": ROWS, "answered": ROWS, "total": ROWS}
            # what was answered in the lost folder was asked again, and nothing twice beyond that
            assert len(_of_rows(endpoint)) - before == ROWS
            assert all(DOCUMENT in json.dumps(one) for one in endpoint.bodies)
            made = until(lambda: (one := _shown(other, written, "synth"))["state"] not in {"queued", "running"} and one)
            assert made["synth"]["output"]["rows"] == 1, made
            # the questions and documents were in the database only as long as it was open
            engine = sa.create_engine(postgres.address(name, "+psycopg"), poolclass=sa.NullPool)
            with engine.connect() as connection:
                assert connection.execute(sa.text("SELECT count(*) FROM runs")).scalar_one() == 0
        finally:
            go_on.set()
            for one in services.values():
                if one.process.poll() is None:
                    one.kill()
            for home in tmp_path.iterdir():
                for left in [*processes_of(home), *_of(home)]:
                    left.kill()


def _body(service: Noting, endpoint: Endpoint) -> dict[str, Any]:
    lines = "".join(json.dumps(chat(f"question {n}", "yes")) + "\n" for n in range(ROWS))
    dataset = service.http.post("/v1/datasets", params={"target": "local", "privacy": "off"}, content=lines).json()[
        "id"
    ]
    model = {"id": "m", "name": "m", "endpoint": endpoint.url, "backoff_s": 0.001, "concurrency": 1}
    variant = {"id": "rag", "retrieval": {"top_k": 1}}
    documents = [{"name": "desk.txt", "text": DOCUMENT}]
    return {"dataset_id": dataset, "models": [model], "variants": [variant], "documents": documents}


def _synth(endpoint: Endpoint) -> dict[str, Any]:
    model = {"name": "m", "endpoint": endpoint.url, "backoff_s": 0.001}
    documents = [{"name": "desk.txt", "text": DOCUMENT}]
    return {"kind": "coverage", "documents": documents, "model": model, "target": "local", "rows": 1}


def _writes(body: dict[str, Any]) -> bool:
    """Whether a request is of a synthesis."""
    return bool(passage_of(body))


def _of_rows(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [one for one in endpoint.bodies if not _writes(one)]


def _shown(service: Noting, identifier: str, kind: str = "evaluations") -> Any:
    return service.http.get(f"/v1/{kind}/{identifier}").json()


def _of(home: Path) -> list[psutil.Process]:
    """Processes that evaluate or write below a data folder."""
    found = psutil.process_iter(["cmdline"])
    kinds = [str(home / kind) for kind in ("evaluations", "syntheses")]
    return [one for one in found if any(kind in " ".join(one.info["cmdline"] or []) for kind in kinds)]
