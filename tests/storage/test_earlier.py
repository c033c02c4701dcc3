"""Datasets of an earlier version are where they belong after the first start."""

from __future__ import annotations

from pathlib import Path

from made import everything, file_of

from service.storage.earlier import leave, take_over
from service.storage.storage import Storage


def test_every_dataset_is_taken_over_once(storage: Storage, tmp_path: Path) -> None:
    home = tmp_path / "home"
    path, sha256, identifier = file_of(tmp_path)
    other, other_sha256, other_id = file_of(tmp_path)
    for file, place in ((path, f"{identifier}.jsonl"), (other, f"desk/{other_id}.jsonl")):
        (home / "datasets" / place).parent.mkdir(parents=True, exist_ok=True)
        file.rename(home / "datasets" / place)
    taken = take_over(storage, home)
    # until the folder is held, whoever holds it has everything
    assert all(one.is_file() for one in taken)
    leave(taken, home)
    assert not (home / "datasets").exists()
    assert everything(storage) == sorted([f"default/datasets/{identifier}.jsonl", f"desk/datasets/{other_id}.jsonl"])
    assert storage.of("default").dataset(identifier, sha256=sha256, size=100)
    assert storage.of("desk").dataset(other_id, sha256=other_sha256, size=100)
    leave(take_over(storage, home), home)
