"""A container registry over a socket, behind a token service: what KAITO's pusher leaves, and broken variants."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOKEN = "quokka-token"
LOGIN = base64.b64encode(b"reader:quokka").decode()


class Registry:
    """Manifests by repository and tag, blobs by digest."""

    def __init__(self) -> None:
        self.manifests: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.failing = 0

    def push(self, image: str, layer: bytes, *, preset: str = "phi-4-mini-instruct") -> str:
        """One layer under REPOSITORY:TAG; its digest."""
        digest = f"sha256:{hashlib.sha256(layer).hexdigest()}"
        self.blobs[digest] = layer
        repository, _, tag = image.rpartition(":")
        one = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest, "size": len(layer)}
        manifest = {"schemaVersion": 2, "layers": [one], "annotations": {"sh.kaito.model.name": preset}}
        self.manifests[f"{repository}/manifests/{tag}"] = json.dumps(manifest).encode()
        return digest


def layer(files: dict[str, bytes]) -> bytes:
    """A gzipped tar, as pusher.sh makes it: a folder with its files."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        folder = tarfile.TarInfo("data")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(sink.getvalue())


def docker_login(folder: Path, address: str) -> Path:
    """A folder for DOCKER_CONFIG, as docker login leaves it."""
    made = folder / "docker"
    made.mkdir()
    (made / "config.json").write_text(json.dumps({"auths": {address: {"auth": LOGIN}}}))
    return made


@contextmanager
def served(registry: Registry) -> Iterator[str]:
    """HOST:PORT while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            said = self.headers.get("Authorization")
            if self.path.startswith("/token"):
                known = said == f"Basic {LOGIN}"
                return self.send(200 if known else 401, json.dumps({"token": TOKEN}).encode() if known else b"{}", {})
            if said != f"Bearer {TOKEN}":
                realm = f'Bearer realm="http://{self.headers["Host"]}/token",service="registry",scope="pull"'
                return self.send(401, b"{}", {"WWW-Authenticate": realm})
            if registry.failing:
                registry.failing -= 1
                return self.send(503, b"{}", {})
            path = self.path.removeprefix("/v2/")
            found = registry.manifests.get(path) or registry.blobs.get(path.rpartition("/")[2])
            return self.send(404 if found is None else 200, found or b"{}", {})

        def send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
