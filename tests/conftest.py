"""What holds for every test: a busy machine is no reason for a property test to fail, nobody looks for personal data
who does not say so (it takes seconds to load; tests/lint/privacy say so), and no test touches the user's own folder.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("shared-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared-machine")

os.environ["TUNEGATE_PRIVACY"] = "off"
# a shell that starts the tests in the background ignores Ctrl-C, and what the tests start would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNEGATE_HOME", str(tmp_path_factory.mktemp("tunegate")))
        yield
