"""Counts with a local model's own tokenizer, in the frame that its chat template writes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from service.errors import TuneGateError, missing_extra
from service.lint.templates.behaviour import conversation, probed, roles
from service.lint.templates.reading import ChatTemplate, read_template
from service.lint.templates.rendering import UnusableTemplate
from service.lint.tokens.characters import well_formed
from service.lint.tokens.framing import Framing

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_FILE = "tokenizer.json"
# probes that the frame is tried on, in other words than those that it is measured by
_TRIED_ON = ("UAUAUA", "SUAUA")


class LocalCounter(msgspec.Struct, frozen=True):
    """The tokenizer.json of a model folder; the digest tells a changed file from the one that was chosen."""

    folder: Path
    sha256: str
    note: str | None = None

    @property
    def name(self) -> str:
        return f"{_FILE} {self.sha256[:8]}"

    def count(self, texts: list[str]) -> list[int]:
        tokenizer = _tokenizer(self.folder, self.sha256, "text")
        # a few MB per second: a system prompt that every row repeats is worth counting once
        each = list(dict.fromkeys(texts))
        encodings = tokenizer.encode_batch_fast([well_formed(text) for text in each], add_special_tokens=False)
        sizes = dict(zip(each, map(len, encodings), strict=True))
        return [sizes[text] for text in texts]

    def framing(self) -> Framing:
        template = read_template(self.folder)
        if template is None:
            return _bare("the model folder has no chat template: only the texts are counted")
        return _framing(self, template)

    def rendered(self, text: str) -> int:
        """Tokens of a rendered conversation, in which the text of a special token is that token."""
        return len(_tokenizer(self.folder, self.sha256, "rendered").encode(text, add_special_tokens=False))


def local_counter(target: str, folder: Path | None) -> LocalCounter:
    """The counter of a model folder.

    Raises:
        TuneGateError: `missing_encoder` without a folder, its tokenizer.json or the library that reads it,
            `unreadable_model` for a file that is no tokenizer.

    """
    if folder is None:
        raise TuneGateError(
            "missing_encoder",
            f"The target {target} trains many models, and no model folder is named whose tokenizer could count.",
            remedy=f"Name the folder of the base model (--model FOLDER with {_FILE}), or use --tokens auto.",
        )
    path = folder / _FILE
    if not path.is_file():
        raise TuneGateError(
            "missing_encoder",
            f"The model folder {folder.name} holds no {_FILE}.",
            remedy=f"Save the tokenizer as {_FILE} (save_pretrained of a fast tokenizer), or use --tokens auto.",
        )
    digest = hashlib.sha256(_read(path)).hexdigest()
    _tokenizer(folder, digest, "text")
    return LocalCounter(folder, digest)


@lru_cache(maxsize=4)
def _tokenizer(folder: Path, digest: str, reads: str) -> Tokenizer:
    # worker processes are what scales the count; threads of its own would warn or hang after a fork
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise _no_library(error) from error
    path = folder / _FILE
    content = _read(path)
    if hashlib.sha256(content).hexdigest() != digest:
        raise _unreadable(path, "it was changed while it was counting")
    try:
        tokenizer = Tokenizer.from_str(content.decode("utf-8-sig"))
    except Exception as error:  # the library raises a bare Exception
        raise _unreadable(path, "not a tokenizer that the library tokenizers reads") from error
    # what a folder was last used with must not shorten or lengthen a count
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = reads == "text"
    return tokenizer


@lru_cache(maxsize=4)
def _framing(counter: LocalCounter, template: ChatTemplate) -> Framing:
    """One figure per role, measured on the template's rendering of probes and tried on longer ones."""
    try:
        texts = probed(template)
    except UnusableTemplate as error:
        return _bare(f"the chat template cannot be used ({error}): only the texts are counted")
    around = {probe: counter.rendered(text) - _inside(counter, probe) for probe, text in texts.items() if text}
    if "ua" not in around or "uaua" not in around:
        return _bare("the chat template refuses a plain conversation: only the texts are counted")
    return _measured(around)


def _measured(around: Mapping[str, int]) -> Framing:
    turn = around["uaua"] - around["ua"]
    start = around["ua"] - turn
    user = around["uau"] - around["ua"] if "uau" in around else turn // 2
    answer = turn - user
    system = around["sua"] - around["ua"] if "sua" in around else user
    tool = around["uata"] - around["ua"] - answer if "uata" in around else user
    measured = Framing(
        start=start,
        by_role={"system": system, "developer": system, "user": user, "assistant": answer, "tool": tool},
        other_role=user,
        exact=False,
        scheme="",
    )
    tried = [probe for probe in _TRIED_ON if probe in around]
    exact = bool(tried) and all(measured.tokens(roles(probe)) == around[probe] for probe in tried)
    scheme = "turns framed as the model's chat template writes them" + (
        "" if exact else ", to about a token per message"
    )
    return msgspec.structs.replace(measured, exact=exact, scheme=scheme)


def _inside(counter: LocalCounter, probe: str) -> int:
    return sum(counter.count([message["content"] for message in conversation(probe)]))


def _bare(scheme: str) -> Framing:
    return Framing(start=0, by_role={}, other_role=0, exact=False, scheme=scheme)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error.strerror or "cannot be read") from error


def _unreadable(path: Path, what: str) -> TuneGateError:
    return TuneGateError(
        "unreadable_model", f"{path}: {what}.", remedy="Download the model's tokenizer again, or use --tokens auto."
    )


def _no_library(cause: ImportError) -> TuneGateError:
    error = missing_extra("tokens", "Counting with a model's own tokenizer", cause)
    return TuneGateError("missing_encoder", error.detail, remedy=error.remedy)
