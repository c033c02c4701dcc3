"""A target that never answers, while a job of another one goes on."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading

import pytest
from quick import Quick

from service.jobs.threads import threaded, transferring

pytestmark = pytest.mark.usefixtures("led_there")


def test_a_target_that_never_answers_holds_up_no_other(quick: Quick) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as silent:
        silent.settimeout(60)

        def ask() -> None:
            asked = http.client.HTTPConnection(*silent.getsockname())
            asked.request("GET", "/openai/v1/fine_tuning/jobs/one")
            asked.getresponse()

        async def ask_often() -> None:
            calls = [one(ask, target="azure-openai") for one in (threaded, transferring) for _ in range(40)]
            await asyncio.gather(*calls, return_exceptions=True)

        asking = threading.Thread(target=lambda: asyncio.run(ask_often()), daemon=True)
        asking.start()
        held = [silent.accept()[0] for _ in range(2 * 16)]  # all threads of that target
        following = quick.in_background()
        following.join(300)
        ended, waiting = not following.is_alive(), asking.is_alive()
    for one in held:
        one.close()
    asking.join(120)
    assert (ended, waiting, asking.is_alive()) == (True, True, False)
    assert quick.job.state == "finalizing"
