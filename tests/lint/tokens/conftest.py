"""The reference: tiktoken with ranks of a verified package, in a cache folder of the test's own."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest

from service.lint.tokens.encodings import RANKS

ENCODINGS = ("o200k_base", "cl100k_base")


@pytest.fixture(scope="session")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """TIKTOKEN_CACHE_DIR with the ranks of ENCODINGS, each checked against its published sha256."""
    folder = tmp_path_factory.mktemp("ranks")
    for name in ENCODINGS:
        # found without an import: the package would load its own engine
        packed = Path(str(distribution("bpe-openai").locate_file(f"bpe_openai/data/{name}.tiktoken.gz")))
        content = gzip.decompress(packed.read_bytes())
        assert hashlib.sha256(content).hexdigest() == RANKS[name].sha256
        (folder / RANKS[name].cache_name).write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
        yield folder
