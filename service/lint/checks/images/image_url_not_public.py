r"""M008 An image address that nobody else can read.

## What it finds
An address that is not https, or is of a private host; nothing is fetched.

## Why it matters
The service fetches it and finds nothing.

## Example
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "http://localhost/a.png"}}]}, {"role": "assistant", "content": "A map."}]}

## Instead
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]}

## Fix safety
No fix: only a person knows what was meant.

## References
azure-vision
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from service.lint.check import Check, Hit, Row
from service.lint.shape import image_url, parts


def find(row: Row) -> Iterator[Hit]:
    for place, _, part in parts(row):
        url = image_url(part)
        if url is not None and not url.startswith("data:") and not _public(url):
            yield Hit("not a public https address", pointer=place)


def _public(url: str) -> bool:
    try:
        found = urlsplit(url)
        host = found.hostname or ""
        if found.scheme != "https" or not host or host == "localhost" or host.endswith((".localhost", ".local")):
            return False
        return "." in host if not host.replace(".", "").isdigit() else ip_address(host).is_global
    except ValueError:
        return False


CHECK = Check(code="M008", scope="row", severity="WWWI", find=find, needs=("images",))
