"""What goes wrong between here and Azure OpenAI: no job is lost, none is paid twice, and states say what is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import SECRET

from service.errors import TuneGateError
from service.jobs import remote
from service.jobs.states import enter
from service.launch.targets.registry import target_of
from tests.azure_openai.conftest import ROW, OpenAi, Quick, until
from tests.azure_openai.service import METRICS

CREATED = r"POST .*/fine_tuning/jobs\?"
POLLED = r"GET .*/fine_tuning/jobs/ftjob-[0-9a-f]+\?"
UPLOADED = r"POST .*/files\?"


@pytest.fixture(autouse=True)
def _led_there(openai: OpenAi, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """By an identity, as in Azure; the key's way is test_whole_way's."""
    monkeypatch.delenv("AZURE_OPENAI_API_KEY", raising=False)
    for name, value in openai.environment.items():
        monkeypatch.setenv(name, value)
    yield
    assert openai.unhandled == []
    assert openai.account.wrong == []


@pytest.fixture
def quick(tmp_path: Path) -> Quick:
    return Quick(tmp_path / "quick")


@pytest.mark.parametrize(
    ("pattern", "how", "times"),
    [
        (r"login\.microsoftonline\.com.*/token", "cut", 3),
        (UPLOADED, "cut", 2),
        (UPLOADED, "lost", 1),
        (UPLOADED, 503, 2),
        (UPLOADED, 401, 1),
        (r"GET .*/files\?", 500, 2),
        (r"GET .*/files/file-", "cut", 2),
        (CREATED, "cut", 2),
        (CREATED, "lost", 1),
        (CREATED, 429, 2),
        (CREATED, 500, 2),
        (CREATED, 401, 1),
        (POLLED, 429, 2),
        (POLLED, "cut", 4),
        (POLLED, 401, 1),
        (r"GET .*/events", 503, 2),
    ],
)
def test_what_passes_is_waited_out_and_one_job_is_paid(
    openai: OpenAi, quick: Quick, pattern: str, how: str | int, times: int
) -> None:
    fault = openai.fail(pattern, how, times, Retry_After="0")  # type: ignore[arg-type]
    assert quick.follow(), (quick.job, quick.said)
    assert fault.met == times
    assert openai.job["metadata"]["tunegate_request"] == quick.plan.request_sha256
    assert quick.job.state == "finalizing"
    [rows] = [one for one in openai.account.files.values() if one["purpose"] == "fine-tune"]
    assert rows["filename"] == f"tg-{quick.plan.request_sha256}.jsonl"


def test_a_job_that_is_made_and_kept_is_told_as_it_goes(openai: OpenAi, quick: Quick) -> None:
    openai.account.hold = "running"
    following = quick.in_background()
    until(lambda: quick.job.state == "running" and quick.job.cost is not None)
    assert quick.job.remote is not None
    assert quick.job.remote.name == openai.job["id"]
    # 30,000 tokens x 2 epochs x 2 USD per million, half of the steps are done
    assert quick.job.cost == pytest.approx(0.06)
    openai.account._say(openai.job, f"Line 3 of the file says: {ROW}")
    openai.account.hold = None
    following.join(90)
    quick.fetch()
    said = [one.get("message") for one in quick.said]
    assert "Training started." in said
    assert "a message of level info, not repeated: it may quote rows" in said
    kept = (quick.folder / "tunegate.sqlite").read_bytes() + (quick.out / "hosted-model.json").read_bytes()
    assert not [secret for secret in (SECRET, ROW) if secret.encode() in kept]
    assert (quick.out / "metrics" / "results.csv").read_text().splitlines()[0] == METRICS.splitlines()[0]
    assert quick.job.hosted is not None
    assert quick.job.hosted.model == openai.job["fine_tuned_model"]


def test_events_are_numbered_the_same_after_a_restart(openai: OpenAi, quick: Quick) -> None:
    assert quick.follow(), (quick.job, quick.said)
    ref = target_of(quick.plan).find(quick.plan)
    assert ref is not None
    again = target_of(quick.plan).progress(ref, after=0)
    assert [one.n for one in again] == list(range(1, len(again) + 1))
    assert [one.n for one in target_of(quick.plan).progress(ref, after=3)] == [one.n for one in again[3:]]
    assert [one.step for one in again if one.step is not None] == [1, 5, 10]


def test_a_job_that_was_made_before_its_answer_was_kept_is_found_again(openai: OpenAi, quick: Quick) -> None:
    """As after kill -9 between the remote create and the local save; also where the service keeps no metadata."""
    target_of(quick.plan).submit(quick.plan)
    openai.job["metadata"] = None
    assert quick.follow(), (quick.job, quick.said)
    assert len(openai.account.jobs) == 1


def test_a_file_that_azure_still_reads_is_waited_for_and_not_sent_again(
    openai: OpenAi, quick: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.launch.targets.azure_openai.files._PATIENCE_SECONDS", 0.5)
    openai.account.reads_files = False
    following = quick.in_background()
    # the list is asked once in each try
    until(lambda: sum(one.method == "GET" and one.path.endswith("/files") for one in openai.requests) > 2)
    assert quick.job.state == "preparing"
    openai.account.reads_files = True
    following.join(90)
    assert len([one for one in openai.account.files.values() if one["purpose"] == "fine-tune"]) == 1
    assert quick.job.state == "finalizing"


def test_azure_s_own_pause_between_questions_is_kept(openai: OpenAi, quick: Quick) -> None:
    fault = openai.fail(POLLED, 429, 1, Retry_After="10")
    following = quick.in_background()
    until(lambda: fault.met)
    asked = len(openai.requests)
    # so many looks later
    until(lambda: quick.job.state == "unknown")
    assert len(openai.requests) == asked
    following.join(90)
    assert quick.job.state == "finalizing"


def test_a_job_deleted_there_has_failed_and_says_so(openai: OpenAi, quick: Quick) -> None:
    openai.account.hold = "running"
    following = quick.in_background()
    until(lambda: quick.job.state == "running")
    openai.account.jobs.clear()
    following.join(90)
    assert (quick.job.state, quick.job.error.code) == ("failed", "remote_gone")  # type: ignore[union-attr]


def test_a_state_that_nobody_knows_is_unknown_and_not_the_end(openai: OpenAi, quick: Quick) -> None:
    openai.account.hold = "running"
    following = quick.in_background()
    until(lambda: quick.job.state == "running")
    openai.account.hold = "dreaming"
    openai.job["status"] = "dreaming"
    until(lambda: quick.job.state == "unknown")
    assert quick.job.remote is not None
    assert quick.job.remote.status == "dreaming"
    openai.job["status"], openai.account.hold = "running", None
    following.join(90)
    assert quick.job.state == "finalizing"


def test_a_failure_tells_codes_and_lines_and_no_row(openai: OpenAi, quick: Quick) -> None:
    openai.account.hold = "running"
    following = quick.in_background()
    until(lambda: quick.job.state == "running")
    openai.account.fail(openai.job, "invalid_training_file", f"Line 3 is not valid: {ROW}")
    following.join(90)
    assert quick.job.error is not None
    assert quick.job.error.detail == "The job failed at Azure: invalid_training_file, training_file (line 3)."
    assert ROW not in str(quick.said) + quick.job.error.remedy


def test_what_azure_refuses_fails_with_its_words(openai: OpenAi, quick: Quick) -> None:
    openai.account.refuse = {"code": "modelNotAvailable", "message": "key=abcdef is told in no message"}
    assert not quick.follow()
    assert quick.job.error is not None
    assert quick.job.error.code == "target_refused"
    assert "modelNotAvailable" in quick.job.error.detail
    assert "abcdef" not in quick.job.error.detail


def test_a_cancelled_job_has_ended_there_when_it_is_said_to_have(openai: OpenAi, quick: Quick) -> None:
    openai.account.hold = "running"
    following = quick.in_background()
    until(lambda: quick.job.state == "running")
    enter(quick.store, quick.id, "cancelling")
    openai.fail(r"POST .*/cancel", 503, 1)
    until(lambda: _told_to_end(quick))
    assert openai.job["status"] == "cancelled"
    enter(quick.store, quick.id, "cancelled")
    following.join(90)


def _told_to_end(quick: Quick) -> bool:
    try:
        return remote.told_to_end(quick.store, quick.id)
    except TuneGateError:
        return False


def test_what_costs_more_than_it_may_is_ended_there(openai: OpenAi, tmp_path: Path) -> None:
    dear = Quick(tmp_path / "dear", price=2.0, max_usd=0.05)
    openai.account.hold = "running"
    assert not dear.follow()
    assert dear.job.error is not None
    assert (dear.job.state, dear.job.error.code) == ("failed", "cost_exceeded")
    assert dear.job.cost == pytest.approx(0.06)
    assert openai.job["status"] == "cancelled"


@pytest.mark.parametrize(
    ("poison", "why"),
    [
        (b"step,train_loss\n1,=cmd()\n", "line 2, column train_loss: no number"),
        (b"step,train_loss\n1,0.5\n2,inf\n", "line 3, column train_loss: no number"),
        (b"step,train_loss\n1,0.5,0.5\n", "line 2 has 3 cells, 2 are named"),
        (b"<html>Sign in</html>", "its first line does not name the columns, step among them"),
        (b"step,\xff\xfe\n", "it is no CSV in UTF-8"),
        (b"step,train_loss\n" + b"1,0.5\n" * 3_000_000, "it is longer than 16777216 bytes"),
    ],
    ids=["formula", "infinite", "cells", "page", "bytes", "huge"],
)
def test_poisoned_metrics_are_refused_and_the_model_is_not_lost(
    openai: OpenAi, quick: Quick, poison: bytes, why: str
) -> None:
    openai.account.metrics = poison
    assert quick.follow(), (quick.job, quick.said)
    quick.fetch()
    hosted = quick.job.hosted
    assert hosted is not None
    assert hosted.metrics_refused == f"results.csv is not taken: {why}"
    assert hosted.metrics == {}
    assert hosted.model == openai.job["fine_tuned_model"]
    assert not (quick.out / "metrics").exists()


@pytest.mark.parametrize("model", [None, "../../etc/passwd", "a model\n", 5])
def test_a_model_without_a_usable_name_is_no_success(openai: OpenAi, quick: Quick, model: object) -> None:
    assert quick.follow(), (quick.job, quick.said)
    openai.job["fine_tuned_model"] = model
    with pytest.raises(TuneGateError) as raised:
        quick.fetch()
    assert raised.value.code == "artifact_corrupt"


def test_two_who_follow_one_job_make_one(openai: OpenAi, quick: Quick) -> None:
    threads = [quick.in_background() for _ in range(2)]
    for thread in threads:
        thread.join(90)
    assert len(openai.account.jobs) == 1
