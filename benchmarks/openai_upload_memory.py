"""Peak memory while rows are uploaded to Azure OpenAI: ours, and the same client given a path.

Run: python benchmarks/openai_upload_memory.py [MB] (default 2000; the file is sparse and takes no space). Each upload
is a process of its own whose VmHWM (Linux) is told, against a server of this machine that reads and drops the body.
The peer is files.create(file=Path(...)), which the client's own guide shows; above PEER_MB it is not tried, because
it holds the whole file.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PEER_MB = 500
MB = 1_000_000
CHUNK_BYTES = 1 << 20
OURS = """
import sys
from pathlib import Path
from service.launch.targets.azure_openai.account import account_of
from service.launch.targets.azure_openai.files import file_of
from service.launch.targets.azure_openai.settings import AzureOpenAiSettings
account = account_of(AzureOpenAiSettings(endpoint=sys.argv[1], training_type="GlobalStandard"))
if len(sys.argv) > 2:
    file_of(account, "rows.jsonl", Path(sys.argv[2]))
else:
    account.ask("asking", lambda client: client.files.list())
"""
PEER = """
import sys
from pathlib import Path
from openai import OpenAI
OpenAI(base_url=sys.argv[1] + "/openai/v1/").files.create(file=Path(sys.argv[2]), purpose="fine-tune", timeout=900)
"""
TOLD = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


class Service(BaseHTTPRequestHandler):
    """Files alone; bodies are counted and dropped."""

    protocol_version = "HTTP/1.1"
    taken = 0

    def do_GET(self) -> None:
        self._say({"object": "list", "data": [], "has_more": False})

    def do_POST(self) -> None:
        left = size = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, CHUNK_BYTES)))
        Service.taken = size
        self._say({"id": "file-1", "object": "file", "bytes": size, "filename": "rows.jsonl", "status": "processed"})

    def _say(self, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


def peak_mb(program: str, *arguments: str) -> tuple[float, float]:
    """(MB, seconds) of one process."""
    environment = os.environ | {"AZURE_OPENAI_API_KEY": "none", "OPENAI_API_KEY": "none"}
    began = time.monotonic()
    command = [sys.executable, "-c", program + TOLD, *arguments]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout) * 1024 / MB, time.monotonic() - began


def main() -> None:
    """Print both peaks."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    print(f"upload to Azure OpenAI: Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores")
    print(f"{time.strftime('%Y-%m-%d', time.gmtime())}, load of the machine before: {os.getloadavg()[0]:.1f}")
    nothing, _ = peak_mb(OURS, url)
    print(f"no upload: peak {nothing:.0f} MB")
    with tempfile.TemporaryDirectory() as folder:
        for who, program, most in (("ours", OURS, size), ("the client given a path", PEER, min(size, PEER_MB))):
            for megabytes in sorted({most // 10, most}):
                path = Path(folder) / "rows.jsonl"
                path.write_bytes(b"")
                os.truncate(path, megabytes * MB)
                peak, seconds = peak_mb(program, url, str(path))
                assert Service.taken > megabytes * MB
                print(f"{who}: {megabytes} MB, peak {peak:.0f} MB ({peak - nothing:+.0f}), {seconds:.1f} s")


if __name__ == "__main__":
    main()
