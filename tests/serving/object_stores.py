"""Real stores of objects on this machine: Azurite (Azure Blob) and moto (S3), and a relay whose line can be cut."""

from __future__ import annotations

import base64
import contextlib
import email.utils
import hashlib
import hmac
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx

# public constants of every Azurite
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_SECONDS = 120


class ObjectStore:
    """A server with one container or bucket, `kept`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.start()

    def start(self) -> None:
        """Start it, again with what a killed one kept where it keeps anything."""
        with (self.folder / "store.log").open("ab") as log:
            command = [*self.command(), *map(str, self.arguments())]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        until_open(self.port)
        self.create("kept")

    def stop(self) -> None:
        """Kill it with all its processes."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def command(self) -> list[str]:
        raise NotImplementedError

    def arguments(self) -> list[Any]:
        raise NotImplementedError

    def create(self, container: str) -> None:
        raise NotImplementedError

    def environment(self, port: int | None = None) -> dict[str, str]:
        """How its SDK is told where it is and who we are."""
        raise NotImplementedError

    def url(self, path: str = "", container: str = "kept") -> str:
        raise NotImplementedError


class Azurite(ObjectStore):
    """Azure Blob Storage."""

    found = shutil.which("azurite-blob") is not None

    def command(self) -> list[str]:
        return ["azurite-blob"]

    def arguments(self) -> list[Any]:
        flags = ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
        return [*flags, "--inMemoryPersistence", "--blobHost", "127.0.0.1", "--blobPort", self.port]

    def create(self, container: str) -> None:
        date = email.utils.formatdate(usegmt=True)
        headers = {"x-ms-date": date, "x-ms-version": "2021-08-06"}
        told = "".join(f"{name}:{value}\n" for name, value in headers.items())
        signed = "PUT" + "\n" * 12 + f"{told}/{ACCOUNT}/{ACCOUNT}/{container}\nrestype:container"
        digest = hmac.new(base64.b64decode(ACCOUNT_KEY), signed.encode(), hashlib.sha256).digest()
        headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
        url = f"http://127.0.0.1:{self.port}/{ACCOUNT}/{container}?restype=container"
        assert httpx.put(url, headers=headers, trust_env=False).status_code in {201, 409}

    def environment(self, port: int | None = None) -> dict[str, str]:
        return {
            "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": ACCOUNT_KEY,
            "AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{port or self.port}/{ACCOUNT}",
        }

    def url(self, path: str = "", container: str = "kept") -> str:
        return f"az://{container}/{path}".rstrip("/")


class Moto(ObjectStore):
    """S3; it keeps everything in memory."""

    found = importlib.util.find_spec("moto") is not None and importlib.util.find_spec("flask") is not None

    def command(self) -> list[str]:
        return [sys.executable, "-m", "moto.server"]

    def arguments(self) -> list[Any]:
        return ["-H", "127.0.0.1", "-p", self.port]

    def create(self, container: str) -> None:
        url = f"http://127.0.0.1:{self.port}/{container}"
        assert httpx.put(url, trust_env=False, timeout=_SECONDS).status_code in {200, 409}

    def environment(self, port: int | None = None) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "a-key",
            "AWS_SECRET_ACCESS_KEY": "its-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port or self.port}",
        }

    def url(self, path: str = "", container: str = "kept") -> str:
        return f"s3://{container}/{path}".rstrip("/")


KINDS: list[type[ObjectStore]] = [kind for kind in (Azurite, Moto) if kind.found]


class Relay:
    """Passes bytes on to a port until its line is cut, at once or after so many bytes towards the store or from it."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.port = free_port()
        self._lines: list[socket.socket] = []
        self.sent = self.given = 0
        self._most_sent = self._most_given = sys.maxsize
        self.mend()

    def mend(self) -> None:
        """Take calls again."""
        self.sent = self.given = 0
        self._most_sent = self._most_given = sys.maxsize
        self._door = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._take, args=(self._door,), daemon=True).start()

    def cut(self) -> None:
        """Close the door and every line, as a network that is gone."""
        for one in [self._door, *self._lines]:
            _shut(one)
        self._lines.clear()

    def cut_after(self, *, sent: int | None = None, given: int | None = None) -> None:
        """Cut once so many bytes more have gone to the store, or come from it."""
        self.sent = self.given = 0
        self._most_sent, self._most_given = sent or sys.maxsize, given or sys.maxsize

    def _take(self, door: socket.socket) -> None:
        while True:
            try:
                here, _ = door.accept()
                there = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self._lines += [here, there]
            for source, sink in ((here, there), (there, here)):
                threading.Thread(target=self._pass, args=(source, sink, sink is there), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, outward: bool) -> None:
        try:
            while piece := source.recv(65_536):
                sink.sendall(piece)
                if outward:
                    self.sent += len(piece)
                else:
                    self.given += len(piece)
                if self.sent > self._most_sent or self.given > self._most_given:
                    return self.cut()
        except OSError:
            pass
        _shut(source)
        return _shut(sink)


def _shut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def until_open(port: int) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
