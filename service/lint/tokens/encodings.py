"""Which encoding a model of OpenAI counts in, and where its ranks would lie."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import msgspec

# every model that openai and azure-openai tune (2026-11-21)
DEFAULT = "o200k_base"
_ORIGIN = "https://openaipublic.blob.core.windows.net/encodings/"

# As tiktoken 0.14.0 maps them (tiktoken/model.py, read 2026-11-21; a test holds the two equal). It is asked itself for
# names that are newer than this table. Kept here because the base install goes without it and gives the same report.
_MODELS: dict[str, tuple[str, ...]] = {
    "o200k_base": ("o1", "o3", "o4-mini", "gpt-5", "gpt-4.1", "gpt-4o"),
    "cl100k_base": (
        "gpt-4", "gpt-3.5-turbo", "gpt-3.5", "gpt-35-turbo", "davinci-002", "babbage-002", "text-embedding-ada-002",
        "text-embedding-3-small", "text-embedding-3-large",
    ),
    "p50k_base": (
        "text-davinci-003", "text-davinci-002", "code-davinci-002", "code-davinci-001", "code-cushman-002",
        "code-cushman-001", "davinci-codex", "cushman-codex",
    ),
    "p50k_edit": ("text-davinci-edit-001", "code-davinci-edit-001"),
    "r50k_base": (
        "text-davinci-001", "text-curie-001", "text-babbage-001", "text-ada-001", "davinci", "curie", "babbage", "ada",
        "text-similarity-davinci-001", "text-similarity-curie-001", "text-similarity-babbage-001",
        "text-similarity-ada-001", "text-search-davinci-doc-001", "text-search-curie-doc-001",
        "text-search-babbage-doc-001", "text-search-ada-doc-001", "code-search-babbage-code-001",
        "code-search-ada-code-001",
    ),
    "gpt2": ("gpt2", "gpt-2"),
}  # fmt: skip
_PREFIXES: dict[str, tuple[str, ...]] = {
    "o200k_base": ("o1-", "o3-", "o4-mini-", "gpt-5", "gpt-4.5-", "gpt-4.1-", "chatgpt-4o-", "gpt-4o-"),
    "cl100k_base": ("gpt-4-", "gpt-3.5-turbo-", "gpt-35-turbo-"),
    "o200k_harmony": ("gpt-oss-",),
}


class Ranks(msgspec.Struct, frozen=True):
    """The ranks file of an encoding: where it comes from and its sha256 (tiktoken_ext/openai_public.py, 0.14.0)."""

    file: str
    sha256: str

    @property
    def url(self) -> str:
        return _ORIGIN + self.file

    @property
    def cache_name(self) -> str:
        """The name that tiktoken looks for in its cache folder: the SHA-1 of the address."""
        return hashlib.sha1(self.url.encode()).hexdigest()  # noqa: S324 - tiktoken's naming, no protection

    def at_hand(self, folder: Path | None) -> bool:
        """Whether the whole file lies in the folder. tiktoken deletes a file that does not match, and downloads."""
        try:
            return folder is not None and _sha256(folder / self.cache_name) == self.sha256
        except OSError:
            return False


_O200K = Ranks("o200k_base.tiktoken", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d")
_P50K = Ranks("p50k_base.tiktoken", "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069")
RANKS: dict[str, Ranks] = {
    "o200k_base": _O200K,
    "o200k_harmony": _O200K,
    "cl100k_base": Ranks("cl100k_base.tiktoken", "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"),
    "p50k_base": _P50K,
    "p50k_edit": _P50K,
    "r50k_base": Ranks("r50k_base.tiktoken", "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930"),
}


def encoding_of(model: str) -> str | None:
    """The encoding of a base or tuned model, None for a name that is not one of OpenAI's.

    A tuned model counts as its base does. tiktoken takes "ft:gpt-4.1-..." for gpt-4 (its table knows no "ft:gpt-4.1").
    """
    base = _base_of(model)
    for encoding, names in _MODELS.items():
        if base in names:
            return encoding
    for encoding, prefixes in _PREFIXES.items():
        if base.startswith(prefixes):
            return encoding
    return _asked(base)


def cache_folder() -> Path | None:
    """The cache folder of tiktoken by its own rules; an empty variable turns the cache off."""
    for variable in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        if variable in os.environ:
            return Path(os.environ[variable]) if os.environ[variable] else None
    return Path(tempfile.gettempdir()) / "data-gym-cache"


def _base_of(model: str) -> str:
    """The base model in the names that OpenAI and Azure give to tuned models."""
    name = model.strip().lower()
    if name.startswith("ft:"):
        return name.split(":")[1]
    return name.partition(".ft-")[0].partition(":ft-")[0]


def _asked(base: str) -> str | None:
    """What tiktoken itself answers, where it is installed."""
    try:
        from tiktoken.model import encoding_name_for_model
    except ImportError:
        return None
    try:
        return str(encoding_name_for_model(base))
    except KeyError:
        return None


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
