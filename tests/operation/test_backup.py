"""A backup of a service that works, restored elsewhere by the documented commands, has everything it had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from backing_up import Load, carried_out, datasets_of, every_dataset_has_its_bytes, everything_is_there


def test_a_backup_under_load_restores_to_a_service_with_all_of_it(serve: Callable[..., Any], tmp_path: Path) -> None:
    first = serve(tmp_path / "first")
    load = Load(first.url)
    try:
        first.until(lambda: len(load.stored) >= 10)
        before = list(load.stored)
        backup = tmp_path / "backup"
        carried_out("backup", HOME_FOLDER=first.home, BACKUP=backup)
        at_end = len(load.stored)
        first.until(lambda: len(load.stored) > at_end)
    finally:
        load.stop()
    assert first.stop() == 0
    assert sorted(path.name for path in backup.iterdir()) == ["files.tar", "jobs.sqlite", "tunegate.sqlite"]
    carried_out("restore", BACKUP=backup, NEW_HOME=tmp_path / "second")
    second = serve(tmp_path / "second")
    second.ready()
    everything_is_there(second, before)
    known = datasets_of(second, load)
    assert len(before) // 2 <= every_dataset_has_its_bytes(second.home, known) < len(load.stored)
    # and it works: what is stored anew is kept beside the rest
    again = Load(second.url)
    second.until(lambda: len(again.stored) >= 2)
    again.stop()
    everything_is_there(second, again.stored)
