"""What is kept comes back byte for byte, to its own project alone, and is gone once it is removed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from made import MIB, everything, file_of, run_of

from service.errors import TuneGateError
from service.records.manifest import MANIFEST
from service.storage.storage import Storage


def code_of(raised: pytest.ExceptionInfo[TuneGateError]) -> str:
    return raised.value.code


@pytest.mark.parametrize("size", [0, 1, 20 * MIB + 3])
def test_a_dataset_comes_back_as_it_was(storage: Storage, tmp_path: Path, size: int) -> None:
    path, sha256, identifier = file_of(tmp_path, size)
    files = storage.of("desk")
    assert not files.has_dataset(identifier)
    files.keep_dataset(identifier, path)
    content = path.read_bytes()
    path.unlink()
    assert files.has_dataset(identifier)
    found = files.dataset(identifier, sha256=sha256, size=size)
    assert (found.read_bytes(), found.name) == (content, f"{identifier}.jsonl")
    assert found.parent == files.datasets
    # kept twice is kept once
    again = tmp_path / "again"
    again.write_bytes(content)
    files.keep_dataset(identifier, again)
    assert files.dataset(identifier, sha256=sha256, size=size).read_bytes() == content
    files.remove_dataset(identifier)
    assert not files.has_dataset(identifier)
    assert not found.exists()
    files.remove_dataset(identifier)
    with pytest.raises(TuneGateError) as raised:
        files.dataset(identifier, sha256=sha256, size=size)
    assert code_of(raised) == "storage_missing"


def test_no_project_reaches_what_is_anothers(storage: Storage, tmp_path: Path) -> None:
    path, sha256, identifier = file_of(tmp_path)
    job, _ = run_of(storage.runs)
    own, other = storage.of("desk"), storage.of("other")
    own.keep_dataset(identifier, path)
    own.keep_artifact(job)
    assert not other.has_dataset(identifier)
    with pytest.raises(TuneGateError):
        other.dataset(identifier, sha256=sha256, size=100)
    other.remove_dataset(identifier)
    assert own.has_dataset(identifier)
    assert own.dataset(identifier, sha256=sha256, size=100)
    for name in ("", ".", "..", "desk/..", "Desk", "a" * 64, "desk\n"):
        with pytest.raises(TuneGateError) as raised:
            storage.of(name).has_dataset(identifier)
        assert code_of(raised) == "unknown_id"
    for name in (
        "",
        "..",
        f"../../other/datasets/{identifier}",
        identifier.upper(),
        f"{identifier}\n",
        f"{identifier}/",
    ):
        with pytest.raises(TuneGateError) as raised:
            own.dataset(name, sha256=sha256, size=100)
        assert code_of(raised) == "unknown_id"
        with pytest.raises(TuneGateError):
            own.artifact(name)
        with pytest.raises(TuneGateError):
            own.remove_artifact(name)


def test_a_run_folder_comes_back_whole_on_another_machine(storage: Storage, tmp_path: Path) -> None:
    job, manifest = run_of(storage.runs, 9 * MIB)
    out, files = storage.runs / job, storage.of("desk")
    content = {file.path: (out / file.path).read_bytes() for file in manifest.files}
    files.keep_artifact(job)
    assert files.artifact(job) == out
    shutil.rmtree(out)
    assert files.artifact(job) == out
    assert {path: (out / path).read_bytes() for path in content} == content
    assert (out / MANIFEST).is_file()
    files.remove_artifact(job)
    assert not out.exists()
    with pytest.raises(TuneGateError) as raised:
        files.artifact(job)
    assert code_of(raised) == "storage_missing"
    assert everything(storage) == []


def test_half_of_a_run_is_never_seen(storage: Storage) -> None:
    job, manifest = run_of(storage.runs)
    out, files = storage.runs / job, storage.of("desk")
    # a file that goes before it is kept, as a full disk or a kill between two files would leave it
    (out / manifest.files[-1].path).unlink()
    with pytest.raises((TuneGateError, OSError)):
        files.keep_artifact(job)
    shutil.rmtree(out)
    with pytest.raises(TuneGateError) as raised:
        files.artifact(job)
    assert code_of(raised) == "storage_missing"
    assert not out.exists()
    files.remove_artifact(job)
    assert everything(storage) == []


def test_a_folder_on_the_same_disk_has_nothing_twice(storage: Storage, tmp_path: Path) -> None:
    path, sha256, identifier = file_of(tmp_path)
    job, manifest = run_of(storage.runs)
    files = storage.of("desk")
    files.keep_dataset(identifier, path)
    files.keep_artifact(job)
    found = files.dataset(identifier, sha256=sha256, size=100)
    kept = storage.backend.local(f"desk/artifacts/{job}/{manifest.id}/{manifest.files[0].path}")
    assert found.samefile(path) == (kept is not None)
    if kept is not None:
        assert kept.samefile(storage.runs / job / manifest.files[0].path)
        shutil.rmtree(storage.runs / job)
        assert (files.artifact(job) / manifest.files[0].path).samefile(kept)


def test_what_was_changed_behind_our_back_is_not_given_out(storage: Storage, tmp_path: Path) -> None:
    path, sha256, identifier = file_of(tmp_path)
    job, manifest = run_of(storage.runs)
    files = storage.of("desk")
    files.keep_dataset(identifier, path)
    files.keep_artifact(job)
    shutil.rmtree(storage.runs / job)
    other = tmp_path / "other"
    other.write_bytes(os.urandom(100))
    storage.backend.keep(f"desk/datasets/{identifier}.jsonl", other)
    storage.backend.keep(f"desk/artifacts/{job}/{manifest.id}/{manifest.files[0].path}", other)
    for ask in (lambda: files.dataset(identifier, sha256=sha256, size=100), lambda: files.artifact(job)):
        with pytest.raises(TuneGateError) as raised:
            ask()
        assert code_of(raised) == "storage_corrupt"
    assert not (storage.runs / job).exists()
    assert not list(storage.runs.glob(".*"))
    # a manifest whose words are not its id's
    storage.backend.keep(f"desk/artifacts/{job}/{manifest.id}/{manifest.files[0].path}", path)
    text = tmp_path / "manifest.json"
    text.write_text(b"".join(storage.backend.read(f"desk/artifacts/{job}/{MANIFEST}")).decode().replace("plan", "card"))
    storage.backend.keep(f"desk/artifacts/{job}/{MANIFEST}", text)
    with pytest.raises(TuneGateError) as raised:
        files.artifact(job)
    assert code_of(raised) == "storage_corrupt"


def test_a_manifest_cannot_name_what_lies_outside(storage: Storage, tmp_path: Path) -> None:
    import msgspec

    from service.records.identity import record_id

    job, manifest = run_of(storage.runs)
    files = storage.of("desk")
    files.keep_artifact(job)
    (out := storage.runs / job / MANIFEST).unlink()
    for evil in ("../../../other/datasets/x", "/etc/passwd", "a/../../b", "..\\..\\x"):
        named = [msgspec.structs.replace(manifest.files[0], path=evil)]
        made = msgspec.structs.replace(manifest, files=named)
        made = msgspec.structs.replace(made, id=record_id(made))
        written = tmp_path / "evil.json"
        written.write_bytes(msgspec.json.encode(made))
        storage.backend.keep(f"desk/artifacts/{job}/{MANIFEST}", written)
        with pytest.raises(TuneGateError) as raised:
            files.artifact(job)
        assert code_of(raised) == "artifact_corrupt"
        assert not out.exists()
