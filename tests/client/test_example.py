"""The example of docs/client.md, run as it stands against a real service."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from trainable import Quick, add_trainable, few_rows

from service.client import Client

PAGE = Path(__file__).resolve().parents[2] / "docs" / "client.md"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Quick]:
    add_trainable(tmp_path / "home")
    running = Quick(tmp_path / "home")
    yield running
    running.stop()


def test_the_example_runs_from_upload_to_artifact(tmp_path: Path, service: Quick) -> None:
    example = re.search(r"<!-- example -->\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert example is not None
    work = tmp_path / "work"
    work.mkdir()
    few_rows(work)
    done = subprocess.run(
        [sys.executable, "-c", example[1]], cwd=work, env=os.environ | {"TUNEGATE_URL": service.url},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert "end {'state': 'succeeded'}" in lines
    assert lines[-1].startswith("unknown_id ")
    manifest = json.loads((work / "artifact" / "manifest.json").read_text())
    assert manifest["files"]
    for file in manifest["files"]:
        assert hashlib.sha256((work / "artifact" / file["path"]).read_bytes()).hexdigest() == file["sha256"]
    _only_what_is_wrong_is_fetched_again(service, manifest, work / "artifact")


def _only_what_is_wrong_is_fetched_again(service: Quick, manifest: dict[str, object], folder: Path) -> None:
    job = str(manifest["chain"]["job"])  # type: ignore[index]
    whole = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    wrong, gone = (path for path in sorted(whole)[:2])
    content, other = wrong.read_bytes(), gone.read_bytes()
    wrong.write_bytes(content[:-1] + b"?")
    gone.unlink()
    with Client(service.url) as client:
        client.fetch_artifact(job, folder)
        assert [one.id for one in client.jobs()] == [job]
        assert client.manifest(job).id == manifest["id"]
    assert (wrong.read_bytes(), gone.read_bytes()) == (content, other)
    changed = {path for path in whole if path.stat().st_mtime_ns != whole[path]}
    assert changed == {wrong, gone, folder / "manifest.json"}
    assert not list(folder.rglob("*.part"))
