"""A storage account: what uploads and downloads ask of it; keys and signatures are not checked."""

from __future__ import annotations

import hashlib
import threading
from email.utils import formatdate
from xml.sax.saxutils import escape

from loopback import Answer, Asked


class Blobs:
    """Bytes by "container/name"; `metadata` beside them."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.metadata: dict[str, dict[str, str]] = {}
        self._blocks: dict[tuple[str, str], bytes] = {}
        self._lock = threading.Lock()

    def __call__(self, asked: Asked) -> Answer | None:
        path, kind = asked.path.lstrip("/"), asked.query.get("comp")
        with self._lock:
            if kind == "list":
                return self._list(path, asked.query)
            if asked.query.get("restype") == "container":
                return Answer(201 if asked.method == "PUT" else 200, headers=_head(b""))
            if asked.method == "PUT":
                return self._put(path, kind, asked)
            if asked.method in {"GET", "HEAD"}:
                return self._get(path, asked)
        return None

    def under(self, prefix: str) -> dict[str, bytes]:
        """Blobs below a prefix, by what follows it."""
        with self._lock:
            return {name.removeprefix(prefix): body for name, body in self.content.items() if name.startswith(prefix)}

    def put(self, name: str, body: bytes) -> None:
        with self._lock:
            self.content[name] = body

    def _put(self, path: str, kind: str | None, asked: Asked) -> Answer:
        metadata = {
            name.removeprefix("x-ms-meta-"): value
            for name, value in asked.headers.items()
            if name.startswith("x-ms-meta-")
        }
        if kind == "block":
            self._blocks[path, asked.query["blockid"]] = asked.body
            return Answer(201, headers=_head(asked.body))
        if kind == "metadata":
            if path not in self.content:
                return _missing()
            self.metadata[path] = metadata
            return Answer(200, headers=_head(self.content[path]))
        body = asked.body
        if kind == "blocklist":
            from xml.etree import ElementTree as ET

            body = b"".join(self._blocks.pop((path, str(one.text))) for one in ET.fromstring(asked.body))
        if asked.headers.get("if-none-match") == "*" and path in self.content:
            return Answer(409, headers={"x-ms-error-code": "BlobAlreadyExists"})
        self.content[path], self.metadata[path] = body, metadata
        return Answer(201, headers=_head(body))

    def _get(self, path: str, asked: Asked) -> Answer:
        body = self.content.get(path)
        if body is None:
            return _missing()
        headers = _head(body) | {
            "x-ms-blob-type": "BlockBlob", "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream",
        } | {f"x-ms-meta-{name}": value for name, value in self.metadata.get(path, {}).items()}  # fmt: skip
        wanted = asked.headers.get("x-ms-range") or asked.headers.get("range")
        if asked.method == "HEAD":
            return Answer(200, b"", headers | {"Content-Length": str(len(body))})
        if wanted is None:
            return Answer(200, body, headers)
        if not body:
            return Answer(416, headers={"x-ms-error-code": "InvalidRange"})
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        end = min(int(last or len(body) - 1), len(body) - 1)
        part = body[int(first) : end + 1]
        return Answer(206, part, headers | {"Content-Range": f"bytes {first}-{end}/{len(body)}"})

    def _list(self, container: str, query: dict[str, str]) -> Answer:
        begin = f"{container}/{query.get('prefix', '')}"
        rows = "".join(
            f"<Blob><Name>{escape(name.removeprefix(container + '/'))}</Name><Properties>"
            f"<Last-Modified>{formatdate(usegmt=True)}</Last-Modified><Etag>0x1</Etag>"
            f"<Content-Length>{len(body)}</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob>"
            for name, body in sorted(self.content.items()) if name.startswith(begin)
        )  # fmt: skip
        text = f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="{container}">'
        text += f"<Blobs>{rows}</Blobs><NextMarker/></EnumerationResults>"
        return Answer(200, text.encode(), {"Content-Type": "application/xml"})


def _head(body: bytes) -> dict[str, str]:
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return {"ETag": f'"0x{digest[:16]}"', "Last-Modified": formatdate(usegmt=True), "x-ms-version": "2024-11-04"}


def _missing() -> Answer:
    return Answer(404, headers={"x-ms-error-code": "BlobNotFound"})
