"""What holds for every test: neither a busy machine nor chance fails a property test, nobody looks for personal data
who does not say so (it takes seconds to load; tests/lint/privacy say so), and no test touches the user's own folder.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

shared = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# the same examples each time, so that a failure is of the change under test; to look for new ones:
# pytest --hypothesis-profile=search
settings.register_profile("same-examples", shared, derandomize=True)
settings.register_profile("search", shared, max_examples=1000)
settings.load_profile("same-examples")

os.environ["TUNEGATE_PRIVACY"] = "off"
# a shell that starts the tests in the background ignores Ctrl-C, and what the tests start would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNEGATE_HOME", str(tmp_path_factory.mktemp("tunegate")))
        yield


# by the CPU time that they take (CONTRIBUTING.md): what takes minutes begins first, so that the workers of `make test`
# end together; a folder stands for its files that are not named before it
LONGEST = (
    "trainers/test_several_processes.py", "demo", "trainers/test_resume.py",
    "trainers/classification/test_whole_runs.py", "trainers", "cli", "evaluate", "browser", "chat", "estimate", "jobs",
    "operation", "access", "api", "examples",
)  # fmt: skip


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _turn(item.path.relative_to(Path(__file__).parent).as_posix()))


def _turn(path: str) -> int:
    """Which one of LONGEST the file belongs to; all others follow as they were collected."""
    among = (turn for turn, name in enumerate(LONGEST) if path == name or path.startswith(f"{name}/"))
    return next(among, len(LONGEST))
