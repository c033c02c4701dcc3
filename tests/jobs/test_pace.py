"""The pauses between looks at a remote job, as laws over whatever is heard of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.jobs.pace import Pace
from service.launch.targets.target import LaunchPlan

HEARD = st.lists(st.sampled_from(["news", "nothing", "no answer"]), max_size=40)
SECONDS = 30.0


def launched(max_usd: float | None = None) -> LaunchPlan:
    return LaunchPlan(
        target="azure-openai", name="one", request_sha256="0" * 64, poll_seconds=SECONDS, manifest={}, files={},
        max_usd=max_usd,
    )  # fmt: skip


def paced(heard: list[str], max_usd: float | None = None) -> list[float]:
    """The pause after each look."""
    pace, pauses = Pace(launched(max_usd)), []
    for one in heard:
        if one == "no answer":
            pace.unanswered(gone=False)
        else:
            pace.looked(news=one == "news")
        pauses.append(pace.pause)
    return pauses


@given(HEARD)
def test_no_pause_is_shorter_than_asked_for_or_longer_than_ten_times(heard: list[str]) -> None:
    assert all(SECONDS <= one <= 10 * SECONDS for one in paced(heard))


@given(HEARD)
def test_after_news_it_is_looked_at_as_often_as_asked_for(heard: list[str]) -> None:
    assert paced([*heard, "news"])[-1] == SECONDS


@given(HEARD)
def test_a_job_with_a_limit_of_costs_is_looked_at_as_often_as_asked_for(heard: list[str]) -> None:
    answered = [one for one in heard if one != "no answer"]
    assert set(paced(answered, max_usd=1.0)) <= {SECONDS}


def test_a_quiet_job_is_looked_at_less_often_to_a_bound() -> None:
    pauses = paced(["nothing"] * 10)
    assert pauses == sorted(pauses)
    assert pauses[0] > SECONDS
    assert pauses[-1] == 4 * SECONDS


def test_one_that_is_said_to_be_gone_is_looked_at_as_often_as_asked_for() -> None:
    pace = Pace(launched())
    for _ in range(5):
        pace.looked(news=False)
    pace.unanswered(gone=True)
    assert pace.pause == SECONDS


def test_after_something_was_asked_of_the_target_two_looks_come_as_soon_as_asked_for() -> None:
    pace = Pace(launched())
    for _ in range(5):
        pace.looked(news=False)
    pace.stirred()
    assert pace.pause == SECONDS
    pace.looked(news=False)
    assert pace.pause == SECONDS
