"""Events as the client reads them, from a server that sends any text in any pieces."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.client import Client
from service.client.retrying import Retries

# what Python's splitlines takes for the end of a line, and streams of events do not
BREAKS = "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e"
TEXTS = st.text(st.sampled_from(f"a\u20ac\U0001f600{BREAKS}"), max_size=12)


@given(st.lists(TEXTS, min_size=1, max_size=4), st.integers(1, 40))
def test_any_text_comes_whole_in_whatever_pieces(texts: list[str], size: int) -> None:
    data = [{"message": text} for text in texts]
    events = [("log", one) for one in data] + [("end", {"state": "succeeded"})]
    stream = "".join(
        f"id: {n}\nevent: {event}\ndata: {json.dumps(one, ensure_ascii=False)}\n\n"
        for n, (event, one) in enumerate(events, start=1)
    ).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            for start in range(0, len(stream), size):
                self.wfile.write(stream[start : start + size])

        def log_message(self, *given: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            with Client(f"http://127.0.0.1:{server.server_port}", retries=Retries(tries=1)) as client:
                assert [(one.event, one.data) for one in client.job_events("one")] == events
        finally:
            server.shutdown()
