"""A service whose pipeline has another version goes on with jobs in flight: their trainers are adopted, not doubled."""

from __future__ import annotations

from pathlib import Path

from quick_jobs import Noting, violations


def test_running_and_queued_jobs_are_carried_over_and_back(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    first = Noting(home)
    running, queued = first.launch(epochs=40), first.launch()
    first.until(running, "running", steps=2)
    trainer = first.trainer(running)
    assert trainer is not None
    first.kill()
    second = Noting(home, pipeline="another/2")
    again = second.trainer(running)
    assert again is None or again.pid == trainer.pid
    second.until(running, "running", "finalizing", "succeeded", steps=3)
    second.kill()
    third = Noting(home)
    try:
        for job in (running, queued):
            assert third.until(job)["state"] == "succeeded"
            assert violations(third, job, [home], killed=0) == []
    finally:
        third.end()
