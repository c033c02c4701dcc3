"""What a service takes that follows many managed jobs: CPU and memory, against the same service with none.

Run: python benchmarks/followed_jobs.py [JOBS] (default 500). The jobs run on a loopback Azure OpenAI, reached by the
real client through a proxy, in a process of its own; each is looked at once per poll_seconds, as shipped,
and less often while nothing is heard of it; a look is two requests, for the job and for its events. The service
holds everything: API, worker, followers. Goals: 300 MB and 10 % of a core.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), *(str(ROOT / "tests" / one) for one in ("azure", "serving"))]

from service.launch.targets.azure_openai.settings import AzureOpenAiSettings  # noqa: E402
from tests.azure_openai import service as azure  # noqa: E402
from tests.azure_openai.conftest import OpenAi, Service  # noqa: E402

_SETTLED_SECONDS = 15
_MEASURED_SECONDS = 60
# until nothing was heard of any job for so long that it is looked at as rarely as can be
_QUIET_SECONDS = 240
_MB = 1e6
SHIPPED = AzureOpenAiSettings(endpoint="https://none.openai.azure.com", training_type="GlobalStandard").poll_seconds


def taken(service: Service) -> tuple[float, float]:
    """(percent of a core, MB of the process) over a while."""
    process = psutil.Process(service.process.pid)
    begun, before = time.monotonic(), sum(process.cpu_times()[:2])
    time.sleep(_MEASURED_SECONDS)
    share = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - begun) * 100
    return share, process.memory_info().rss / _MB


def asked(openai: OpenAi) -> int:
    """How often a job or its events were asked for so far."""
    return sum(one.method == "GET" and "/fine_tuning/jobs/" in one.path for one in openai.requests)


def until(happened: Callable[[], bool]) -> None:
    """Return once it happened."""
    while not happened():
        time.sleep(0.5)


def main() -> None:
    """Print what one service takes without and with the jobs."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    day = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    print(f"{day}; Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()} (load {load})")
    with tempfile.TemporaryDirectory() as folder:
        home, place = Path(folder) / "home", Path(folder) / "azure"
        home.mkdir()
        place.mkdir()
        openai = OpenAi(place)
        azure.MOST = 100  # as many as a page holds there
        openai.account.hold = "running"
        quiet = home / "quiet.toml"
        quiet.write_text('[privacy]\nmode = "off"\n')
        settings = {"TUNEGATE_PRIVACY_SETTINGS": str(quiet), "TUNEGATE_AZURE_OPENAI_POLL_SECONDS": str(SHIPPED)}
        service = Service(home, openai, **settings)
        try:
            _measured(service, openai, jobs)
        finally:
            service.kill()
            openai.close()


def _measured(service: Service, openai: OpenAi, jobs: int) -> None:
    time.sleep(_SETTLED_SECONDS)
    share, held = taken(service)
    print(f"no job: {share:.2f} % of a core, {held:.0f} MB")
    plan = service.plan()
    begun = time.monotonic()
    for number in range(jobs):
        service.launched(plan, f"job-{number}")
    until(lambda: len(openai.account.jobs) == jobs)
    print(f"{jobs} jobs were submitted within {time.monotonic() - begun:.0f} s")
    for when, seconds in (("soon after that", SHIPPED), ("once they are quiet", _QUIET_SECONDS)):
        time.sleep(seconds)
        before = asked(openai)
        share, held = taken(service)
        often = (asked(openai) - before) / _MEASURED_SECONDS
        print(f"{jobs} followed jobs, {when}: {share:.2f} % of a core (goal 10), ", end="")
        print(f"{held:.0f} MB (goal 300); {often:.1f} requests a second")


if __name__ == "__main__":
    main()
